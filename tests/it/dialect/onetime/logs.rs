//! Whether anything that opens something gets into a log or a metric.

use std::collections::BTreeMap;

use casgate::token::Purpose;
use serde_json::{Value, json};

use super::{ETAG, ONETIME, claims, digest, keys, object};
use crate::support::answer::{Answer, Then};
use crate::support::content::Content;
use crate::support::gateway::Settings;
use crate::support::process::Process;
use crate::support::storage::Storage;
use crate::support::token::mint;

const LOGGED: Settings<'static> = Settings {
    timeouts: "storage_first_byte: 300ms, storage_read: 300ms, header: 500ms",
    file: "public_url: https://links.example.test\nadmin: 127.0.0.1:0\n",
    ..ONETIME
};

/// A gateway with a log of everything.
fn start(settings: Settings<'_>, storage: &Storage, folder: &tempfile::TempDir) -> Process {
    let yaml = settings.yaml(&format!("http://{}", storage.address), folder);
    let yaml = yaml.replace("log: { access: false }", "log: { access: true, level: debug }");
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, yaml).unwrap();
    tokio::task::block_in_place(|| Process::start_with(&file, &BTreeMap::new()))
}

fn ask(process: &Process, line: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    tokio::task::block_in_place(|| {
        process.exchange(&format!(
            "{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}Content-Length: {length}\r\n\r\n{body}"
        ))
    })
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
    line.and_then(|line| line.split_once(": ")).expect(name).1
}

/// The parts of what was sent and answered that nobody else may see: long enough to be nothing else.
#[track_caller]
fn assert_nowhere(process: &Process, secrets: &[&str]) {
    let metrics = tokio::task::block_in_place(|| process.metrics());
    for (place, text) in
        [("access log", process.printed()), ("log", process.errors()), ("metrics", metrics)]
    {
        for secret in secrets {
            // Not even half of it.
            for part in [&secret[..secret.len() / 2], &secret[secret.len() / 2..]] {
                let line = text.lines().find(|line| line.contains(part));
                assert_eq!(line, None, "{part} is in the {place}");
            }
        }
    }
}

