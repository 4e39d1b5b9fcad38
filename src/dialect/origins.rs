//! Whose pages may ask, and what browsers want to know of that (Fetch Standard, "CORS protocol").

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use url::Url;

use crate::reply::{self, Reply};

/// Whose pages may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Everybody's.
    All,
    /// Those of the gateway's own origin, and of these (RFC 6454 section 6.2).
    Some(Vec<String>),
}

impl Origins {
    /// Whether the origin, or the page, is one of those that an operator allows.
    pub(super) fn admits(&self, text: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(origins) => origins.iter().any(|origin| is_of(text, origin)),
        }
    }

    /// The answer to OPTIONS: what methods there are, and which headers pages may send.
    pub(super) fn preflight(
        &self,
        head: &Parts,
        methods: &'static str,
        request_headers: &'static str,
    ) -> Reply {
        let mut reply = reply::empty(StatusCode::NO_CONTENT);
        let headers = reply.headers_mut();
        if !head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        } else if self.allow(&head.headers, headers) {
            for (name, value) in [
                (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, request_headers),
                (header::ACCESS_CONTROL_MAX_AGE, "86400"),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        reply
    }

    /// Lets the pages of allowed origins read an answer, with these of its headers. The answer to
    /// OPTIONS says what it has to say by itself.
    pub(super) fn share(&self, head: &Parts, reply: &mut Reply, answer_headers: &'static str) {
        if head.method != Method::OPTIONS && self.allow(&head.headers, reply.headers_mut()) {
            let exposed = HeaderValue::from_static(answer_headers);
            reply.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    /// Says whether the origin of a request is allowed.
    fn allow(&self, asked: &HeaderMap, headers: &mut HeaderMap) -> bool {
        let Self::Some(allowed) = self else {
            // Nothing here is granted for a cookie, so that everybody may know of everybody.
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return true;
        };
        if allowed.is_empty() {
            return false;
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let is_allowed = |origin: &&HeaderValue| allowed.iter().any(|allowed| *origin == allowed);
        let origin = asked.get(header::ORIGIN).filter(is_allowed);
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        origin.is_some()
    }
}

/// Whether this is the origin, or a page of it.
pub(super) fn is_of(text: &str, origin: &str) -> bool {
    let of_page = || Url::parse(text).map(|url| url.origin().ascii_serialization());
    text == origin || of_page().is_ok_and(|of_page| of_page == origin)
}
