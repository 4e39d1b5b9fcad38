//! Whatever a service answers, only credentials are taken for credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::stand_ins::{
    Accepted, Gateway, SECRET, container, instance, json, json_text, rfc3339, session, signer,
    storage, sts_text, variables,
};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::STREAM;
use crate::support::server::Server;

const JSON: &str = "application/json";

fn ok(body: &str) -> Answer {
    Answer::document("200 OK", JSON, body)
}

/// Every way to answer with something else, by name.
fn wrong_answers() -> Vec<(&'static str, Answer)> {
    let good = json_text("ASIAWRONG", &rfc3339(3600));
    let without = |part: &str| good.replace(part, "\"Other\":");
    let milliseconds = good.replace(&format!("\"{}\"", rfc3339(3600)), "4070908800000");
    vec![
        ("500 with credentials", Answer::document("500 Internal Server Error", JSON, &good)),
        ("403 with credentials", Answer::document("403 Forbidden", JSON, &good)),
        ("an error with status 200", ok(r#"{"Code":"Failed","Message":"no role"}"#)),
        ("an error and credentials", ok(&good.replace("Success", "AssumeRoleUnauthorizedAccess"))),
        ("HTML", Answer::document("200 OK", "text/html", "<html><body>Sign in</body></html>")),
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
async fn broken(answer: Answer) -> (Server, Arc<AtomicBool>) {
    let repaired = Arc::new(AtomicBool::new(false));
    let is_repaired = Arc::clone(&repaired);
    let endpoint = Server::scripted(move |_| match is_repaired.load(Ordering::Relaxed) {
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
    let gone = Server::scripted(|_| json("ASIARIGHT", 3600)).await;
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
    let endpoint = Server::scripted(move |_| match turn.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => json("ASIAGOOD", 10),
        _ => Answer::document("404 Not Found", "text/html", "<html>"),
    })
    .await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
    for asked in 1..=3 {
        endpoint.until(|counts| counts.requests >= asked).await;
        let response = gateway.get(&content.path()).await;
        assert_eq!(response.status, 200, "{}", gateway.process.errors());
    }
    gateway.said("cannot refresh the storage credentials").await;
    gateway.said("storage credentials can be had again").await;
}

#[tokio::test]
async fn old_credentials_serve_to_their_end() {
    let content = Content::of("content");
    let storage = storage(&content, &Accepted::only("ASIAOLD")).await;
    let turn = AtomicUsize::new(0);
    let endpoint = Server::scripted(move |_| match turn.fetch_add(1, Ordering::Relaxed) {
        0 => json("ASIAOLD", 8),
        _ => Answer::document("404 Not Found", "text/html", "<html>"),
    })
    .await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &container(&endpoint));
    // A refresh has failed, and they are good for as long as they are.
    endpoint.until(|counts| counts.requests >= 2).await;
    assert_eq!(gateway.get(&content.path()).await.status, 200);
    gateway.said("cannot refresh the storage credentials").await;
    gateway.get_until(&content.path(), 503, &[200]).await;
    gateway.said("there are no storage credentials").await;
    let refused = "casgate_requests_total{dialect=\"chainloop\",kind=\"storage_unavailable\",\
                   route=\"/download/\"}";
    assert!(gateway.metric(refused).await > 0);
}

/// Every way for IMDS to have no credentials: for the session, the name of the role and its keys.
fn broken_imds() -> Vec<(&'static str, [Answer; 3])> {
    let role = || Answer::document("200 OK", "text/plain", "reader");
    let keys = || json("ASIAWRONG", 3600);
    let failed = r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"no trust"}"#;
    vec![
        ("sessions are refused", [Answer::status("403 Forbidden"), role(), keys()]),
        ("a session's answer that ran out of hops", [Answer::nothing(Then::Stall), role(), keys()]),
        ("the first version only", [Answer::status("404 Not Found"), role(), keys()]),
        ("no role", [session(), Answer::status("404 Not Found"), keys()]),
        ("an error with status 200", [session(), role(), Answer::document("200 OK", JSON, failed)]),
        ("HTML", [session(), role(), Answer::document("200 OK", "text/html", "<html>")]),
        (
            "a server error",
            [session(), role(), Answer::document("500 Oh", JSON, json_text("ASIAWRONG", ""))],
        ),
    ]
}

#[tokio::test]
async fn no_answer_of_imds_but_credentials_is_taken_for_them() {
    let content = Content::of("content");
    let mut running = tokio::task::JoinSet::new();
    for (name, answers) in broken_imds() {
        let content = content.clone();
        running.spawn(async move {
            let storage = storage(&content, &Accepted::only("ASIAWRONG")).await;
            let imds = Server::scripted(move |seen| {
                let [session, role, keys] = &answers;
                match seen.target.as_str() {
                    "/latest/api/token" => session.clone(),
                    target if target.ends_with("/security-credentials/") => role.clone(),
                    _ => keys.clone(),
                }
            })
            .await;
            let gateway = Gateway::start(&STREAM, &storage, "{}", &instance(&imds));
            let response = gateway.get(&content.path()).await;
            assert_eq!(response.status, 503, "{name}: {}", gateway.process.errors());
            assert_eq!(storage.counts().requests, 0, "{name}");
            gateway.said("there are no storage credentials").await;
        });
    }
    running.join_all().await;
}

#[tokio::test]
async fn no_answer_of_sts_but_credentials_is_taken_for_them() {
    let content = Content::of("content");
    let action = "AssumeRoleWithWebIdentity";
    let good = sts_text(action, "ASIAWRONG", &rfc3339(3600));
    let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code>\
                   <Message>Token expired</Message></Error></ErrorResponse>";
    let xml = "text/xml";
    let answers = [
        ("an expired identity", Answer::document("400 Bad Request", xml, refusal)),
        ("a refusal with status 200", Answer::document("200 OK", xml, refusal)),
        ("HTML", Answer::document("200 OK", "text/html", "<html><body>Sign in</body></html>")),
        ("a part of it", Answer::document("200 OK", xml, &good[..good.len() / 2])),
        ("nothing", Answer::document("200 OK", xml, "")),
        ("no secret", Answer::document("200 OK", xml, good.replace("SecretAccessKey", "Other"))),
        (
            "an end in the past",
            Answer::document("200 OK", xml, sts_text(action, "ASIAWRONG", &rfc3339(-1))),
        ),
        (
            "an end in milliseconds",
            Answer::document("200 OK", xml, sts_text(action, "ASIAWRONG", "4070908800000")),
        ),
        ("a reset", Answer::nothing(Then::Reset)),
    ];
    let mut running = tokio::task::JoinSet::new();
    for (name, answer) in answers {
        let content = content.clone();
        running.spawn(async move {
            let storage = storage(&content, &Accepted::only("ASIAWRONG")).await;
            let sts = Server::scripted(move |_| answer.clone()).await;
            let token = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(token.path(), "projected").unwrap();
            let variables = variables(&[
                ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader".to_owned()),
                ("AWS_WEB_IDENTITY_TOKEN_FILE", token.path().display().to_string()),
                ("AWS_ENDPOINT_URL_STS", format!("http://{}", sts.address)),
            ]);
            let gateway = Gateway::start(&STREAM, &storage, "{}", &variables);
            let response = gateway.get(&content.path()).await;
            assert_eq!(response.status, 503, "{name}: {}", gateway.process.errors());
            assert_eq!(storage.counts().requests, 0, "{name}");
            gateway.said("there are no storage credentials").await;
        });
    }
    running.join_all().await;
}
