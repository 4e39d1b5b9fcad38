//! One fetch: the discovery document where there is one, redirects, and the key set.

use url::Url;

use super::https::{Answer, Client, check_url};
use super::problem::{Cause, FetchError};
use super::{Location, discovery};
use crate::auth::{JWKS_BYTES_MAX, KeySet};

/// The most redirects that one document is followed through.
const REDIRECTS_MAX: usize = 3;

/// Fetches the keys. How long it takes is for the caller to bound.
pub(super) async fn keys(client: &Client, location: &Location) -> Result<KeySet, FetchError> {
    let url = match location {
        Location::KeySet(url) => url.clone(),
        Location::Discovery { iss, document } => {
            let bytes = get(client, document).await?;
            discovery::jwks_uri(&bytes, iss)
                .map_err(|message| FetchError::new(document, Cause::Discovery(message)))?
        }
    };
    let bytes = get(client, &url).await?;
    KeySet::published(&bytes).map_err(|problem| FetchError::new(&url, Cause::Keys(problem)))
}

/// A document, by way of redirects. Every place on the way is held to the same rules.
async fn get(client: &Client, url: &Url) -> Result<Vec<u8>, FetchError> {
    let mut url = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let answer = client.get(&url, JWKS_BYTES_MAX).await;
        match answer.map_err(|cause| FetchError::new(&url, cause))? {
            Answer::Body(bytes) => return Ok(bytes),
            Answer::Redirect(location) => {
                url = redirected(&url, &location)
                    .map_err(|message| FetchError::new(&url, Cause::Redirect(message)))?;
            }
        }
    }
    let message = format!("it is one of more than {REDIRECTS_MAX}");
    Err(FetchError::new(&url, Cause::Redirect(message)))
}

/// Where `Location` leads, seen from `url` (RFC 9110 section 10.2.2).
fn redirected(url: &Url, location: &str) -> Result<Url, String> {
    let next = url.join(location).map_err(|error| format!("it leads to no URL: {error}"))?;
    check_url(&next).map_err(|message| format!("the place it leads to {message}"))?;
    Ok(next)
}
