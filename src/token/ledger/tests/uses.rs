//! Taking uses.

use std::time::Duration;

use super::*;
use crate::state::memory::Memory;
use crate::token::ledger::Standing;

#[tokio::test]
async fn uses_are_given_in_order_each_once() {
    let (store, token) = (Memory::default(), token(3, WINDOW));
    for slot in 0..3 {
        let standing = ledger(&store).look_up(&token, 0, now()).await;
        assert_eq!(standing, Ok(Standing::Free(slot)));
        let claim = claim(&store, &token, u8::try_from(slot).unwrap()).await.unwrap();
        assert_eq!(claim.slot(), slot);
    }
    assert_eq!(claim(&store, &token, 9).await.unwrap_err(), Denied::Spent);
    assert_eq!(ledger(&store).look_up(&token, 0, now()).await, Ok(Standing::Spent));
}

#[tokio::test]
async fn a_look_takes_nothing() {
    let (store, token) = (Memory::default(), token(1, WINDOW));
    for _ in 0..3 {
        assert_eq!(ledger(&store).look_up(&token, 0, now()).await, Ok(Standing::Free(0)));
    }
}

#[tokio::test]
async fn the_first_free_use_is_found_wherever_it_is() {
    for uses in [1, 2, 7, 100] {
        let (store, token) = (Memory::default(), token(uses, WINDOW));
        for taken in 0..=uses {
            let expected = if taken == uses { Standing::Spent } else { Standing::Free(taken) };
            for known in [0, taken / 2, taken] {
                let standing = ledger(&store).look_up(&token, known, now()).await;
                assert_eq!(standing, Ok(expected), "{taken} of {uses} taken, {known} known");
            }
            let claim = claim(&store, &token, u8::try_from(taken).unwrap()).await;
            assert_eq!(claim.is_ok(), taken < uses);
        }
    }
}

#[tokio::test]
async fn of_all_who_found_the_same_use_each_gets_another() {
    let (store, token) = (Memory::default(), token(2, WINDOW));
    let claims = [1, 2, 3].map(|number| claim(&store, &token, number));
    let mut slots = Vec::new();
    for claim in claims {
        slots.push(claim.await.map(|claim| claim.slot()));
    }
    assert_eq!(slots, [Ok(0), Ok(1), Err(Denied::Spent)]);
}

#[tokio::test]
async fn each_token_has_its_own_uses() {
    let (store, one) = (Memory::default(), token(1, WINDOW));
    let other = DownloadToken::for_test(TokenId::new([8; 16]), one.facts().clone());
    assert!(claim(&store, &one, 1).await.is_ok());
    assert!(claim(&store, &other, 2).await.is_ok());
}

#[tokio::test]
async fn the_last_second_is_the_last() {
    let token = token(2, WINDOW);
    let claim_at = async |store: &Memory, at| {
        ledger(store).claim(&token, 0, &attempt(1), || at).await.map(|claim| claim.slot())
    };
    let store = Memory::default();
    assert_eq!(claim_at(&store, after(900)).await, Ok(0));
    let later = after(900) + Duration::from_millis(1);
    assert_eq!(claim_at(&store, later).await, Err(Denied::Expired));
    // And it took nothing.
    assert_eq!(ledger(&store).look_up(&token, 0, now()).await, Ok(Standing::Free(1)));
}

#[tokio::test]
async fn a_process_that_stood_still_for_long_gets_nothing() {
    // 60 seconds are for the claim, and what is left of five minutes for clocks.
    for (answered, is_granted) in [(900 + 600 + 59, true), (900 + 600 + 60, false)] {
        let (store, token) = (Memory::default(), token(1, WINDOW));
        let times = std::sync::Mutex::new([now(), after(answered)].into_iter());
        let clock = || times.lock().unwrap().next().unwrap();
        let claim = ledger(&store).claim(&token, 0, &attempt(1), clock).await;
        assert_eq!(claim.is_ok(), is_granted, "answered {answered} s later");
        assert!(is_granted || matches!(claim, Err(Denied::InDoubt(_))));
    }
}

#[tokio::test]
async fn uses_are_counted_as_long_as_clocks_may_differ() {
    let (store, token) = (Memory::default(), token(1, WINDOW));
    claim(&store, &token, 1).await.unwrap();
    let end = after(900 + 600 + 300);
    assert_eq!(token.end(), end);
    let just_before = end - Duration::from_millis(1);
    assert_eq!(ledger(&store).look_up(&token, 0, just_before).await, Ok(Standing::Spent));
}
