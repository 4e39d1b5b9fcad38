//! Registers that have ended are deleted, and nothing else is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use casgate::state::StateKey;
use casgate::state::bucket::Swept;
use tokio::task::JoinSet;

use super::super::state::{assert_created, record_until};
use super::{client, fit_store, own};
use crate::support::embedded::Embedded;

const NOW: Duration = Duration::from_secs(500_000 * 3600 + 1800);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_has_ended_for_an_hour_goes() {
    let server = Embedded::start().await;
    let bucket = own(server.address).bucket();
    let store = fit_store(bucket.clone()).await;
    let hour = |hour: u64| UNIX_EPOCH + Duration::from_secs(hour * 3600);
    for end in [1, 499_998, 499_999, 500_000, 500_001, 500_100] {
        let key = StateKey::new("use", &format!("{end}/0"), hour(end));
        assert_created(&*store, &key, &record_until(hour(end), "spent")).await;
    }
    let others = [
        ".casgate/probe/00000001/x",
        ".casgate/state/0000001/use/x",
        ".casgate/state/00000001",
        ".casgate/state/use/00000001",
        ".casgate/untrusted/a/acme/00000001",
        "00000001/use/x",
        "acme/.casgate/state/00000001/use/x",
    ];
    for key in others {
        let put = client(&bucket).put_object().bucket("artifacts").key(key);
        put.body(b"content".to_vec().into()).send().await.unwrap();
    }
    let swept = store.sweep(UNIX_EPOCH + NOW).await.unwrap().unwrap();
    assert_eq!(swept, Swept { deleted: 3, ..Swept::default() });
    let mut expected: Vec<_> = others.map(str::to_owned).into();
    expected.extend(
        [500_000, 500_001, 500_100].map(|end| format!(".casgate/state/{end:08}/use/{end}/0")),
    );
    expected.sort();
    assert_eq!(server.keys().await, expected);
    assert_eq!(store.sweep(UNIX_EPOCH + NOW).await.unwrap(), Ok(Swept::default()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_swept() {
    let server = Embedded::start().await;
    let bucket = own(server.address).bucket();
    let store = fit_store(bucket.clone()).await;
    let client = client(&bucket);
    let mut puts = JoinSet::new();
    for number in 0..1100 {
        if puts.len() == 16 {
            puts.join_next().await.unwrap().unwrap();
        }
        let key = format!(".casgate/state/00000001/use/{number:04}");
        let put = client.put_object().bucket("artifacts").key(key).body(vec![1].into()).send();
        puts.spawn(async { _ = put.await.unwrap() });
    }
    puts.join_all().await;
    let swept = store.sweep(SystemTime::now()).await.unwrap().unwrap();
    assert_eq!(swept, Swept { deleted: 1100, ..Swept::default() });
    assert_eq!(server.keys().await, [] as [String; 0]);
}
