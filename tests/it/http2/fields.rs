//! Whether a request that could be understood in two ways is refused, by itself.

use super::attempts::{Attempts, BAD, CLOSED, MISSING, RESET, SERVED};
use super::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, block, field, frame};
use super::wire::{Outcome, Wire};
use crate::support::gateway::{JWT, STREAM, Settings};
use crate::support::token;

#[tokio::test]
async fn pseudo_headers() {
    let attempts = Attempts::new(STREAM).await;
    let path = attempts.content.path();
    let (method, scheme, authority) =
        ((":method", "GET"), (":scheme", "https"), (":authority", "a.test"));
    let path = (":path", path.as_str());
    for (name, fields, expected) in [
        ("in another order", vec![path, authority, scheme, method], SERVED),
        ("Host for authority", vec![method, scheme, path, ("host", "a.test")], SERVED),
        ("both alike", vec![method, scheme, authority, path, ("host", "a.test")], SERVED),
        ("no method", vec![scheme, authority, path], RESET),
        ("no scheme", vec![method, authority, path], RESET),
        ("no path", vec![method, scheme, authority], RESET),
        ("no authority", vec![method, scheme, path], BAD),
        ("two methods", vec![method, method, scheme, authority, path], RESET),
        ("two schemes", vec![method, scheme, scheme, authority, path], RESET),
        ("two authorities", vec![method, scheme, authority, authority, path], RESET),
        ("two paths", vec![method, scheme, authority, path, path], RESET),
        ("a late path", vec![method, scheme, authority, ("x", "y"), path], RESET),
        ("a status", vec![method, scheme, authority, path, (":status", "200")], RESET),
        ("an unknown one", vec![method, scheme, authority, path, (":x", "y")], CLOSED),
        ("a protocol", vec![method, scheme, authority, path, (":protocol", "websocket")], RESET),
        ("another Host", vec![method, scheme, authority, path, ("host", "b.test")], BAD),
        ("two Hosts", vec![method, scheme, path, ("host", "a.test"), ("host", "a.test")], BAD),
        ("user information", vec![method, scheme, (":authority", "u@a.test"), path], BAD),
        ("an empty authority", vec![method, scheme, (":authority", ""), path], RESET),
    ] {
        attempts.expect(name, &block(&fields), expected).await;
    }
}

