//! Which requests are calls, what an order says, and what is kept out of logs.

use std::time::Duration;

use http::Request;
use serde_json::json;

use super::*;
use crate::content::ContentId;
use crate::content::filename::Filename;
use crate::dialect::Order;

fn dialect() -> Onetime {
    Onetime::new("https://links.example.test/links/".to_owned(), false)
}

fn head(method: &str, target: &str) -> Parts {
    Request::builder().method(method).uri(target).body(()).unwrap().into_parts().0
}

/// The call that a request below `/links/` is, or the kind of error.
fn parse(method: &str, below: &str) -> Result<Call, Kind> {
    let (rest, _) = below.split_once('?').unwrap_or((below, ""));
    let head = head(method, &format!("/links/{below}"));
    dialect().parse(&head, rest).map_err(|error| error.kind())
}

fn token(text: &str, action: TokenAction) -> Result<Call, Kind> {
    Ok(Call::Token(TokenCall { token: SealedText::new(text), action }))
}

#[test]
fn requests_are_calls() {
    let redeem = |proof: Option<&str>| TokenAction::Redeem(proof.map(SealedText::new));
    assert_eq!(parse("POST", ""), Ok(Call::Issue(None)));
    for (method, below, expected) in [
        ("GET", "v4.local.x", token("v4.local.x", redeem(None))),
        ("GET", "t?confirmation=p", token("t", redeem(Some("p")))),
        ("GET", "t?a=b&confirmation=p&c", token("t", redeem(Some("p")))),
        ("GET", "t?confirmation=p&confirmation=q", token("t", redeem(Some("p")))),
        ("GET", "t?confirmation", token("t", redeem(None))),
        ("GET", "t?Confirmation=p&xconfirmation=p", token("t", redeem(None))),
        ("HEAD", "t", token("t", TokenAction::Inspect)),
        ("POST", "t", token("t", TokenAction::Confirm)),
        ("DELETE", "t", token("t", TokenAction::Revoke)),
        ("GET", "t/status", token("t", TokenAction::Status)),
        // As the client sent it: a token has nothing to decode.
        ("HEAD", "a%2Fb", token("a%2Fb", TokenAction::Inspect)),
    ] {
        assert_eq!(parse(method, below), expected, "{method} {below}");
    }
}

#[test]
fn other_requests_are_none() {
    for (method, below, kind) in [
        ("GET", "", Kind::MethodNotAllowed),
        ("HEAD", "", Kind::MethodNotAllowed),
        ("DELETE", "", Kind::MethodNotAllowed),
        ("PUT", "t", Kind::MethodNotAllowed),
        ("OPTIONS", "t", Kind::MethodNotAllowed),
        ("get", "t", Kind::MethodNotAllowed),
        ("HEAD", "t/status", Kind::MethodNotAllowed),
        ("POST", "t/status", Kind::MethodNotAllowed),
        ("GET", "t/", Kind::NotFound),
        ("GET", "t/x", Kind::NotFound),
        ("GET", "t/status/", Kind::NotFound),
        ("DELETE", "t/x", Kind::NotFound),
        ("GET", "/t", Kind::NotFound),
    ] {
        assert_eq!(parse(method, below), Err(kind), "{method} {below}");
    }
}

