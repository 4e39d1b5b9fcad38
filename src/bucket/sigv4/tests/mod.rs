//! Three judges: signatures that AWS published, AWS's own signer, and the promises in the docs.

mod agreement;
mod generator;
mod promises;
mod published;
mod sdk;
mod suite;

use crate::bucket::credentials::Credentials;
use std::time::{Duration, SystemTime};

fn long_lived(access_key_id: &str, secret_access_key: &str) -> Credentials {
    Credentials {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: secret_access_key.to_owned(),
        session_token: None,
        expires: None,
    }
}

fn unix_time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The hexadecimal signature at the end of an `authorization` value or a presigned target.
fn signature(signed: &str) -> &str {
    signed.rsplit_once("Signature=").expect("a signed text ends with its signature").1
}
