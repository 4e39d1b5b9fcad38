//! What events, questions for several artifacts, and preflights get.

use serde_json::{Value, json};

use super::{CACHE, Object, ask, assert_refused, member_of, reader, storage, writer};
use crate::support::answer::Answer;
use crate::support::gateway::Gateway;
use crate::support::storage::Storage;

const FIND: &str = "POST /turbo/v8/artifacts?slug=acme";
const EVENTS: &str = "POST /turbo/v8/artifacts/events?slug=acme";

async fn find(gateway: &Gateway, hashes: Value) -> (u16, Value) {
    let body = json!({ "hashes": hashes }).to_string();
    let response = ask(gateway, FIND, &reader(), &body).await;
    (response.status, response.json())
}

#[tokio::test]
async fn several_artifacts_are_described_at_once() {
    let all = [("tag", "t="), ("duration", "376"), ("sha", "e83c"), ("dirty-hash", "d1")];
    let storage = storage(&[
        ("acme/1f", Object::of("an artifact", &all)),
        ("acme/2f", Object::of("", &[])),
        ("beta/3f", Object::of("of another team", &[])),
    ])
    .await;
    let gateway = CACHE.before(&storage);
    let (status, found) = find(&gateway, json!(["1f", "3f", "2f", "1f"])).await;
    assert_eq!(status, 200);
    assert_eq!(
        found,
        json!({
            "1f": {
                "size": 11, "taskDurationMs": 376, "tag": "t=", "sha": "e83c", "dirtyHash": "d1"
            },
            "2f": { "size": 0, "taskDurationMs": 0 },
            "3f": null,
        })
    );
    assert!(storage.seen().iter().all(|seen| seen.method == "HEAD"));
    assert_eq!(storage.counts().requests, 3, "the same was asked for twice");
    assert_eq!(find(&gateway, json!([])).await, (200, json!({})));
}

#[tokio::test]
async fn many_artifacts_are_described_in_their_places() {
    let storage = Storage::scripted(|seen| {
        let number = seen.target.rsplit('n').next().unwrap().parse::<usize>().unwrap();
        match number % 3 {
            0 => Answer::error(seen, 404, "NoSuchKey"),
            _ => Answer::object(seen, &vec![0; number]),
        }
    })
    .await;
    let gateway = CACHE.before(&storage);
    let hashes: Vec<_> = (0..200).map(|number| format!("n{number}")).collect();
    let (status, found) = find(&gateway, json!(hashes)).await;
    assert_eq!(status, 200);
    for number in 0..200_u64 {
        let size = found[format!("n{number}")]["size"].as_u64();
        assert_eq!(size, (!number.is_multiple_of(3)).then_some(number), "{number}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_known_is_no_miss() {
    let storage = Storage::scripted(|seen| match seen.target.ends_with("2f") {
        true => Answer::error(seen, 503, "SlowDown"),
        false => Answer::error(seen, 404, "NoSuchKey"),
    })
    .await;
    let gateway = CACHE.before(&storage);
    let body = r#"{"hashes":["1f","2f"]}"#;
    let response = ask(&gateway, FIND, &reader(), body).await;
    assert_refused(&response, 503, "service_unavailable", body);
}

#[tokio::test]
async fn questions_have_a_form() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    for (line, body) in [
        (FIND, "".to_owned()),
        (FIND, "{}".to_owned()),
        (FIND, r#"{"hashes":["../1f"]}"#.to_owned()),
        (FIND, json!({ "hashes": vec!["1f"; 4097] }).to_string()),
        (EVENTS, "{}".to_owned()),
        (EVENTS, "[".to_owned()),
    ] {
        let response = ask(&gateway, line, &reader(), &body).await;
        assert_refused(&response, 400, "bad_request", &body);
    }
    let long = " ".repeat(1024 * 1024 + 1);
    for line in [FIND, EVENTS] {
        let response = ask(&gateway, line, &reader(), &long).await;
        assert_refused(&response, 413, "payload_too_large", line);
    }
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn events_are_taken_from_everybody_who_may_read() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    let event = json!([{
        "sessionId": "8c2c1a9e-0d1f-4a3e-9d5b-1a2b3c4d5e6f", "source": "REMOTE", "event": "MISS",
        "hash": "0a1b2c3d4e5f6071", "duration": 376, "new": null,
    }])
    .to_string();
    for (lines, body) in [
        (reader(), event.as_str()),
        (writer(), &event),
        (reader(), "[]"),
        (reader() + "x-artifact-client-ci: GITHUB_ACTIONS\r\n", &event),
    ] {
        let response = ask(&gateway, EVENTS, &lines, body).await;
        assert_eq!((response.status, response.text()), (200, "{}"), "{lines}");
    }
    let response = ask(&gateway, EVENTS, "", &event).await;
    assert_refused(&response, 401, "unauthorized", "no token");
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn preflights_let_the_token_be_sent() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    for (path, lines) in [
        ("v8/artifacts/0a1b2c3d4e5f6071?slug=acme", String::new()),
        ("v8/artifacts/0a1b2c3d4e5f6071?slug=..", String::new()),
        ("v8/artifacts/events", reader()),
        ("v8/artifacts", member_of(json!("nobody's"), json!({}))),
        ("v2/user", "Authorization: Bearer nonsense\r\n".to_owned()),
    ] {
        let asked = "Access-Control-Request-Method: PUT\r\n\
             Access-Control-Request-Headers: Authorization, User-Agent, x-artifact-tag\r\n";
        let response = ask(&gateway, &format!("OPTIONS /turbo/{path}"), &(lines + asked), "").await;
        assert_eq!((response.status, response.text()), (204, ""), "{path}");
        let allowed = response.header("access-control-allow-headers").unwrap();
        let allowed: Vec<_> = allowed.split(", ").collect();
        for name in [
            "Authorization",
            "Content-Type",
            "User-Agent",
            "x-artifact-client-ci",
            "x-artifact-client-interactive",
            "x-artifact-dirty-hash",
            "x-artifact-duration",
            "x-artifact-sha",
            "x-artifact-tag",
        ] {
            assert!(allowed.contains(&name), "{name}");
        }
        let methods = response.header("access-control-allow-methods").unwrap();
        assert!(methods.contains("PUT") && methods.contains("HEAD"), "{methods}");
        assert!(response.header("access-control-max-age").is_some());
        // It would take the place of the URL, and no page of another origin is let in.
        assert_eq!(response.header("location"), None);
        assert_eq!(response.header("access-control-allow-origin"), None);
        // RFC 9110 section 8.6
        assert_eq!(response.header("content-length"), None);
    }
    assert_eq!(storage.counts().requests, 0);
}
