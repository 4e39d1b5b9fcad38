//! Answers of the store that are lost.

use super::*;
use crate::state::flaky::{Fate, Flaky};
use crate::token::ledger::Standing;

#[tokio::test]
async fn a_claim_that_was_refused_takes_nothing() {
    let (store, token) = (Flaky::of(&[Fate::NotDone]), token(1, WINDOW));
    assert!(matches!(claim(&store, &token, 1).await, Err(Denied::Unavailable(_))));
    assert!(claim(&store, &token, 2).await.is_ok());
}

#[tokio::test]
async fn a_claim_that_was_done_is_recognised() {
    for fate in [Fate::LostAfter, Fate::Repeated] {
        let (store, token) = (Flaky::of(&[fate]), token(2, WINDOW));
        let claim = claim(&store, &token, 1).await.unwrap();
        assert_eq!(claim.slot(), 0, "{fate:?}");
        assert_eq!(ledger(&store).holds(&token, &claim, now()).await, Ok(true), "{fate:?}");
        assert!(resume(&store, &token, claim.tag(), 2, now()).await.is_ok(), "{fate:?}");
        let standing = ledger(&store).look_up(&token, 0, now()).await;
        assert_eq!(standing, Ok(Standing::Free(1)), "{fate:?}");
    }
}

#[tokio::test]
async fn a_claim_that_may_be_done_later_is_nobodys() {
    for fate in [Fate::LostBefore, Fate::Late, Fate::LostAfterWithReads] {
        let (store, token) = (Flaky::of(&[fate]), token(1, WINDOW));
        let denied = claim(&store, &token, 1).await.unwrap_err();
        assert!(matches!(denied, Denied::InDoubt(_)), "{fate:?}");
    }
}

#[tokio::test]
async fn a_claim_that_comes_late_finds_the_use_taken() {
    let (store, token) = (Flaky::of(&[Fate::Late]), token(1, WINDOW));
    assert!(matches!(claim(&store, &token, 1).await, Err(Denied::InDoubt(_))));
    let other = claim(&store, &token, 2).await.unwrap();
    store.settle().await;
    assert_eq!(ledger(&store).holds(&token, &other, now()).await, Ok(true));
    assert_eq!(claim(&store, &token, 3).await.unwrap_err(), Denied::Spent);
}

#[tokio::test]
async fn a_use_that_another_has_is_passed_over() {
    let (store, token) = (Flaky::default(), token(2, WINDOW));
    claim(&store, &token, 1).await.unwrap();
    store.next(Fate::LostBefore);
    assert_eq!(claim(&store, &token, 2).await.unwrap().slot(), 1);
}

#[tokio::test]
async fn a_start_that_was_done_is_recognised() {
    for fate in [Fate::LostAfter, Fate::Repeated] {
        let (store, token) = (Flaky::default(), token(1, WINDOW));
        let tag = *claim(&store, &token, 0).await.unwrap().tag();
        // The last one that is allowed, too, and each counts once.
        for number in 1..=u8::try_from(RESUMES_MAX).unwrap() {
            store.next(fate);
            let claim = resume(&store, &token, &tag, number, now()).await.unwrap();
            assert_eq!(ledger(&store).holds(&token, &claim, now()).await, Ok(true), "{fate:?}");
        }
        assert_eq!(resume(&store, &token, &tag, 9, now()).await.unwrap_err(), Denied::Spent);
    }
}

#[tokio::test]
async fn a_start_that_may_be_done_later_costs_nothing() {
    for fate in [Fate::NotDone, Fate::LostBefore, Fate::Late] {
        let (store, token) = (Flaky::default(), token(1, WINDOW));
        let tag = *claim(&store, &token, 1).await.unwrap().tag();
        store.next(fate);
        let denied = resume(&store, &token, &tag, 2, now()).await.unwrap_err();
        assert!(matches!(denied, Denied::Unavailable(_)), "{fate:?}");
        let again = resume(&store, &token, &tag, 3, now()).await.unwrap();
        store.settle().await;
        assert_eq!(ledger(&store).holds(&token, &again, now()).await, Ok(true), "{fate:?}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_asked_says_nothing_of_a_start() {
    let (store, token) = (Flaky::of(&[Fate::LostAfterWithReads]), token(1, WINDOW));
    let _ = claim(&store, &token, 1).await;
    assert!(ledger(&store).look_up(&token, 0, now()).await.is_err());
    let tag = ResumeTag { slot: 0, secret: [1; 16] };
    let denied = ledger(&store).find(&token, &tag, now()).await.unwrap_err();
    assert!(matches!(denied, Denied::Unavailable(_)));
}
