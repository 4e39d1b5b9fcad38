//! What becomes of tokens that were not given out, here and so.

use casgate::token::{Key, Keys, Purpose};
use serde_json::{Value, json};

use super::{
    ETAG, Links, ONETIME, TENANTS, assert_refused, claims, issuer, issuer_of, keys, object, path,
    sealed,
};
use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::storage::Storage;
use crate::support::token::SEALING_KEY;

const OTHER_KEY: &str = "YW5vdGhlciBrZXkgb2YgMzIgYnl0ZXMsIG5vdCBpdCE=";

fn other_keys() -> Keys {
    Keys::new(Key::parse(OTHER_KEY).unwrap(), Vec::new())
}

/// A token with one character changed, at this place.
fn flipped(token: &str, at: usize) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

/// Tokens that were never given out on this route.
fn strangers(content: &Content) -> Vec<(&'static str, String)> {
    let good = claims(content, &json!({})).to_string();
    let token = keys().seal(Purpose::Download, good.as_bytes()).unwrap();
    let seal = |purpose| keys().seal(purpose, good.as_bytes()).unwrap();
    let with = |more: Value| {
        let claims = claims(content, &more).to_string();
        keys().seal(Purpose::Download, claims.as_bytes()).unwrap()
    };
    let without = |name: &str| {
        let mut claims = claims(content, &json!({}));
        claims.as_object_mut().unwrap().remove(name);
        keys().seal(Purpose::Download, claims.to_string().as_bytes()).unwrap()
    };
    let (body, footer) = token.rsplit_once('.').unwrap();
    vec![
        ("a word", "nonsense".to_owned()),
        ("a dot", ".".to_owned()),
        ("dots", "...".to_owned()),
        ("a version", "v4.local.".to_owned()),
        ("another version", token.replace("v4.local.", "v2.local.")),
        ("another purpose of PASETO", token.replace("v4.local.", "v4.public.")),
        ("a JWT", "eyJhbGciOiJub25lIn0.eyJqdGkiOiIxIn0.".to_owned()),
        ("encoded", token.replace('.', "%2E")),
        ("in capitals", token.to_uppercase()),
        ("a blank behind it", format!("{token}%20")),
        ("cut by one", token[..token.len() - 1].to_owned()),
        ("cut in half", token[..token.len() / 2].to_owned()),
        ("longer", format!("{token}A")),
        ("no footer", body.to_owned()),
        ("another footer", format!("{body}.e30")),
        ("two footers", format!("{body}.{footer}.{footer}")),
        ("the nonce changed", flipped(&token, 12)),
        ("the middle changed", flipped(&token, token.len() / 2)),
        ("the tag changed", flipped(&token, body.len() - 3)),
        ("the footer changed", flipped(&token, token.len() - 3)),
        ("very long", format!("v4.local.{}", "A".repeat(9000))),
        ("another key", other_keys().seal(Purpose::Download, good.as_bytes()).unwrap()),
        ("for an answer", seal(Purpose::Answer)),
        ("for a confirmation", seal(Purpose::Confirmation)),
        ("for a ticket", seal(Purpose::Ticket)),
        ("another route", with(json!({ "aud": "/other/" }))),
        ("a longer route", with(json!({ "aud": "/download/x/" }))),
        ("another bucket", with(json!({ "bucket": "elsewhere" }))),
        ("a key of ours", with(json!({ "key": ".casgate/state/use/1" }))),
        ("no key", with(json!({ "key": "" }))),
        ("a long key", with(json!({ "key": "a".repeat(1025) }))),
        ("a tenant of two segments", with(json!({ "tenant": "a/b" }))),
        ("an id that is none", with(json!({ "jti": "x" }))),
        ("a time that is none", with(json!({ "exp": "tomorrow" }))),
        ("a member more", with(json!({ "more": 1 }))),
        ("no id", without("i")),
        ("no end", without("x")),
        ("no uses", without("n")),
        ("no JSON", keys().seal(Purpose::Download, b"nonsense").unwrap()),
        ("nothing", keys().seal(Purpose::Download, b"{}").unwrap()),
    ]
}

/// Neither the store nor storage hears of it.
#[tokio::test]
async fn what_was_not_given_out_opens_nothing() {
    let content = Content::of("an artifact");
    let links = Links::to(&content, ONETIME).await;
    for (name, token) in strangers(&content) {
        let path = path(&token);
        assert_refused(&links.get(&path, "").await, 404, "not_found", name);
        assert_eq!(links.head(&path, "").await.status, 404, "{name}");
        let resume = "Range: bytes=3-\r\nIf-Range: \"0.AAAAAAAAAAAAAAAAAAAAAA\"\r\n";
        assert_refused(&links.get(&path, resume).await, 404, "not_found", name);
        for line in [format!("POST {path}"), format!("DELETE {path}"), format!("GET {path}/status")]
        {
            let response = links.ask(&line, &issuer(), "").await;
            assert_refused(&response, 404, "not_found", name);
        }
    }
    assert_eq!((links.state_operations(), links.storage.counts().requests), (0, 0));
    links.assert_fresh(&sealed(&content, &json!({})), &content).await;
}

/// A token is one route's, also where two have the same keys.
#[tokio::test]
async fn links_of_one_route_are_none_of_another() {
    let content = Content::of("an artifact");
    let file = "
  - path: /more/
    dialect: { onetime: {} }
    bucket: store
    layout: 'sha256:{hex}'
    delivery: stream
    auth: open
public_url: https://links.example.test";
    let links = Links::to(&content, Settings { file, ..ONETIME }).await;
    let path = links.link_to(&content).await;
    let other = path.replace("/download/", "/more/");
    assert_refused(&links.get(&other, "").await, 404, "not_found", "");
    assert_eq!(links.state_operations(), 0);
    links.assert_fresh(&path, &content).await;
}

