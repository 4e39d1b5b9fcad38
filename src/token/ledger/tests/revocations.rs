//! Taking a token back.

use super::*;
use crate::state::flaky::{Fate, Flaky};
use crate::state::memory::Memory;
use crate::token::ledger::Standing;

#[tokio::test]
async fn uses_that_are_free_are_not_any_more() {
    let (store, token) = (Memory::default(), token(3, WINDOW));
    ledger(&store).revoke(&token, now()).await.unwrap();
    assert_eq!(ledger(&store).look_up(&token, 0, now()).await, Ok(Standing::Revoked));
    assert_eq!(claim(&store, &token, 1).await.unwrap_err(), Denied::Revoked);
}

#[tokio::test]
async fn downloads_end_and_do_not_go_on() {
    let (store, token) = (Memory::default(), token(2, WINDOW));
    let running = claim(&store, &token, 1).await.unwrap();
    let found = ledger(&store).find(&token, running.tag(), now()).await.unwrap();
    ledger(&store).revoke(&token, now()).await.unwrap();
    assert_eq!(ledger(&store).holds(&token, &running, now()).await, Ok(false));
    let denied = ledger(&store).find(&token, running.tag(), now()).await.unwrap_err();
    assert_eq!(denied, Denied::Revoked);
    // Nor does one that was let in just before.
    let denied = ledger(&store).take_over(&token, found, &attempt(2), now()).await.unwrap_err();
    assert_eq!(denied, Denied::Revoked);
}

#[tokio::test]
async fn it_can_be_done_again() {
    let (store, token) = (Memory::default(), token(2, WINDOW));
    for _ in 0..2 {
        ledger(&store).revoke(&token, now()).await.unwrap();
    }
    assert_eq!(ledger(&store).look_up(&token, 0, now()).await, Ok(Standing::Revoked));
}

#[tokio::test]
async fn it_fails_where_one_use_may_be_left() {
    for fate in [Fate::NotDone, Fate::LostBefore, Fate::LostAfter, Fate::Late] {
        let (store, token) = (Flaky::of(&[fate]), token(2, WINDOW));
        let revoked = ledger(&store).revoke(&token, now()).await;
        assert!(revoked.is_err(), "{fate:?}");
        assert!(ledger(&store).revoke(&token, now()).await.is_ok(), "{fate:?}");
        store.settle().await;
        assert_eq!(claim(&store, &token, 1).await.unwrap_err(), Denied::Revoked, "{fate:?}");
    }
}

/// Nobody has a use of what has ended, and not every store writes to what is over.
#[tokio::test]
async fn after_the_end_there_is_nothing_to_take_back() {
    let (store, token) = (Flaky::of(&[Fate::NotDone]), token(2, WINDOW));
    let later = token.end() + Duration::from_secs(3600);
    assert!(ledger(&store).revoke(&token, later).await.is_ok());
    // To others it may be early yet.
    assert!(ledger(&store).revoke(&token, token.end()).await.is_err(), "it was written then");
}
