//! Refusals: JSON with the words of Kubo and of PollinationX for commands, a line of text for what
//! the gateway is asked and where Kubo has one.

use http::header;
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use super::request::{self, Command};
use super::{answer, login};
use super::{origins, settings::Settings};
use crate::error::Kind;
use crate::reply::{self, Reply};

/// PollinationX documents `error`; clients of Kubo read the others.
#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a str,
    #[serde(rename = "Message")]
    message: &'a str,
    #[serde(rename = "Code")]
    code: u8,
    #[serde(rename = "Type")]
    r#type: &'static str,
}

/// The refusal of a request. `message` is what is wrong with it, where that can be said.
pub(super) fn refuse(settings: &Settings, head: &Parts, kind: Kind, message: &str) -> Reply {
    let (status, text) = refusal(kind, message);
    let command = Command::of(head);
    if kind == Kind::MethodNotAllowed {
        return reply::plain(status, "405 - Method Not Allowed");
    }
    if matches!(head.method, Method::GET | Method::HEAD) {
        return match login::is_meant(head) {
            true => document(status, text),
            false => of_gateway(head, kind, status, text),
        };
    }
    let lacks_argument = || command.is_some_and(|command| request::lacks_argument(command, head));
    if kind == Kind::Forbidden && origins::guard(settings, head).is_err() {
        return reply::plain(status, "403 - Forbidden");
    }
    if kind == Kind::InvalidRequest && lacks_argument() {
        return reply::plain(status, text);
    }
    // That there is no such command is no matter of contents.
    if kind == Kind::NotFound && settings.legacy_errors && command.is_some() {
        return document(StatusCode::INTERNAL_SERVER_ERROR, text);
    }
    // As documented: of tokens, and of the room there is for uploads.
    if status == StatusCode::UNAUTHORIZED {
        return reply::empty(status);
    }
    document(status, text)
}

fn document(status: StatusCode, text: &str) -> Reply {
    answer::json(status, &Refusal { error: text, message: text, code: 0, r#type: "error" })
}

/// What is not there is not there at once: everything is at hand ("Path Gateway", `only-if-cached`).
fn of_gateway(head: &Parts, kind: Kind, status: StatusCode, text: &str) -> Reply {
    let mut asked = head.headers.get_all(header::CACHE_CONTROL).iter();
    let at_hand = asked.any(|value| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').any(|word| word.trim().eq_ignore_ascii_case("only-if-cached"))
    });
    if kind == Kind::NotFound && at_hand {
        return reply::plain(StatusCode::PRECONDITION_FAILED, text);
    }
    // There is no quota on reading, and the token is good.
    if kind == Kind::TenantOverLimit {
        return reply::plain(StatusCode::FORBIDDEN, text);
    }
    reply::plain(status, text)
}

/// Status and text of a refusal.
fn refusal(kind: Kind, message: &str) -> (StatusCode, &str) {
    let unauthorized = |text| (StatusCode::UNAUTHORIZED, text);
    let unavailable = |text| (StatusCode::SERVICE_UNAVAILABLE, text);
    let forbidden = |text| (StatusCode::FORBIDDEN, text);
    match kind {
        Kind::ContentCorrupt => {
            (StatusCode::BAD_GATEWAY, "the stored content does not match its CID")
        }
        Kind::CredentialExpired => unauthorized("the token's time is over, or has not begun"),
        Kind::CredentialMalformed => unauthorized("the token is none that is known here"),
        Kind::CredentialMissing => unauthorized("a token is missing"),
        Kind::CredentialRefused => unauthorized("the token is not accepted here"),
        Kind::Forbidden => forbidden("the token does not permit this"),
        // The gateway's own tokens have no part in this protocol.
        Kind::ContentChanged
        | Kind::IdempotencyMismatch
        | Kind::Internal
        | Kind::Prefetch
        | Kind::TokenExpired
        | Kind::TokenRevoked
        | Kind::TokenSpent
        | Kind::Conflict => (StatusCode::INTERNAL_SERVER_ERROR, "the gateway failed"),
        Kind::InvalidRequest => (StatusCode::BAD_REQUEST, message),
        // Not a 401: the token may be good.
        Kind::IssuerUnavailable => unavailable("the token cannot be checked now, try again"),
        Kind::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, "the method is not one of this path")
        }
        Kind::NotFound => (StatusCode::NOT_FOUND, "there is no such content or command here"),
        Kind::OutcomeUnknown | Kind::StateUnavailable => {
            unavailable("the gateway cannot tell what is used up, try again")
        }
        Kind::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
        Kind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "a precondition failed"),
        Kind::RangeNotSatisfiable => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "the content has nothing in this range")
        }
        Kind::StorageBusy => unavailable("storage is busy, try again"),
        Kind::StorageFailed => (StatusCode::BAD_GATEWAY, "storage failed, try again"),
        Kind::StorageTimeout => {
            (StatusCode::GATEWAY_TIMEOUT, "storage did not answer in time, try again")
        }
        Kind::StorageUnavailable => unavailable("storage cannot be used now, try again"),
        Kind::TenantDisabled => forbidden("the tenant is disabled"),
        Kind::TenantOverLimit => unauthorized("the tenant used up its limit"),
        Kind::TenantPaused => forbidden("the tenant is paused"),
        Kind::TenantUnpaid => (StatusCode::PAYMENT_REQUIRED, "a payment of the tenant is missing"),
    }
}
