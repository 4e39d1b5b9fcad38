//! What the dialect promises, a table per step.

mod answers;
mod gateway;
mod hostile;
mod origins;
mod requests;

use http::Request;
use http::request::Parts;

use super::{Kubo, Settings};
use crate::dialect::{Call, Dialect as _, GraphCall, Origins};
use crate::error::{Error, Kind};

/// `hello world\n`, in version 0.
const V0: &str = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";

/// The same in version 1.
const V1: &str = "bafybeicg2rebjoofv4kbyovkw7af3rpiitvnl6i7ckcywaq6xjcxnc2mby";

fn settings() -> Settings {
    Settings {
        archives: false,
        legacy_errors: false,
        origins: Origins::Some(Vec::new()),
        own_origin: None,
        signs_in: false,
    }
}

fn kubo() -> Kubo {
    Kubo::new(settings())
}

/// A request to a mount at `/px/`. The headers are a line each.
fn head(method: &str, rest: &str, headers: &str) -> Parts {
    let mut request = Request::builder().method(method).uri(format!("/px/{rest}"));
    for line in headers.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name.trim(), value);
    }
    request.body(()).unwrap().into_parts().0
}

fn parse_with(kubo: &Kubo, method: &str, rest: &str, headers: &str) -> Result<Call, Error> {
    let path = rest.split('?').next().unwrap();
    kubo.parse(&head(method, rest, headers), path)
}

fn parse(method: &str, rest: &str, headers: &str) -> Result<Call, Error> {
    parse_with(&kubo(), method, rest, headers)
}

/// What of a graph a POST asks for.
#[track_caller]
fn graph(rest: &str) -> GraphCall {
    match parse("POST", rest, "") {
        Ok(Call::Graph(graph)) => *graph,
        other => panic!("{rest}: {other:?}"),
    }
}

/// Kind and text of the refusal of a request.
#[track_caller]
fn refused(method: &str, rest: &str, headers: &str) -> (Kind, String) {
    match parse(method, rest, headers) {
        Err(error) => (error.kind(), error.message().to_owned()),
        Ok(call) => panic!("{method} {rest}: {call:?}"),
    }
}