#[test]
fn no_token_is_shown() {
    for (rest, shown) in [
        ("", None),
        ("t", Some("***")),
        ("t/status", Some("***/status")),
        ("t/x", Some("***")),
        ("/t", Some("***")),
        ("t/status/x", Some("***")),
        ("t/", Some("***")),
    ] {
        assert_eq!(dialect().redacted(rest), shown, "{rest}");
    }
    let call = parse("GET", "secret?confirmation=hidden").unwrap();
    let shown = format!("{call:?}");
    assert!(!shown.contains("secret") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn only_orders_have_a_body() {
    let dialect = dialect();
    assert_eq!(dialect.body(&Call::Issue(None)), Body::Small(16 * 1024));
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        assert_eq!(dialect.body(&parse(method, "t").unwrap()), Body::None, "{method}");
    }
    assert!(!dialect.stores("anything"));
}

fn order(json: &serde_json::Value) -> Result<Order, Kind> {
    order::parse(json.to_string().as_bytes()).map_err(|error| error.kind())
}

#[test]
fn an_order_says_little_or_all() {
    let little = order(&json!({ "hash": "0a1b" })).unwrap();
    assert!(matches!(&little.content, ContentId::Entry(entry) if entry.name() == "0a1b"));
    assert_eq!((little.filename, little.content_type, little.ttl), (None, None, None));
    assert_eq!(little.uses, None);
    assert_eq!((little.resumable, little.confirm, little.must_exist), (true, false, true));

    let all = order(&json!({
        "key": "a/b.pdf", "filename": "../c.pdf", "content_type": "application/pdf",
        "ttl": "1h 30m", "uses": 3, "resumable": false, "confirm": true, "must_exist": false,
    }))
    .unwrap();
    assert!(matches!(&all.content, ContentId::Path(path) if path.as_str() == "a/b.pdf"));
    assert_eq!(all.filename.as_ref().map(Filename::as_str), Some("c.pdf"));
    assert_eq!(all.content_type.as_deref(), Some("application/pdf"));
    assert_eq!((all.ttl, all.uses), (Some(Duration::from_secs(5400)), Some(3)));
    assert_eq!((all.resumable, all.confirm, all.must_exist), (false, true, false));
    assert_ne!(all.fingerprint, little.fingerprint);
    let seconds = order(&json!({ "hash": "a", "ttl": 90 })).unwrap();
    assert_eq!(seconds.ttl, Some(Duration::from_secs(90)));
}

/// What is left out may be said to be nothing, as many libraries write it.
#[test]
fn null_is_nothing() {
    let order = order(&json!({
        "digest": null, "hash": "0a1b", "cid": null, "key": null,
        "filename": null, "content_type": null, "ttl": null, "uses": null,
    }));
    assert!(order.is_ok(), "{order:?}");
}

#[test]
fn an_order_is_for_one_thing() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    for json in [
        json!({}),
        json!({ "hash": "a", "key": "a" }),
        json!({ "digest": digest, "hash": "a" }),
        json!({ "digest": &digest[7..] }),
        json!({ "hash": "a", "more": 1 }),
        json!({ "hash": "a", "ttl": -1 }),
        json!({ "hash": "a", "content_type": "text" }),
        json!({ "hash": "a", "filename": "a/" }),
        json!([]),
    ] {
        assert_eq!(order(&json), Err(Kind::InvalidRequest), "{json}");
    }
}

/// What a client is told names what it sent, and nothing of how it is read.
#[test]
fn messages_are_for_those_who_order() {
    for (json, named) in [
        (json!({ "hash": "a", "ttl": [] }), "ttl"),
        (json!({ "hash": "a", "ttl": "soon" }), "ttl"),
        (json!({ "hash": "a", "uses": -1 }), "-1"),
        (json!({ "hash": "a", "usees": 1 }), "usees"),
        (json!({ "hash": "a b" }), "hash"),
    ] {
        let error = order::parse(json.to_string().as_bytes()).unwrap_err();
        let message = error.message();
        assert!(message.contains(named), "{json}: {message}");
        assert!(!message.contains("Time") && !message.contains("enum"), "{json}: {message}");
    }
}

/// With the setting, what is said of a token is what is said of none; and nothing else changes.
#[test]
fn one_answer_for_all_that_is_over() {
    let (plain, uniform) = (dialect(), Onetime::new(String::new(), true));
    let over = [Kind::ContentChanged, Kind::TokenExpired, Kind::TokenRevoked, Kind::TokenSpent];
    for (method, target, is_holder) in [
        ("GET", "/links/t", true),
        ("HEAD", "/links/t", true),
        ("POST", "/links/t", true),
        ("DELETE", "/links/t", false),
        ("GET", "/links/t/status", false),
    ] {
        let head = head(method, target);
        let none = plain.refuse(&head, Kind::NotFound, "");
        for kind in Kind::ALL {
            let (plain, uniform) = (plain.refuse(&head, kind, ""), uniform.refuse(&head, kind, ""));
            let expected = if is_holder && over.contains(&kind) { &none } else { &plain };
            assert_eq!(uniform.status(), expected.status(), "{method} {}", kind.name());
            assert_eq!(uniform.body(), expected.body(), "{method} {}", kind.name());
            assert_eq!(uniform.headers(), expected.headers(), "{method} {}", kind.name());
        }
    }
}
