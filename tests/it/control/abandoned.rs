//! Are abandoned multipart uploads ended, and no others?

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use casgate::bucket::clock::Evidence;
use casgate::bucket::control::abandoned::{
    Sweep, Swept, abort_abandoned_uploads, delete_abandoned_objects,
};
use http::{HeaderMap, HeaderValue};
use tokio::task::JoinSet;

use super::{Embedded, bucket_of};
use crate::support::answer::Answer;
use crate::support::server::{Seen, Server};

const HOUR: Duration = Duration::from_secs(3600);

fn is_ours(key: &str) -> bool {
    key.starts_with("ours/")
}

async fn begin(server: &Embedded, keys: impl IntoIterator<Item = String>) {
    let mut begun = JoinSet::new();
    for key in keys {
        // As many connections as there are uploads would be too many.
        if begun.len() == 8 {
            begun.join_next().await.unwrap().unwrap();
        }
        let create = server.client.create_multipart_upload().bucket("artifacts").key(key);
        begun.spawn(async { _ = create.send().await.unwrap() });
    }
    begun.join_all().await;
}

fn swept(aborted: usize) -> Result<Sweep, String> {
    Ok(Sweep::Done(Swept { aborted, ..Swept::default() }))
}

#[tokio::test]
async fn old_uploads_of_ours_go() {
    let server = Embedded::start().await;
    let keys = ["ours/one", "ours/tow +%?é", "ours/tow +%?é", "theirs/three"];
    begin(&server, keys.map(str::to_owned)).await;

    let sweep = abort_abandoned_uploads(&server.bucket, HOUR, is_ours, SystemTime::now);
    assert_eq!(sweep.await, swept(0));
    assert_eq!(server.uploads().await, keys);

    let sweep = abort_abandoned_uploads(&server.bucket, Duration::ZERO, is_ours, SystemTime::now);
    assert_eq!(sweep.await, swept(3));
    assert_eq!(server.uploads().await, ["theirs/three"]);
}

#[tokio::test]
async fn old_objects_below_a_prefix_go() {
    let server = Embedded::start().await;
    for key in ["ours/one", "ours/tow +%?é", "ours", "theirs/ours/three"] {
        let put = server.client.put_object().bucket("artifacts").key(key);
        put.send().await.unwrap();
    }
    let keys = async || {
        let list = server.client.list_objects_v2().bucket("artifacts").send().await.unwrap();
        let keys = list.contents().iter().filter_map(|it| it.key().map(str::to_owned));
        keys.collect::<Vec<_>>()
    };
    let delete = |age| delete_abandoned_objects(&server.bucket, "ours/", age, SystemTime::now);
    assert_eq!(delete(HOUR).await, Ok(Swept::default()));
    assert_eq!(keys().await.len(), 4);
    // Storage's times may have whole seconds.
    crate::support::within(async {
        while delete(Duration::ZERO).await.unwrap().aborted == 0 || keys().await.len() > 2 {}
    })
    .await;
    assert_eq!(keys().await, ["ours", "theirs/ours/three"]);
}

#[tokio::test]
async fn every_page_is_looked_at() {
    let server = Embedded::start().await;
    // More than the thousand that are on a page.
    begin(&server, (0..1010).map(|number| format!("theirs/{number:04}"))).await;
    begin(&server, ["ours/first", "zzz/last"].map(str::to_owned)).await;
    let is_ours = |key: &str| !key.starts_with("theirs/");
    let sweep = abort_abandoned_uploads(&server.bucket, Duration::ZERO, is_ours, SystemTime::now);
    assert_eq!(sweep.await, swept(2));
}

/// Uploads, as `key id began`, in a list that goes on with the marker if there is one.
fn page(uploads: &[&str], next: Option<&str>) -> Answer {
    let uploads: String = uploads
        .iter()
        .map(|upload| {
            let fields: Vec<_> = upload.split(' ').collect();
            format!(
                "<Upload><Key>{}</Key><UploadId>{}</UploadId><Initiated>{}</Initiated></Upload>",
                fields[0], fields[1], fields[2]
            )
        })
        .collect();
    let more = next.map_or(String::new(), |key| {
        format!("<IsTruncated>true</IsTruncated><NextKeyMarker>{key}</NextKeyMarker>")
    });
    let list = format!("<ListMultipartUploadsResult>{more}{uploads}</ListMultipartUploadsResult>");
    Answer::document("200 OK", "application/xml", list)
}

/// 2026-01-02T00:00:00Z.
fn midnight() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_312_000)
}