#[tokio::test]
async fn paths() {
    let attempts = Attempts::new(STREAM).await;
    let good = attempts.content.path();
    for (name, path, expected) in [
        ("empty", String::new(), RESET),
        ("asterisk", "*".to_owned(), MISSING),
        ("absolute", format!("https://a.test{good}"), RESET),
        ("no slash", good[1..].to_owned(), RESET),
        ("line feed", format!("{good}\nx"), RESET),
        ("carriage return", format!("{good}\r\nx: y"), RESET),
        ("NUL", format!("{good}\0"), RESET),
        ("space", format!("{good} HTTP/1.1"), RESET),
        ("fragment", format!("{good}#x"), SERVED),
        ("dots", format!("/x/..{good}"), MISSING),
        ("two slashes", format!("/{good}"), MISSING),
    ] {
        let fields =
            [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", &path)];
        attempts.expect(name, &block(&fields), expected).await;
    }
    let mut raw = block(&[(":method", "GET"), (":scheme", "https"), (":authority", "a.test")]);
    raw.extend(field(b":path", b"/download/\xff\xfe"));
    attempts.expect("not UTF-8", &raw, CLOSED).await;
}

#[tokio::test]
async fn connect() {
    let attempts = Attempts::new(STREAM).await;
    let tunnel = block(&[(":method", "CONNECT"), (":authority", "storage.test:443")]);
    attempts.expect("a tunnel", &tunnel, MISSING).await;
    let fields = [(":method", "CONNECT"), (":authority", "a.test"), (":path", "/")];
    attempts.expect("with a path", &block(&fields), RESET).await;
}

#[tokio::test]
async fn names_and_values() {
    let attempts = Attempts::new(STREAM).await;
    for (name, more, expected) in [
        ("upper case", ("X-Upper", "1"), CLOSED),
        ("empty name", ("", "1"), CLOSED),
        ("space in a name", ("a b", "1"), CLOSED),
        ("colon in a name", ("a:b", "1"), CLOSED),
        ("connection", ("connection", "close"), RESET),
        ("keep-alive", ("keep-alive", "1"), RESET),
        ("proxy-connection", ("proxy-connection", "close"), RESET),
        ("transfer-encoding", ("transfer-encoding", "chunked"), RESET),
        ("upgrade", ("upgrade", "websocket"), RESET),
        ("te: gzip", ("te", "gzip"), RESET),
        ("te: trailers", ("te", "trailers"), SERVED),
        ("line feed", ("x", "a\nb"), CLOSED),
        ("carriage return", ("x", "a\rb"), CLOSED),
        ("NUL", ("x", "a\0b"), CLOSED),
        ("length of nothing", ("content-length", "0"), SERVED),
        ("negative", ("content-length", "-1"), RESET),
        ("signed", ("content-length", "+0"), RESET),
        ("hexadecimal", ("content-length", "0x0"), RESET),
        ("empty length", ("content-length", ""), RESET),
        ("too large", ("content-length", "99999999999999999999"), RESET),
        ("a list", ("content-length", "0, 0"), RESET),
        ("a body that is not there", ("content-length", "5"), RESET),
    ] {
        attempts.expect(name, &attempts.good(&[more]), expected).await;
    }
    for (name, second, expected) in [("the same twice", "0", BAD), ("two lengths", "1", RESET)] {
        let more = [("content-length", "0"), ("content-length", second)];
        attempts.expect(name, &attempts.good(&more), expected).await;
    }
    let cookies = [("cookie", "a=1"), ("cookie", "b=2")];
    attempts.expect("cookie crumbs", &attempts.good(&cookies), SERVED).await;
}

#[tokio::test]
async fn bodies_of_another_length_than_announced() {
    let attempts = Attempts::new(STREAM).await;
    for (name, announced, sent) in [("longer", "5", 6), ("shorter", "5", 4), ("none", "5", 0)] {
        let mut wire = Wire::to(&attempts.gateway).await;
        let block = attempts.good(&[("content-length", announced)]);
        let mut bytes = frame(HEADERS, END_HEADERS, 1, &block);
        bytes.extend(frame(DATA, END_STREAM, 1, &vec![0; sent]));
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 3, &attempts.good(&[])));
        wire.send(&bytes).await;
        assert_eq!(wire.outcome(1).await, RESET, "{name}");
        assert_eq!(wire.outcome(3).await, SERVED, "after {name}");
    }
}

#[tokio::test]
async fn one_credential_at_most() {
    let attempts = Attempts::new(Settings { auth: JWT, ..STREAM }).await;
    let bearer = format!("Bearer {}", token::mint(serde_json::json!({})));
    let credential = ("authorization", bearer.as_str());
    for (name, more, status) in [
        ("one", vec![credential], 200),
        ("none", vec![], 401),
        ("the same twice", vec![credential, credential], 401),
        ("another first", vec![("authorization", "Basic eDp5"), credential], 401),
    ] {
        let mut wire = Wire::to(&attempts.gateway).await;
        let block = attempts.good(&more);
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await;
        assert_eq!(wire.outcome(1).await, Outcome::Answered(status), "{name}");
    }
}

#[tokio::test]
async fn malformed_requests_are_forgiven_for_a_while_and_counted() {
    let attempts = Attempts::new(STREAM).await;
    let malformed = attempts.good(&[("host", "b.test")]);
    let mut wire = Wire::to(&attempts.gateway).await;
    for stream in (1..=65).step_by(2) {
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &malformed)).await;
        let outcome = wire.outcome(stream).await;
        assert!(matches!(outcome, BAD | Outcome::Closed(_)), "{stream}: {outcome:?}");
    }
    assert_eq!(wire.next().await, None);
    let counted = attempts.gateway.metric("casgate_unrouted_total", &["malformed HTTP/2"]);
    assert_eq!(counted, 33);
    assert_eq!(attempts.gateway.metric("casgate_unrouted_total", &["abusive HTTP/2"]), 1);
}
