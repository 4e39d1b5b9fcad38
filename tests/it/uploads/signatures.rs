//! Storage that no longer takes our credentials, or our time: it says so before the body, which is
//! still to be had then.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tokio::net::TcpStream;

use super::s3::{self, Step};
use super::{CHUNKED, HASH, PART, UPLOADS, chunks, head_of, length_of, put};
use crate::credentials::stand_ins::{Gateway, container, json, signer};
use crate::support::answer::Answer;
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::server::{Early, Seen, Server};
use crate::support::storage::Storage;
use crate::support::within;

/// Storage that refuses some requests: those that ask before they send, before they have sent.
async fn refusing(
    refuse: impl Fn(&Seen) -> Option<Answer> + Clone + Send + Sync + 'static,
) -> Storage {
    let refused = refuse.clone();
    let storage =
        Storage::scripted(move |seen| refuse(seen).unwrap_or_else(|| s3::well(seen))).await;
    storage.hurry(move |seen| {
        seen.header("expect")?;
        refused(seen).map(|answer| Early { after: 0, answer })
    });
    storage
}

/// Requests for this step, with the keys they were signed with.
fn signed(storage: &Storage, step: Step) -> Vec<(String, Seen)> {
    let seen = storage.seen().into_iter().filter(|seen| Step::of(seen) == step);
    seen.map(|seen| (signer(&seen).to_owned(), seen)).collect()
}

/// All at once, since the first refusals may fall into a pause in which nothing newer is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_are_replaced_and_the_body_sent_once() {
    tokio::join!(
        replaces_credentials(1000, None, Step::Put),
        replaces_credentials(1_000_000, None, Step::Put),
        replaces_credentials(1000, Some(CHUNKED), Step::Put),
        replaces_credentials(PART + 1, Some(CHUNKED), Step::Create),
    );
}

/// Credentials that end are replaced at this step of an upload.
async fn replaces_credentials(size: usize, framing: Option<&str>, step: Step) {
    let storage = refusing(|seen| {
        (signer(seen) == "ASIA0").then(|| Answer::error(seen, 400, "ExpiredToken"))
    })
    .await;
    let turn = AtomicUsize::new(0);
    let endpoint = Server::scripted(move |_| {
        json(&format!("ASIA{}", turn.fetch_add(1, Ordering::Relaxed)), 12 * 3600)
    })
    .await;
    let gateway = tokio::task::block_in_place(|| {
        Gateway::start(&UPLOADS, &storage, "{}", &container(&endpoint))
    });
    let body = Content::sized(size).bytes;
    within(async { while upload(&gateway, &body, framing).await == 502 {} }).await;
    let signed = signed(&storage, step);
    let [.., (refused, before), (taken, after)] = &signed[..] else { panic!("{signed:?}") };
    assert_eq!((refused.as_str(), taken.as_str()), ("ASIA0", "ASIA1"));
    assert_eq!(signed.iter().filter(|(id, _)| id == "ASIA1").count(), 1);
    if step == Step::Put {
        assert!(after.bytes == body);
        assert_eq!(before.bytes.is_empty(), size > 65_536, "the body went before the refusal");
    }
}

/// One upload; its status is that it was stored, or that storage refused it.
async fn upload(gateway: &Gateway, body: &[u8], framing: Option<&str>) -> u16 {
    let mut client = Client::new(TcpStream::connect(gateway.process.address).await.unwrap());
    let lines = framing.map_or_else(|| length_of(body), str::to_owned);
    client.send(head_of(HASH, &lines)).await;
    match framing {
        None => client.send(body).await,
        Some(_) => client.send(chunks(body, 100_000)).await,
    }
    let status = client.response().await.status;
    assert!(matches!(status, 202 | 502), "{status}");
    status
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_corrected_and_the_body_sent_once() {
    for size in [1000, 1_000_000] {
        let ours = SystemTime::now();
        let storage = refusing(move |seen| {
            let theirs = humantime::format_rfc3339_seconds(ours + Duration::from_secs(7200));
            let hour = theirs.to_string()[..13].replace('-', "");
            if seen.header("x-amz-date").is_some_and(|date| date.starts_with(&hour)) {
                return None;
            }
            let mut answer = Answer::error(seen, 403, "RequestTimeTooSkewed");
            let date = httpdate::fmt_http_date(ours + Duration::from_secs(7200));
            let line = answer.bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            answer.bytes.splice(line..line, format!("Date: {date}\r\n").into_bytes());
            Some(answer)
        })
        .await;
        let gateway = UPLOADS.before(&storage);
        let body = Content::sized(size).bytes;
        assert_eq!(put(&gateway, &body, "").await.status, 202, "{size}");
        let seen = storage.seen();
        assert_eq!(seen.len(), 2);
        assert!(seen[1].bytes == body);
        assert_eq!(gateway.metric("casgate_storage_resigned_total", &["\"clock\""]), 1);
    }
}

/// With nothing better to sign with, a refusal is one, and says so in the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_keeps_its_reason() {
    let storage = refusing(|seen| Some(Answer::error(seen, 403, "AccessDenied"))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    let yaml = UPLOADS.yaml(&format!("http://{}", storage.address), &folder);
    std::fs::write(&file, yaml.replace("access: false", "access: true")).unwrap();
    let process = tokio::task::block_in_place(|| crate::support::process::Process::start(&file));
    for size in [1000, 1_000_000] {
        let body = Content::sized(size).bytes;
        let mut client = Client::new(TcpStream::connect(process.address).await.unwrap());
        client.send(head_of(HASH, &length_of(&body))).await;
        client.send(&body).await;
        assert_eq!(client.response().await.status, 502);
        let line = tokio::task::block_in_place(|| process.line());
        assert_eq!(line["kind"], "storage_failed", "{line}");
        assert!(line["error"].as_str().unwrap().contains("403 AccessDenied"), "{line}");
    }
}