/// With a setting, nobody learns whether a token was ever good.
#[tokio::test]
async fn all_refusals_look_alike_if_asked_for() {
    let content = Content::of("an artifact");
    let chainloop = "uniform_404: true";
    let links = Links::to(&content, Settings { chainloop, ..ONETIME }).await;
    let spent = links.link_to(&content).await;
    let tag = links.get(&spent, "").await.header("etag").unwrap().to_owned();
    let revoked = links.link_to(&content).await;
    assert_eq!(links.ask(&format!("DELETE {revoked}"), &issuer(), "").await.status, 204);
    let expired = sealed(&content, &json!({ "exp": super::time(-60) }));
    let changed = sealed(&content, &json!({ "etag": "\"of another object\"" }));
    let deleted = sealed(&content, &json!({ "key": "nothing" }));
    let forged = flipped(&spent, spent.len() / 2);

    let wrong = format!("Range: bytes=3-\r\nIf-Range: {}\r\n", flipped(&tag, 5));
    let page = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n";
    let expected = links.get(&path("nonsense"), "").await;
    assert_refused(&expected, 404, "not_found", "");
    for (name, path) in [
        ("spent", &spent),
        ("revoked", &revoked),
        ("expired", &expired),
        ("changed", &changed),
        ("deleted", &deleted),
        ("forged", &forged),
    ] {
        for lines in ["", page, &wrong, "Range: bytes=3-\r\n"] {
            let response = links.get(path, lines).await;
            assert_eq!((response.status, &response.body), (404, &expected.body), "{name} {lines}");
            assert_eq!(response.stable_headers(), expected.stable_headers(), "{name} {lines}");
        }
        let head = links.head(path, "").await;
        assert_eq!((head.status, head.stable_headers()), (404, expected.stable_headers()));
    }
    let expected = links.ask("POST /download/nonsense", "", "").await;
    for (name, path) in [("spent", &spent), ("revoked", &revoked), ("expired", &expired)] {
        let response = links.ask(&format!("POST {path}"), "", "").await;
        assert_eq!((response.status, &response.body), (404, &expected.body), "{name}");
        assert_eq!(response.stable_headers(), expected.stable_headers(), "{name}");
        // Whoever may issue is told.
        let status = links.ask(&format!("GET {path}/status"), &issuer(), "").await;
        assert_eq!((status.status, &status.json()["state"]), (200, &json!(name)));
    }
    // Who has the tag has the use, and goes on.
    let lines = format!("Range: bytes=3-\r\nIf-Range: {tag}\r\n");
    assert_eq!(links.get(&spent, &lines).await.status, 206);
}

#[tokio::test]
async fn keys_are_replaced_without_a_gap() {
    let content = Content::of("an artifact");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("{{ file: {} }}", path.display())
    };
    let (old, new) = (file("old", SEALING_KEY), file("new", &format!("k4.local.{OTHER_KEY}")));
    let (old_link, new_link) = {
        let more = claims(&content, &json!({})).to_string();
        let new = other_keys().seal(Purpose::Download, more.as_bytes()).unwrap();
        (sealed(&content, &json!({})), path(&new))
    };
    for (list, sealing, opens) in [
        (vec![&old, &new], keys(), [200, 200]),
        (vec![&new, &old], other_keys(), [200, 200]),
        (vec![&new], other_keys(), [404, 200]),
        (vec![&old], keys(), [200, 404]),
    ] {
        let list = list.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let storage = Storage::scripted(object(&content)).await;
        let links = Links::of(storage, ONETIME, |yaml| {
            let line = yaml.lines().find(|line| line.starts_with("tokens:")).unwrap();
            yaml.replace(line, &format!("tokens: {{ keys: [{list}] }}"))
        });
        links.start().await;
        for (link, status) in [&old_link, &new_link].into_iter().zip(opens) {
            assert_eq!(links.get(link, "").await.status, status, "{list}");
        }
        let path = links.link_to(&content).await;
        let token = path.rsplit('/').next().unwrap();
        assert!(sealing.open(Purpose::Download, token).is_some(), "{list}");
    }
}

/// A link to the object of one tenant stays one, whatever a client adds.
#[tokio::test]
async fn nothing_a_client_says_changes_the_object() {
    let storage = Storage::scripted(|seen| Answer::object(seen, b"x")).await;
    let links = Links::before(storage, TENANTS).await;
    let order = json!({ "key": "x" }).to_string();
    let issued = links.ask("POST /download/", &issuer_of("acme"), &order).await;
    let path = path(issued.json()["token"].as_str().unwrap());
    for (query, lines) in [
        ("", format!("{}X-Forwarded-Host: evil.test\r\n", issuer_of("other"))),
        ("?key=y&tenant=other&response-content-type=text/html", String::new()),
        ("?versionId=1", "X-Amz-Copy-Source: /other/y\r\n".to_owned()),
    ] {
        assert_eq!(links.head(&format!("{path}{query}"), &lines).await.status, 200);
        let seen = links.storage.seen().pop().unwrap();
        assert_eq!(seen.target, "/artifacts/acme/files/x");
        assert_eq!(seen.header("x-amz-copy-source"), None);
    }
    assert_eq!(links.get(&format!("{path}?key=y"), "").await.status, 200);
    assert_eq!(links.storage.seen().pop().unwrap().header("if-match"), Some(ETAG));
}
