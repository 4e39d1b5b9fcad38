//! What the dialect promises, a table per step.

mod answers;
mod hostile;
mod requests;

use http::Request;
use http::request::Parts;

use super::Tus;
use crate::content::upload::UploadId;
use crate::dialect::{Call, Dialect as _, NewUpload, Origins, PieceOrder, UploadCall};
use crate::error::{Error, Kind};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const PIECE: &str = "content-type: application/offset+octet-stream";

fn tus() -> Tus {
    let origins = Origins::Some(vec!["https://app.example.org".to_owned()]);
    Tus { base: "https://gateway.example.org/files/".to_owned(), origins, size_max: 1000 }
}

fn id() -> UploadId {
    UploadId::parse(ID).unwrap()
}

/// A request to a mount at `/files/`. The headers are a line each.
fn bare(method: &str, rest: &str, headers: &str) -> Parts {
    let mut request = Request::builder().method(method).uri(format!("/files/{rest}"));
    for line in headers.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        request = request.header(name.trim(), value.trim());
    }
    request.body(()).unwrap().into_parts().0
}

/// The same of the version that is spoken.
fn head(method: &str, rest: &str, headers: &str) -> Parts {
    bare(method, rest, &format!("tus-resumable: 1.0.0\n{headers}"))
}

fn parse(method: &str, rest: &str, headers: &str) -> Result<Call, Error> {
    tus().parse(&head(method, rest, headers), rest)
}

#[track_caller]
fn upload_call(method: &str, rest: &str, headers: &str) -> UploadCall {
    match parse(method, rest, headers) {
        Ok(Call::Upload(call)) => *call,
        other => panic!("{method} {rest} {headers}: {other:?}"),
    }
}

#[track_caller]
fn begin(headers: &str) -> NewUpload {
    let call = upload_call("POST", "", headers);
    let UploadCall::Begin(upload) = call else { panic!("{headers}: {call:?}") };
    upload
}

#[track_caller]
fn append(headers: &str) -> PieceOrder {
    let call = upload_call("PATCH", ID, &format!("{PIECE}\n{headers}"));
    let UploadCall::Append(named, order) = call else { panic!("{headers}: {call:?}") };
    assert_eq!(named, id());
    order
}

/// The status of the refusal of a request.
#[track_caller]
fn refused(head: &Parts, rest: &str) -> (Kind, u16) {
    match tus().parse(head, rest) {
        Err(error) => {
            let reply = tus().refuse(head, error.kind(), error.message());
            assert_eq!(reply.headers()["tus-resumable"], "1.0.0");
            (error.kind(), reply.status().as_u16())
        }
        Ok(call) => panic!("{} {rest}: {call:?}", head.method),
    }
}