/// Waits until the access log has that many lines; returns their paths.
fn logged(process: &Process, count: usize) -> Vec<String> {
    let lines: Vec<Value> =
        tokio::task::block_in_place(|| (0..count).map(|_| process.line()).collect());
    lines.iter().map(|line| line["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_opens_a_link_is_logged() {
    let content = Content::of("an artifact");
    let storage = Storage::scripted(object(&content)).await;
    let folder = tempfile::tempdir().unwrap();
    let process = start(LOGGED, &storage, &folder);
    let jwt = mint(json!({ "role": "issuer" }));
    let bearer = format!("Authorization: Bearer {jwt}\r\nIdempotency-Key: a-key-that-is-kept\r\n");
    let order = json!({ "digest": digest(&content), "confirm": true }).to_string();
    let issued = ask(&process, "POST /download/", &bearer, &order);
    let body = issued.rsplit("\r\n\r\n").next().unwrap();
    let token = serde_json::from_str::<Value>(body).unwrap()["token"].as_str().unwrap().to_owned();
    let path = format!("/download/{token}");
    let mut requests = 1;
    let mut send = |line: String, lines: &str| {
        requests += 1;
        ask(&process, &line, lines, "")
    };
    let refers = format!("Referer: https://links.example.test{path}\r\n");
    let page = send(format!("GET {path}"), "Accept: text/html\r\n");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let pressed = send(format!("POST {path}"), &refers);
    let proof = header(&pressed, "location").strip_prefix("?confirmation=").unwrap().to_owned();
    send(format!("HEAD {path}"), &refers);
    send(format!("GET {path}/status"), &bearer);
    send(format!("GET {path}"), "Sec-Purpose: prefetch\r\n");

    // Storage fails in every way before it does not.
    for then in [Then::Stall, Then::Close, Then::Reset] {
        storage.change(move |_| Answer::nothing(then));
        send(format!("GET {path}?confirmation={proof}"), &refers);
    }
    storage.change(|seen| Answer::error(seen, 403, "AccessDenied"));
    send(format!("GET {path}?confirmation={proof}"), &refers);
    let (all, cut) = (content.bytes.clone(), content.bytes.len() - 1);
    storage.change(move |_| {
        let head = ["HTTP/1.1 200 OK", "Content-Length: 11", &format!("ETag: {ETAG}")];
        Answer::head_and(&head, &all[..cut], Then::Close)
    });
    send(format!("GET {path}"), "");
    storage.change(object(&content));
    let response = send(format!("GET {path}?confirmation={proof}"), &refers);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let tag = header(&response, "etag").trim_matches('"').to_owned();
    let resume = format!("Range: bytes=3-\r\nIf-Range: \"{tag}\"\r\n");
    assert!(send(format!("GET {path}"), &resume).starts_with("HTTP/1.1 206"));
    send(format!("GET {path}"), "");

    // Requests that make no sense.
    for line in [
        format!("PUT {path}"),
        format!("GET {path}/nothing/there"),
        format!("GET /download//{token}"),
        format!("GET {path}/"),
        format!("GET {path}?token={token}"),
        format!("GET {}", &path[..path.len() - 1]),
        format!("DELETE {path}"),
    ] {
        send(line, &refers);
    }
    let secret = tag.strip_prefix("0.").unwrap();
    send(format!("DELETE {path}"), &bearer);
    let paths = logged(&process, requests);
    for path in paths {
        assert!(
            matches!(&*path, "/download/" | "/download/***" | "/download/***/status"),
            "{path}"
        );
    }
    let (_, signature) = jwt.rsplit_once('.').unwrap();
    assert_nowhere(
        &process,
        &[&token["v4.local.".len()..], &proof["v4.local.".len()..], secret, signature],
    );
    // Whom it concerns is found by what opens nothing.
    assert!(process.errors().contains("a single-use token was issued"));
}

/// A link that somebody mistyped still is one.
#[tokio::test(flavor = "multi_thread")]
async fn nor_where_it_does_not_belong() {
    let content = Content::of("an artifact");
    let storage = Storage::scripted(object(&content)).await;
    let folder = tempfile::tempdir().unwrap();
    let file = format!(
        "{}  - {{ path: /other/, dialect: {{ chainloop: {{}} }}, bucket: store, layout: '{{hex}}', auth: open }}\n",
        LOGGED.file
    );
    // Routes come before other sections.
    let (sections, route) = file.split_once("  - ").unwrap();
    let file = format!("  - {route}{sections}");
    let process = start(Settings { file: &file, ..LOGGED }, &storage, &folder);
    let token = keys().seal(Purpose::Download, claims(&content, &json!({})).to_string().as_bytes());
    let token = token.unwrap();
    let lines = [
        format!("GET /downloads/{token}"),
        format!("GET /{token}"),
        format!("GET /Download/{token}"),
        format!("GET /down%6coad/{token}"),
        format!("GET /x/{}/y", token.replace('.', "%2e")),
        format!("GET /x/{token}%zz"),
        format!("GET /other/{token}"),
        format!("GET /other/sha256:{token}/x?ticket={token}"),
    ];
    for line in &lines {
        let answer = ask(&process, line, "", "");
        assert!(answer.starts_with("HTTP/1.1 40"), "{line}: {answer}");
        assert!(!answer.contains(&token[9..]), "{answer}");
    }
    for path in logged(&process, lines.len()) {
        assert!(path.ends_with("***"), "{path}");
    }
    // What is not even HTTP, or nothing that is answered here.
    for request in [
        format!("GET https://other.test/download/{token} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /download/{token}\r\n\r\n"),
        format!("GET /download/{token} HTTP/9.9\r\n\r\n"),
        format!("GET /download/{token} HTTP/1.1\r\nbroken header\r\n\r\n"),
        format!("GET /download/{token} HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
        format!("GET /download/{token} HTTP/1.1\r\n\r\n"),
        format!("GE\0T /download/{token} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /download/{token} {token} HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        tokio::task::block_in_place(|| process.exchange(&request));
    }
    assert_nowhere(&process, &[&token["v4.local.".len()..]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_is_a_ticket() {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        delivery: "ticket",
        auth: crate::support::gateway::JWT,
        dialect: "chainloop",
        ..LOGGED
    };
    let process = start(settings, &storage, &folder);
    let jwt = mint(json!({}));
    let line = format!("GET {}", content.path());
    let answer = ask(&process, &line, &format!("Authorization: Bearer {jwt}\r\n"), "");
    let (_, ticket) = header(&answer, "location").split_once("?ticket=").unwrap();
    let referer = format!("Referer: https://a/?ticket={ticket}\r\n");
    assert!(ask(&process, &format!("{line}?ticket={ticket}"), &referer, "").contains(" 200 "));
    let cut = &ticket[..ticket.len() - 1];
    assert!(ask(&process, &format!("{line}?ticket={cut}"), &referer, "").contains(" 401 "));
    logged(&process, 3);
    assert_nowhere(&process, &[&ticket["v4.local.".len()..]]);
}
