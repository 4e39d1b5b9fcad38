//! Whose word is taken for a client's address and a request's id.

use std::net::IpAddr;

use casgate::edge::identity::{client_address, request_id};
use casgate::plan::Plan;
use casgate::telemetry::Metrics;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::support::content::Content;
use crate::support::gateway::{STREAM, Settings, compile};
use crate::support::process::Process;
use crate::support::storage::Storage;

const PROXIES: Settings<'static> =
    Settings { file: "trusted_proxies: [10.0.0.0/8, 'fd00::/8', 127.0.0.1/32]", ..STREAM };

fn plan() -> Plan {
    let secrets = tempfile::tempdir().unwrap();
    compile(&PROXIES.yaml("http://127.0.0.1:9", &secrets), &Metrics::new()).unwrap()
}

fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
    let name = HeaderName::from_static(name);
    values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn the_client_is_the_last_one_no_trusted_proxy_has() {
    let plan = plan();
    for (peer, forwarded, expected) in [
        ("192.0.2.1", vec![], "192.0.2.1"),
        // Anybody can claim to forward.
        ("192.0.2.1", vec!["198.51.100.7"], "192.0.2.1"),
        ("192.0.2.1", vec!["10.0.0.1"], "192.0.2.1"),
        ("10.0.0.1", vec![], "10.0.0.1"),
        ("10.0.0.1", vec!["198.51.100.7"], "198.51.100.7"),
        ("fd00::1", vec!["2001:db8::7"], "2001:db8::7"),
        // What the client itself sent stands first.
        ("10.0.0.1", vec!["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", vec!["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", vec!["203.0.113.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", vec!["198.51.100.7,10.0.0.3", "10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", vec!["198.51.100.7, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", vec!["198.51.100.7, "], "10.0.0.1"),
        // A socket for both protocols shows IPv4 inside of IPv6.
        ("::ffff:10.0.0.1", vec!["198.51.100.7"], "198.51.100.7"),
        ("::ffff:192.0.2.1", vec!["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", vec!["::ffff:198.51.100.7"], "198.51.100.7"),
    ] {
        let address: IpAddr = peer.parse().unwrap();
        let found = client_address(&plan, &headers("x-forwarded-for", &forwarded), Some(address));
        assert_eq!(found, Some(expected.parse().unwrap()), "{peer} {forwarded:?}");
    }
    assert_eq!(client_address(&plan, &headers("x-forwarded-for", &["198.51.100.7"]), None), None);
}

#[test]
fn an_id_is_a_trusted_proxys_or_a_new_one() {
    let plan = plan();
    let id = |peer: &str, value: &str| {
        let peer: IpAddr = peer.parse().unwrap();
        request_id(&plan, &headers("x-request-id", &[value]), Some(peer))
    };
    let longest = "x".repeat(128);
    for value in ["a", "Root=1-67891233-abcdef012345678912345678", &longest] {
        assert_eq!(id("10.0.0.1", value), value);
        assert_ne!(id("192.0.2.1", value), value);
    }
    for value in ["", "é", &format!("{longest}x")] {
        assert_eq!(id("10.0.0.1", value).len(), 24, "{value}");
    }
    assert_ne!(id("192.0.2.1", "a"), id("192.0.2.1", "a"), "two requests have one id");
}

#[tokio::test]
async fn every_answer_carries_the_id() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = PROXIES.before(&storage);
    for (peer, is_trusted) in [("10.0.0.1:1", true), ("192.0.2.1:1", false)] {
        for path in [content.path(), Content::of("").path(), "/nowhere".to_owned()] {
            let mut client = gateway.connect_from(peer, 64 * 1024);
            client.get(&path, "X-Request-Id: from-the-proxy\r\n").await;
            let response = client.response().await;
            let id = response.header("x-request-id").unwrap();
            assert_eq!(id == "from-the-proxy", is_trusted, "{peer} {path}");
        }
    }
}

#[test]
fn the_access_log_names_the_client_and_no_token() {
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("gateway.yaml");
    for (settings, client) in [(PROXIES, "198.51.100.7"), (STREAM, "127.0.0.1")] {
        let yaml = settings.yaml("http://127.0.0.1:9", &secrets);
        std::fs::write(&file, yaml.replace("access: false", "access: true")).unwrap();
        let process = Process::start(&file);
        let answer = process.exchange(
            "GET /nowhere?t=a.secret.token HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\nX-Request-Id: from-the-proxy\r\n\
             Authorization: Bearer a.secret.token\r\nUser-Agent: test/1\r\n\r\n",
        );
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        let line = process.line();
        assert_eq!(line["client"], client);
        assert_eq!(line["request_id"] == "from-the-proxy", client == "198.51.100.7");
        assert_eq!(line["path"], "/nowhere");
        assert_eq!(line["status"], 404);
        assert_eq!(line["kind"], "not_found");
        assert_eq!(line["user_agent"], "test/1");
        assert!(!line.to_string().contains("secret"), "{line}");
    }
}
