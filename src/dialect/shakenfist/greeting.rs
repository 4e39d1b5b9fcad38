//! The page at the route's path, by which clients know what they may ask for.

use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::reply::{self, Reply};

/// What is offered here, in the words of Shaken Fist. Clients look for a word anywhere in the page,
/// so that no other word may be in it.
pub(super) const CAPABILITIES: [&str; 5] = [
    "artifact-upload-types",
    "blob-data-limit",
    "blob-events",
    "blob-search-by-hash",
    "events-by-type",
];

/// The page.
pub(super) fn page() -> Reply {
    let words: String = CAPABILITIES.iter().map(|word| format!("<li>{word}</li>\n")).collect();
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>casgate</title></head>\n<body>\n\
         <h1>casgate</h1>\n<p>Here, clients of Shaken Fist find:</p>\n<ul>\n{words}</ul>\n\
         </body>\n</html>\n"
    );
    let mut reply = reply::with_body(StatusCode::OK, "text/html; charset=utf-8", page);
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    reply
}
