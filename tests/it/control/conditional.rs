//! Does the probe of conditional writes tell servers apart?

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use casgate::bucket::Bucket;
use casgate::bucket::control::conditional::{
    ConditionalWrites, PROBE_PREFIX, TagForm, Verdict, probe_conditional_writes,
};

use super::Embedded;
use super::stand_in::{Fault, StandIn};
use crate::support::answer::{Answer, Then};
use crate::support::{PATIENCE, within};

pub(crate) async fn probe(bucket: &Arc<Bucket>) -> Result<ConditionalWrites, String> {
    within(probe_conditional_writes(bucket, SystemTime::now, PATIENCE)).await
}

const HONOURED: ConditionalWrites = ConditionalWrites {
    create: Verdict::Honoured,
    replace: Verdict::Honoured,
    complete: Verdict::Honoured,
    tags: TagForm::Quoted,
};

fn defects(seen: &ConditionalWrites) -> [Option<&str>; 3] {
    [seen.create.defect(), seen.replace.defect(), seen.complete.defect()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_embedded_server_passes() {
    let server = Embedded::start().await;
    assert_eq!(probe(&server.bucket).await, Ok(HONOURED));
    assert_eq!((server.objects().await, server.uploads().await), (vec![], vec![]));
}

#[tokio::test]
async fn a_server_that_keeps_its_word_passes_and_nothing_is_left_there() {
    let storage = StandIn::start(|_, _| None).await;
    assert_eq!(probe(&storage.bucket).await, Ok(HONOURED));
    assert!(storage.is_empty());
    let place = format!("/artifacts/{PROBE_PREFIX}");
    let seen = storage.server.seen();
    assert!(seen.iter().all(|seen| seen.target.starts_with(&place)), "keys of others");
}

/// What is said of a server with this fault: about creating, replacing and completing.
async fn said_of(fault: Fault) -> [Option<String>; 3] {
    let storage = StandIn::start(fault).await;
    let seen = probe(&storage.bucket).await.unwrap();
    assert!(storage.is_empty(), "something is left of a probe that saw {seen:?}");
    defects(&seen).map(|defect| defect.map(str::to_owned))
}

#[tokio::test]
async fn a_condition_that_is_ignored_is_noticed() {
    const IGNORED: &str = "the condition is ignored: an existing object was overwritten";
    let said = said_of(|request, store| request.is_put_of("").then(|| store.write(request))).await;
    assert_eq!(said.each_ref().map(Option::as_deref), [Some(IGNORED), Some(IGNORED), None]);
    let said =
        said_of(|request, store| request.is_completion().then(|| store.write(request))).await;
    assert_eq!(said.each_ref().map(Option::as_deref), [None, None, Some(IGNORED)]);
}

#[tokio::test]
async fn a_second_winner_is_noticed() {
    const TWO: &str = "2 of 12 racing writers were told that they were first";
    let said = said_of(|request, store| {
        let e_tag = store.objects.get(request.path).map(|(e_tag, _)| e_tag.clone());
        let is_first = e_tag.is_some_and(|e_tag| e_tag.ends_with("2\""));
        (is_first && request.is_put_of("created-")).then(|| store.write(request))
    })
    .await;
    // Only the second entity tag that was given ends so, and it was given to the first racer.
    assert_eq!(said.each_ref().map(Option::as_deref), [Some(TWO), None, None]);
}

#[tokio::test]
async fn a_second_winner_of_the_last_round_is_noticed() {
    let said = said_of(|request, store| {
        let is_last = request.is_put_of("created-3") || request.path.ends_with("completed-1");
        let is_write = is_last && (request.seen.method == "PUT" || request.is_completion());
        let is_part = request.seen.target.contains("partNumber");
        (is_write && !is_part).then(|| store.write(request))
    })
    .await;
    let all = |number: usize| {
        format!("{number} of {number} racing writers were told that they were first")
    };
    assert_eq!(said, [Some(all(12)), None, Some(all(6))]);
}

#[tokio::test]
async fn a_race_that_nobody_wins_is_noticed() {
    const NONE: &str = "none of 12 racing writers was told that it was first";
    let said = said_of(|request, _| {
        request.is_put_of("created-").then(|| Answer::error(request.seen, 409, "Conflict"))
    })
    .await;
    assert_eq!(said.each_ref().map(Option::as_deref), [Some(NONE), None, None]);
}

#[tokio::test]
async fn a_refusal_that_is_none_is_noticed() {
    let said = said_of(|request, store| {
        let is_taken = store.objects.contains_key(request.path);
        (is_taken && request.is_conditional()).then(|| {
            store.write(request);
            Answer::error(request.seen, 412, "PreconditionFailed")
        })
    })
    .await;
    let overwritten = "a write was refused, and the existing object was overwritten all the same";
    assert_eq!(said, [0; 3].map(|_| Some(overwritten.to_owned())));
}

#[tokio::test]
async fn a_winner_whose_object_is_lost_is_noticed() {
    let said = said_of(|request, store| {
        let is_taken = store.objects.contains_key(request.path);
        (is_taken && request.is_put_of("created-")).then(|| {
            store.write(request);
            Answer::error(request.seen, 412, "PreconditionFailed")
        })
    })
    .await;
    let lost = "one of the racing writers was told that it was first, and its object was lost";
    assert_eq!(said.each_ref().map(Option::as_deref), [Some(lost), None, None]);
}

#[tokio::test]
async fn the_right_entity_tag_has_to_do() {
    let said = said_of(|request, _| {
        let is_replacing = request.seen.header("if-match").is_some();
        is_replacing.then(|| Answer::error(request.seen, 412, "PreconditionFailed"))
    })
    .await;
    let refused = Some("the right entity tag is refused");
    assert_eq!(said.each_ref().map(Option::as_deref), [None, refused, None]);
}

/// As Ceph 16 does.
#[tokio::test]
async fn entity_tags_without_quotes_are_found_out() {
    let storage = StandIn::start(|request, store| {
        let asked = request.seen.header("if-match")?;
        let current = store.objects.get(request.path).map(|(e_tag, _)| e_tag.trim_matches('"'));
        Some(match current == Some(asked) {
            true => store.write(request),
            false => Answer::error(request.seen, 412, "PreconditionFailed"),
        })
    })
    .await;
    let expected = ConditionalWrites { tags: TagForm::Bare, ..HONOURED };
    assert_eq!(probe(&storage.bucket).await, Ok(expected));
    assert!(storage.is_empty());
}

#[tokio::test]
async fn what_storage_does_not_offer_is_a_verdict() {
    let said = said_of(|request, _| {
        let answer = || Answer::error(request.seen, 501, "NotImplemented");
        request.is_conditional().then(answer)
    })
    .await;
    assert_eq!(said, [0; 3].map(|_| Some("not implemented (501)".to_owned())));
    let said = said_of(|request, _| {
        let answer = || Answer::error(request.seen, 400, "InvalidArgument");
        request.is_conditional().then(answer)
    })
    .await;
    assert_eq!(said, [0; 3].map(|_| Some("not accepted (400 InvalidArgument)".to_owned())));
    let said = said_of(|request, _| {
        let is_begin = request.seen.method == "POST" && !request.is_completion();
        is_begin.then(|| Answer::error(request.seen, 501, "NotImplemented"))
    })
    .await;
    assert_eq!(said, [None, None, Some("not implemented (501)".to_owned())]);
}

#[tokio::test]
async fn storage_that_cannot_be_asked_gets_no_verdict() {
    let cases: [(Fault, &str); 4] = [
        (|request, _| Some(Answer::error(request.seen, 403, "AccessDenied")), "403 AccessDenied"),
        (
            |request, _| {
                let is_conditional = request.is_conditional();
                is_conditional.then(|| Answer::error(request.seen, 403, "AccessDenied"))
            },
            "403 AccessDenied",
        ),
        (
            |request, _| {
                let answer = || Answer::error(request.seen, 400, "ExpiredToken");
                request.is_conditional().then(answer)
            },
            "400 ExpiredToken",
        ),
        (
            |request, store| {
                let is_one = request.is_put_of("created-1") && store.objects.len() > 2;
                is_one.then(|| Answer::error(request.seen, 503, "SlowDown"))
            },
            "503 SlowDown",
        ),
    ];
    for (fault, expected) in cases {
        let storage = StandIn::start(fault).await;
        let error = probe(&storage.bucket).await.unwrap_err();
        assert_eq!(error, format!("storage answered {expected}"));
        assert!(storage.is_empty());
    }
}

/// A repeated write would find its own object in the way, and the race without a winner.
#[tokio::test]
async fn a_winner_whose_answer_is_lost_is_not_a_loser() {
    let storage = StandIn::start(|request, store| {
        let is_first = !store.objects.contains_key(request.path);
        (is_first && request.is_put_of("created-0")).then(|| {
            store.write(request);
            Answer::nothing(Then::Reset)
        })
    })
    .await;
    probe(&storage.bucket).await.unwrap_err();
    assert!(storage.is_empty());
    let writes = storage.server.seen().into_iter();
    let writes = writes.filter(|seen| seen.method == "PUT" && seen.target.contains("/created-0?"));
    assert_eq!(writes.count(), 12, "a write was repeated");
}

#[tokio::test]
async fn a_probe_ends_in_time_and_cleans_up() {
    let storage =
        StandIn::start(|request, _| request.is_conditional().then(|| Answer::nothing(Then::Stall)))
            .await;
    let limit = Duration::from_secs(1);
    let probing = within(probe_conditional_writes(&storage.bucket, SystemTime::now, limit));
    assert_eq!(probing.await.unwrap_err(), "no answer to all questions within 1s");
    assert!(storage.server.seen().iter().any(|seen| seen.method == "DELETE"));
    assert!(storage.is_empty());
}

#[tokio::test]
async fn a_probe_that_nobody_waits_for_cleans_up() {
    let storage = StandIn::start(|_, _| None).await;
    tokio::select! {
        _ = probe_conditional_writes(&storage.bucket, SystemTime::now, PATIENCE) => {
            panic!("it was to be dropped");
        }
        () = storage.server.until(|counts| counts.requests > 5) => {}
    }
    assert!(!storage.is_empty());
    let deleted = || storage.server.seen().iter().any(|seen| seen.method == "DELETE");
    storage.server.until(|_| storage.is_empty() && deleted()).await;
}

#[tokio::test]
async fn what_cannot_be_deleted_changes_no_verdict() {
    let storage = StandIn::start(|request, _| {
        let is_deletion = request.seen.method == "DELETE";
        is_deletion.then(|| Answer::error(request.seen, 403, "AccessDenied"))
    })
    .await;
    assert_eq!(probe(&storage.bucket).await, Ok(HONOURED));
    assert!(!storage.is_empty());
}
