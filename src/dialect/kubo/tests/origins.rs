//! Whose pages may ask, and what their browsers are told.

use super::*;
use crate::dialect::Outcome;

const ORIGIN: &str = "https://app.example.org";
const VERSION: &str = "api/v0/version";

fn with(origins: Origins) -> Kubo {
    Kubo::new(Settings { origins, ..settings() })
}

fn some() -> Kubo {
    with(Origins::Some(vec![ORIGIN.to_owned(), "http://localhost:3000".to_owned()]))
}

#[test]
fn pages_of_others_may_send_no_commands() {
    let host = "host: gateway.example.org:8080";
    for (headers, allowed) in [
        ("", true),
        ("user-agent: kubo/0.39", true),
        ("user-agent: node", true),
        ("user-agent: Mozilla/5.0", false),
        ("user-agent: Mozilla/5.0 Electron/30", true),
        ("origin: https://app.example.org\nuser-agent: Mozilla/5.0", true),
        ("origin: http://localhost:3000", true),
        ("origin: http://app.example.org", false),
        ("origin: https://app.example.org:444", false),
        ("origin: https://app.example.org.evil.test", false),
        ("origin: https://evil.test\nreferer: https://app.example.org/", false),
        ("origin: https://app.example.org\norigin: https://evil.test", false),
        ("origin: null", false),
        ("origin: é", false),
        ("referer: https://app.example.org/page?x", true),
        ("referer: https://app.example.org.evil.test/", false),
        ("referer: https://app.example.org@evil.test/", false),
        ("referer: evil", false),
        // Its own pages, whether or not something in front speaks TLS.
        ("origin: http://gateway.example.org:8080", true),
        ("origin: https://gateway.example.org:8080", true),
        ("referer: https://GATEWAY.example.org:8080/px/", true),
        ("origin: https://gateway.example.org", false),
    ] {
        let headers = format!("{host}\n{headers}");
        let parsed = parse_with(&some(), "POST", VERSION, &headers);
        assert_eq!(parsed.is_ok(), allowed, "{headers}");
        if let Err(error) = parsed {
            assert_eq!(error.kind(), Kind::Forbidden);
        }
    }
}

#[test]
fn own_pages_are_known_by_default_ports_too() {
    for (host, origin, allowed) in [
        ("a.test", "https://a.test", true),
        ("a.test", "http://a.test", true),
        ("a.test:443", "https://a.test", true),
        ("a.test:443", "http://a.test", false),
        ("[::1]:80", "http://[::1]", true),
        ("a.test", "ftp://a.test", false),
    ] {
        let headers = format!("host: {host}\norigin: {origin}");
        let parsed = parse("POST", VERSION, &headers);
        assert_eq!(parsed.is_ok(), allowed, "{headers}");
    }
}

#[test]
fn everybody_may_ask_where_all_are_allowed() {
    let all = with(Origins::All);
    assert!(parse_with(&all, "POST", VERSION, "origin: https://evil.test").is_ok());
    assert!(parse_with(&all, "POST", VERSION, "user-agent: Mozilla/5.0").is_err());
    // Reading what names itself takes no guard: the token does.
    let rest = format!("ipfs/{V0}?format=raw");
    assert!(parse("GET", &rest, "origin: https://evil.test\nuser-agent: Mozilla/5.0").is_ok());
}

fn preflight(kubo: &Kubo, rest: &str, headers: &str) -> crate::reply::Reply {
    kubo.answer(&head("OPTIONS", rest, headers), &Call::Preflight, &Outcome::Preflight)
}

#[test]
fn preflights_are_answered() {
    let asked = format!("origin: {ORIGIN}\naccess-control-request-method: POST");
    let reply = preflight(&some(), VERSION, &asked);
    assert_eq!(reply.status(), 204);
    assert_eq!(reply.headers()["access-control-allow-origin"], ORIGIN);
    assert_eq!(reply.headers()["access-control-allow-methods"], "OPTIONS, POST");
    let allowed = reply.headers()["access-control-allow-headers"].to_str().unwrap();
    for name in ["Authorization", "Content-Type", "X-Stream-Output"] {
        assert!(allowed.contains(name), "{allowed}");
    }
    assert_eq!(reply.headers()["vary"], "Origin");

    let reply = preflight(&some(), &format!("ipfs/{V0}"), &asked);
    assert_eq!(reply.headers()["access-control-allow-methods"], "GET, HEAD, OPTIONS");

    let foreign = "origin: https://evil.test\naccess-control-request-method: POST";
    let reply = preflight(&some(), VERSION, foreign);
    assert_eq!(reply.status(), 204);
    assert_eq!(reply.headers().len(), 1, "{:?}", reply.headers());
    assert_eq!(reply.headers()["vary"], "Origin");
    assert!(preflight(&kubo(), VERSION, foreign).headers().is_empty());

    let reply = preflight(&with(Origins::All), VERSION, foreign);
    assert_eq!(reply.headers()["access-control-allow-origin"], "*");
    assert!(!reply.headers().contains_key("vary"));
}

#[test]
fn options_without_a_page_say_what_may_be_asked() {
    let reply = preflight(&kubo(), VERSION, "");
    assert_eq!((reply.status().as_u16(), reply.headers().len()), (204, 1));
    assert_eq!(reply.headers()["allow"], "OPTIONS, POST");
    let reply = preflight(&kubo(), &format!("ipfs/{V0}"), "");
    assert_eq!(reply.headers()["allow"], "GET, HEAD, OPTIONS");
}

#[test]
fn allowed_pages_may_read_refusals() {
    let refuse = |kubo: &Kubo, origin: &str| {
        let head = head("POST", VERSION, &format!("origin: {origin}"));
        kubo.refuse(&head, Kind::NotFound, "")
    };
    let reply = refuse(&some(), ORIGIN);
    assert_eq!(reply.headers()["access-control-allow-origin"], ORIGIN);
    let exposed = reply.headers()["access-control-expose-headers"].to_str().unwrap();
    for name in ["X-Stream-Output", "X-Chunked-Output", "X-Content-Length"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    let reply = refuse(&some(), "https://evil.test");
    assert!(!reply.headers().contains_key("access-control-allow-origin"));
    assert_eq!(reply.headers()["vary"], "Origin");
    assert!(!refuse(&kubo(), ORIGIN).headers().contains_key("vary"));
}

#[test]
fn where_the_own_origin_is_known_no_other_host_is_it() {
    let own_origin = Some("https://gateway.example.org".to_owned());
    let kubo = Kubo::new(Settings { own_origin, ..settings() });
    for (headers, allowed) in [
        ("origin: https://gateway.example.org", true),
        ("referer: https://gateway.example.org/page", true),
        ("origin: http://gateway.example.org", false),
        ("host: evil.test\norigin: http://evil.test", false),
    ] {
        assert_eq!(parse_with(&kubo, "POST", VERSION, headers).is_ok(), allowed, "{headers}");
    }
}
