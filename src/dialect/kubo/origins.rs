//! Whose pages may ask: the guard against requests that a page makes a browser send, and the headers
//! of this protocol.

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use url::Url;

use super::settings::Settings;
use crate::dialect::origins::{Origins, is_of};
use crate::error::Error;
use crate::reply::Reply;

/// The headers that pages may send.
const REQUEST_HEADERS: &str = "Accept, Authorization, Cache-Control, Content-Type, If-None-Match, \
    Range, User-Agent, X-Chunked-Output, X-Content-Length, X-Requested-With, X-Stream-Output";

/// The headers that pages may read.
const ANSWER_HEADERS: &str = "Content-Length, Content-Location, Etag, X-Chunked-Output, \
    X-Content-Length, X-Ipfs-Path, X-Ipfs-Roots, X-Stream-Output";

/// Refuses commands that somebody's page may have made a browser send, as Kubo does: those from an
/// origin that is none of the allowed, and those of browsers that do not say where they come from.
///
/// # Errors
/// [`Error::Forbidden`].
pub(super) fn guard(settings: &Settings, head: &Parts) -> Result<(), Error> {
    let Settings { origins, own_origin, .. } = settings;
    let given = |name: HeaderName| {
        let values = head.headers.get_all(name).iter();
        values.filter(|value| !value.is_empty())
    };
    let is_allowed = |value: &HeaderValue| {
        let is_own = |text: &str| match own_origin {
            Some(own) => is_of(text, own),
            None => is_own(text, head),
        };
        value.to_str().is_ok_and(|text| origins.admits(text) || is_own(text))
    };
    let is_foreign = |name: HeaderName| given(name).any(|value| !is_allowed(value));
    if is_foreign(header::ORIGIN) || is_foreign(header::REFERER) {
        return Err(Error::Forbidden("a page of another origin asks".into()));
    }
    let says_where = given(header::ORIGIN).chain(given(header::REFERER)).next().is_some();
    let agent = head.headers.get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    // Electron's own requests have no origin.
    let is_browser =
        agent.starts_with(b"Mozilla") && !agent.windows(8).any(|word| word == b"Electron");
    if is_browser && !says_where {
        return Err(Error::Forbidden("a browser asks without saying for which page".into()));
    }
    Ok(())
}

/// Whether the page came from where the request goes, as far as the client says so. Whether that was
/// over TLS, only a proxy in front may know.
fn is_own(text: &str, head: &Parts) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let host = || head.headers.get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok();
    let Some(own) = head.uri.authority().cloned().or_else(host) else { return false };
    let port = |port: Option<u16>| port.or_else(|| url.port_or_known_default());
    let is_web = matches!(url.scheme(), "http" | "https");
    is_web
        && url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(own.host()))
        && port(own.port_u16()) == port(url.port())
}

/// The answer to OPTIONS.
pub(super) fn preflight(origins: &Origins, head: &Parts) -> Reply {
    let is_rpc = head.uri.path().contains("/api/");
    let methods = if is_rpc { "OPTIONS, POST" } else { "GET, HEAD, OPTIONS" };
    origins.preflight(head, methods, REQUEST_HEADERS)
}

/// Lets the pages of allowed origins read an answer.
pub(super) fn share(origins: &Origins, head: &Parts, reply: &mut Reply) {
    origins.share(head, reply, ANSWER_HEADERS);
}
