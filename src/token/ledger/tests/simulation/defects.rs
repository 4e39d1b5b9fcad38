//! Whether the simulation notices.

use super::defect::Defect;
use super::history;
use super::journal::Violation;

/// How many histories a mistake may hide in.
const HISTORIES: u64 = 20_000;

/// Whether a mistake makes happen what may not.
#[track_caller]
fn assert_caught(defect: Defect, expected: Violation) {
    let mut seeds = 0..HISTORIES;
    let is_caught =
        seeds.any(|seed| history(seed, Some(defect), false).violations.contains(&expected));
    println!("{defect:?} is caught before history {}", seeds.start);
    assert!(is_caught, "nobody noticed");
}

#[test]
fn a_claim_before_storage_opened() {
    assert_caught(Defect::ClaimBeforeStorage, Violation::TakenForNothing);
}

#[test]
fn a_head_before_the_claim() {
    assert_caught(Defect::HeadBeforeClaim, Violation::UseServedTwice);
}

#[test]
fn going_on_after_an_unknown_outcome_without_a_look() {
    assert_caught(Defect::NoLookAfterUnknown, Violation::LostSilently);
}

#[test]
fn taking_an_unknown_outcome_for_success() {
    assert_caught(Defect::UnknownIsSuccess, Violation::UseServedTwice);
}

#[test]
fn trying_again_blindly_after_an_unknown_outcome() {
    assert_caught(Defect::BlindRetry, Violation::LostSilently);
}

#[test]
fn a_resume_without_the_secret() {
    assert_caught(Defect::SecretNotChecked, Violation::ResumedByAnother);
}

#[test]
fn a_resume_without_a_comparison() {
    assert_caught(Defect::NoComparison, Violation::StartedAfterRevocation);
}

#[test]
fn records_that_end_with_the_token() {
    assert_caught(Defect::RecordsEndWithToken, Violation::UseServedTwice);
}

#[test]
fn a_revocation_of_the_first_use_only() {
    assert_caught(Defect::RevokesFirstUseOnly, Violation::StartedAfterRevocation);
}

#[test]
fn a_store_that_lets_two_create() {
    assert_caught(Defect::CreateNotExclusive, Violation::UseServedTwice);
}

#[test]
fn a_store_that_forgets() {
    assert_caught(Defect::StoreForgets, Violation::UseServedTwice);
}

#[test]
fn a_claim_that_does_not_look_at_the_clock_again() {
    assert_caught(Defect::ClockReadOnce, Violation::UseServedTwice);
}

#[test]
fn a_transfer_that_does_not_find_out() {
    assert_caught(Defect::AlwaysHolds, Violation::TwoHolders);
}
