//! What the dialect promises, a table per step.

mod answers;
mod bodies;
mod hostile;
mod refusals;
mod requests;

use http::Request;
use http::request::Parts;

use super::Shakenfist;
use crate::content::upload::UploadId;
use crate::dialect::{Call, Dialect as _};
use crate::error::{Error, Kind};

/// A name that is given here.
const OURS: &str = "01a2b3c4-d5e6-7f01-8a23-456789abcdef";

/// One that is not.
const THEIRS: &str = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

fn ours() -> UploadId {
    UploadId::parse(OURS).unwrap()
}

fn shakenfist() -> Shakenfist {
    Shakenfist { base: "https://gateway.example.com/sf/".to_owned(), has_login: true }
}

/// A request to a mount at `/sf/`.
fn head(method: &str, rest: &str) -> Parts {
    let request = Request::builder().method(method).uri(format!("/sf/{rest}"));
    request.body(()).unwrap().into_parts().0
}

fn parse(method: &str, rest: &str) -> Result<Call, Error> {
    let path = rest.split('?').next().unwrap();
    shakenfist().parse(&head(method, rest), path)
}

/// The call that a request is with a body.
fn with_body(method: &str, rest: &str, body: &str) -> Result<Call, Error> {
    shakenfist().complete(parse(method, rest)?, body.as_bytes())
}

/// Kind and text of a refusal.
#[track_caller]
fn refused(result: Result<Call, Error>) -> (Kind, String) {
    match result {
        Err(error) => (error.kind(), error.message().to_owned()),
        Ok(call) => panic!("{call:?}"),
    }
}
