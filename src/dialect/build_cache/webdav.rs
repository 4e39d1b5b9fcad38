//! As much of WebDAV (RFC 4918) as sccache needs before it writes an entry: it asks for the folder,
//! and makes it and those above it if there is none.
//!
//! Keys of objects need no folders, so each one is there as soon as somebody asks. That spares
//! sccache six requests for each entry: it asks for `a/b/c/`, `a/b/` and `a/` as long as there is no
//! such folder, and then makes them.

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};

use crate::content::entry::EntryName;
use crate::dialect::Topic;
use crate::error::Error;
use crate::reply::{self, Reply};

/// The longest body of a PROPFIND, in bytes. OpenDAL's, which sccache uses, has about 100.
pub(super) const QUESTION_BYTES_MAX: usize = 4096;

/// What a method asks about folders, if it does.
pub(super) fn topic(method: &Method) -> Option<Topic> {
    match method.as_str() {
        "MKCOL" => Some(Topic::NewFolder),
        "PROPFIND" => Some(Topic::Folder),
        _ => None,
    }
}

/// Checks the path of a folder, below the route's: its own, or a name like that of an entry.
pub(super) fn check_folder(rest: &str) -> Result<(), Error> {
    let name = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() || EntryName::parse(name).is_ok() {
        return Ok(());
    }
    Err(Error::InvalidRequest("expected a path of letters, digits, '.', _ and -".into()))
}

/// The answer to PROPFIND: the folder itself, whatever is in it. What has no slash at its end is
/// none, and for entries there is HEAD.
pub(super) fn properties(head: &Parts) -> Reply {
    let path = head.uri.path();
    if !path.ends_with('/') {
        return super::text(StatusCode::NOT_FOUND, "not found: a folder has a slash at its end");
    }
    // OpenDAL does not do without a date. This one is no news to anybody.
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{}</D:href><D:propstat><D:prop>\
         <D:resourcetype><D:collection/></D:resourcetype>\
         <D:getlastmodified>Thu, 01 Jan 1970 00:00:00 GMT</D:getlastmodified>\
         </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>\n",
        escaped(path)
    );
    let mut reply =
        reply::with_body(StatusCode::MULTI_STATUS, "application/xml; charset=utf-8", document);
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// As text between tags (XML 1.0 section 2.4).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