/// Sweeps a server at midnight for uploads older than an hour; what it saw of deletions, in order.
async fn sweep(
    script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> (Result<Sweep, String>, Vec<String>) {
    let server = Server::scripted(script).await;
    let bucket = bucket_of(&format!("http://{}", server.address));
    let swept = abort_abandoned_uploads(&bucket, HOUR, is_ours, midnight).await;
    let deletions = server.seen().into_iter().filter(|seen| seen.method == "DELETE");
    let targets = deletions.map(|seen| seen.target.replace("x-id=AbortMultipartUpload&", ""));
    (swept, targets.collect())
}

#[tokio::test]
async fn age_is_counted_from_the_beginning() {
    let (swept, deletions) = sweep(|seen| match seen.method.as_str() {
        "GET" => page(
            &[
                "ours/old 1 2025-01-01T00:00:00.000Z",
                "ours/just-over 2 2026-01-01T22:59:59.999Z",
                "ours/exactly 3 2026-01-01T23:00:00.000Z",
                "ours/young 4 2026-01-01T23:59:59.000Z",
                "ours/of-the-future 5 2026-01-03T00:00:00.000Z",
            ],
            None,
        ),
        _ => Answer::status("204 No Content"),
    })
    .await;
    assert_eq!(swept, self::swept(2));
    let expected = ["/artifacts/ours/old?uploadId=1", "/artifacts/ours/just-over?uploadId=2"];
    assert_eq!(deletions, expected);
}

#[tokio::test]
async fn age_is_counted_by_the_clock_of_storage() {
    let server = Server::scripted(|seen| match seen.method.as_str() {
        "GET" => {
            page(&["ours/one 1 2026-01-02T00:30:00Z", "ours/two 2 2026-01-02T01:30:00Z"], None)
        }
        _ => Answer::status("204 No Content"),
    })
    .await;
    let bucket = bucket_of(&format!("http://{}", server.address));
    let mut headers = HeaderMap::new();
    headers.insert("date", HeaderValue::from_static("Fri, 02 Jan 2026 02:00:00 GMT"));
    assert!(bucket.clock.correct(&headers, Evidence::Said, midnight(), midnight()));
    let sweep = abort_abandoned_uploads(&bucket, HOUR, is_ours, midnight);
    assert_eq!(sweep.await, swept(1));
    for seen in server.seen() {
        assert_eq!(seen.header("x-amz-date"), Some("20260102T020000Z"), "{}", seen.target);
    }
}

#[tokio::test]
async fn an_upload_that_stays_keeps_no_other() {
    let (swept, deletions) = sweep(|seen| {
        const OLD: &str = "2025-01-01T00:00:00.000Z";
        match seen.method.as_str() {
            "GET" => {
                let uploads =
                    ["denied", "ended", "good"].map(|name| format!("ours/{name} 1 {OLD}"));
                page(&uploads.each_ref().map(String::as_str), None)
            }
            _ if seen.target.contains("denied") => Answer::error(seen, 403, "AccessDenied"),
            _ if seen.target.contains("ended") => Answer::error(seen, 404, "NoSuchUpload"),
            _ => Answer::status("204 No Content"),
        }
    })
    .await;
    let failure = Some("storage answered 403 AccessDenied".to_owned());
    let expected = Swept { aborted: 1, failed: 1, failure, is_partial: false };
    assert_eq!(swept, Ok(Sweep::Done(expected)));
    assert_eq!(deletions.len(), 3);
}

#[tokio::test]
async fn a_server_without_the_list_is_told_from_one_that_fails() {
    let (swept, _) = sweep(|seen| Answer::error(seen, 501, "NotImplemented")).await;
    assert_eq!(swept, Ok(Sweep::NotOffered));
    let (swept, _) = sweep(|seen| Answer::error(seen, 403, "AccessDenied")).await;
    assert_eq!(swept, Err("storage answered 403 AccessDenied".to_owned()));
}

#[tokio::test]
async fn a_list_without_end_ends() {
    let (swept, _) = sweep(|_| page(&[], Some("again"))).await;
    assert_eq!(swept, Err("storage's list of uploads does not go on".to_owned()));

    let pages = Mutex::new(0);
    let (swept, _) = sweep(move |_| {
        let mut pages = pages.lock().unwrap();
        *pages += 1;
        page(&[], Some(&pages.to_string()))
    })
    .await;
    assert_eq!(swept, Ok(Sweep::Done(Swept { is_partial: true, ..Swept::default() })));
}
