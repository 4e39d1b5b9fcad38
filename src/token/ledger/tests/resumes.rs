//! Going on after a cut.

use std::time::Duration;

use super::*;
use crate::state::memory::Memory;

#[tokio::test]
async fn the_receiver_goes_on_and_the_start_before_finds_out() {
    let (store, token) = (Memory::default(), token(1, WINDOW));
    let first = claim(&store, &token, 1).await.unwrap();
    assert_eq!(ledger(&store).holds(&token, &first, now()).await, Ok(true));
    let second = resume(&store, &token, first.tag(), 2, now()).await.unwrap();
    assert_eq!((second.slot(), second.tag()), (first.slot(), first.tag()));
    assert_eq!(ledger(&store).holds(&token, &first, now()).await, Ok(false));
    assert_eq!(ledger(&store).holds(&token, &second, now()).await, Ok(true));
}

#[tokio::test]
async fn nobody_else_goes_on() {
    let (store, token) = (Memory::default(), token(3, WINDOW));
    let [one, two] = [1, 2].map(|number| claim(&store, &token, number));
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    let wrong = [
        ("a guess", ResumeTag { slot: 0, secret: [9; 16] }),
        ("another use's secret", ResumeTag { slot: 0, ..*two.tag() }),
        ("a use that is free", ResumeTag { slot: 2, ..*one.tag() }),
        ("a use that is none", ResumeTag { slot: 3, ..*one.tag() }),
        ("far away", ResumeTag { slot: u32::MAX, ..*one.tag() }),
    ];
    for (what, tag) in wrong {
        let denied = ledger(&store).find(&token, &tag, now()).await.unwrap_err();
        assert_eq!(denied, Denied::Spent, "{what}");
    }
    // A tag of another token with the same secret opens nothing here.
    let other = DownloadToken::for_test(TokenId::new([8; 16]), token.facts().clone());
    assert_eq!(ledger(&store).find(&other, one.tag(), now()).await.unwrap_err(), Denied::Spent);
}

#[tokio::test]
async fn the_window_begins_with_the_last_start() {
    let (store, token) = (Memory::default(), token(1, WINDOW));
    let first = claim(&store, &token, 1).await.unwrap();
    let late = after(600) + Duration::from_millis(1);
    assert_eq!(ledger(&store).find(&token, first.tag(), late).await.unwrap_err(), Denied::Spent);
    let second = resume(&store, &token, first.tag(), 2, after(600)).await.unwrap();
    assert!(resume(&store, &token, second.tag(), 3, after(1200)).await.is_ok());
}

#[tokio::test]
async fn a_download_is_started_again_so_often_and_not_more_often() {
    let (store, token) = (Memory::default(), token(1, WINDOW));
    let tag = *claim(&store, &token, 0).await.unwrap().tag();
    for number in 1..=u8::try_from(RESUMES_MAX).unwrap() {
        assert!(resume(&store, &token, &tag, number, now()).await.is_ok(), "start {number}");
    }
    assert_eq!(resume(&store, &token, &tag, 9, now()).await.unwrap_err(), Denied::Spent);
}

#[tokio::test]
async fn nobody_goes_on_where_that_is_switched_off() {
    let (store, token) = (Memory::default(), token(1, Duration::ZERO));
    let claim = claim(&store, &token, 1).await.unwrap();
    let denied = ledger(&store).find(&token, claim.tag(), now()).await.unwrap_err();
    assert_eq!(denied, Denied::Spent);
}

#[tokio::test]
async fn of_two_who_go_on_at_the_same_time_the_later_has_it() {
    let (store, token) = (Memory::default(), token(1, WINDOW));
    let tag = *claim(&store, &token, 1).await.unwrap().tag();
    let ledger = ledger(&store);
    let [one, two] = [ledger.find(&token, &tag, now()), ledger.find(&token, &tag, now())];
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    let one = ledger.take_over(&token, one, &attempt(2), now()).await.unwrap();
    let two = ledger.take_over(&token, two, &attempt(3), now()).await.unwrap();
    assert_eq!(ledger.holds(&token, &one, now()).await, Ok(false));
    assert_eq!(ledger.holds(&token, &two, now()).await, Ok(true));
}

#[tokio::test]
async fn a_download_that_outlasts_its_record_goes_on() {
    let (store, token) = (Memory::default(), token(1, WINDOW));
    let claim = claim(&store, &token, 1).await.unwrap();
    let later = token.end() + Duration::from_secs(3600);
    assert_eq!(ledger(&store).holds(&token, &claim, later).await, Ok(true));
    let denied = ledger(&store).find(&token, claim.tag(), later).await.unwrap_err();
    assert_eq!(denied, Denied::Spent);
}
