//! Whatever a service answers, only credentials are taken for credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::stand_ins::{
    Accepted, Gateway, SECRET, container, http, json, json_text, rfc3339, signer, storage,
};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::STREAM;
use crate::support::storage::Storage;

const JSON: &str = "application/json";

fn ok(body: &str) -> Answer {
    http("200 OK", JSON, body)
}

/// Every way to answer with something else, by name.
fn wrong_answers() -> Vec<(&'static str, Answer)> {
    let good = json_text("ASIAWRONG", &rfc3339(3600));
    let without = |part: &str| good.replace(part, "\"Other\":");
    let milliseconds = good.replace(&format!("\"{}\"", rfc3339(3600)), "4070908800000");
    vec![
        ("500 with credentials", http("500 Internal Server Error", JSON, &good)),
        ("403 with credentials", http("403 Forbidden", JSON, &good)),
        ("an error with status 200", ok(r#"{"Code":"Failed","Message":"no role"}"#)),
        ("an error and credentials", ok(&good.replace("Success", "AssumeRoleUnauthorizedAccess"))),
        ("HTML", http("200 OK", "text/html", "<html><body>Sign in</body></html>")),
        ("nothing", ok("")),
        ("null", ok("null")),
        ("a part of it", ok(&good[..good.len() - 20])),
        ("the secret where a key should be", ok(&good.replace("\"SecretAccessKey\":", ""))),
        ("no id", ok(&without("\"AccessKeyId\":"))),
        ("no secret", ok(&without("\"SecretAccessKey\":"))),
        ("no end", ok(&without("\"Expiration\":"))),
        ("an empty id", ok(&good.replace("\"ASIAWRONG\"", "\"\""))),
        ("an empty secret", ok(&good.replace(&format!("\"{SECRET}\""), "\"\""))),
        ("an id of two lines", ok(&good.replace("ASIAWRONG", "ASIA\\r\\nX: y"))),
        ("an end in milliseconds", ok(&milliseconds)),
        ("an end that is no time", ok(&json_text("ASIAWRONG", "tomorrow"))),
        ("an end in the past", json("ASIAWRONG", -1)),
        ("an end long ago", ok(&json_text("ASIAWRONG", "1970-01-21T20:00:00Z"))),
        ("a body shorter than announced", {
            let head = ["HTTP/1.1 200 OK", "Content-Length: 4000"];
            Answer::head_and(&head, good.as_bytes(), Then::Close)
        }),
        ("a reset", Answer::nothing(Then::Reset)),
        ("no HTTP", Answer::raw("220 mail.test ESMTP\r\n", Then::Close)),
    ]
}

/// A container endpoint that answers like this until it is repaired.
async fn broken(answer: Answer) -> (Storage, Arc<AtomicBool>) {
    let repaired = Arc::new(AtomicBool::new(false));
    let is_repaired = Arc::clone(&repaired);
    let endpoint = Storage::scripted(move |_| match is_repaired.load(Ordering::Relaxed) {
        true => json("ASIARIGHT", 3600),
        false => answer.clone(),
    });
    (endpoint.await, repaired)
}

#[tokio::test]
async fn no_answer_but_credentials_is_taken_for_them() {
    let content = Content::of("content");
    // Each with a gateway of its own, all at once: the SDK takes its time for retries.
    let mut running = tokio::task::JoinSet::new();
    for (name, answer) in wrong_answers() {
        let content = content.clone();
        running.spawn(async move {
            let storage = storage(&content, &Accepted::only("ASIARIGHT")).await;
            let (endpoint, repaired) = broken(answer).await;
            let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
            let response = gateway.get(&content.path()).await;
            assert_eq!(response.status, 503, "{name}: {}", gateway.process.errors());
            assert_eq!(storage.counts().requests, 0, "{name}");
            gateway.said("there are no storage credentials").await;

            repaired.store(true, Ordering::Relaxed);
            gateway.get_until(&content.path(), 200, &[503]).await;
            gateway.said("storage credentials can be had again").await;
            let wrong = storage.seen().iter().any(|seen| signer(seen) != "ASIARIGHT");
            assert!(!wrong, "{name}: {:?}", storage.seen());
        });
    }
    running.join_all().await;
}

#[tokio::test]
async fn an_endpoint_that_hangs_holds_nobody_for_long() {
    let content = Content::of("content");
    let storage = storage(&content, &Accepted::only("ASIARIGHT")).await;
    let (endpoint, repaired) = broken(Answer::nothing(Then::Stall)).await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
    let began = std::time::Instant::now();
    assert_eq!(gateway.get(&content.path()).await.status, 503);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    repaired.store(true, Ordering::Relaxed);
    gateway.get_until(&content.path(), 200, &[503]).await;
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_may_come() {
    let content = Content::of("content");
    let storage = storage(&content, &Accepted::only("ASIARIGHT")).await;
    let gone = Storage::scripted(|_| json("ASIARIGHT", 3600)).await;
    let variables = container(&gone);
    drop(gone);
    let gateway = Gateway::start(&STREAM, &storage, "{}", &variables);
    assert_eq!(gateway.get(&content.path()).await.status, 503);
    gateway.said("there are no storage credentials").await;
}

#[tokio::test]
async fn an_endpoint_that_comes_and_goes_is_not_noticed() {
    let content = Content::of("content");
    let storage = storage(&content, &Accepted::only("ASIAGOOD")).await;
    let turn = AtomicUsize::new(0);
    // Every second answer is wrong, and lives are short enough for the next one to be needed soon.
    let endpoint = Storage::scripted(move |_| match turn.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => json("ASIAGOOD", 6),
        _ => http("404 Not Found", "text/html", "<html>"),
    })
    .await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
    gateway.get_until(&content.path(), 200, &[503]).await;
    while endpoint.counts().requests < 5 {
        let response = gateway.get(&content.path()).await;
        assert_eq!(response.status, 200, "{}", gateway.process.errors());
    }
    gateway.said("cannot refresh the storage credentials").await;
}
