use super::*;
use std::time::{Duration, SystemTime};

fn tag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

fn is(value: &str) -> Option<ETagCondition> {
    Some(ETagCondition::ETag(tag(value)))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The object has the entity tag `a` and was written at second 100.
fn read(conditions: &ReadConditions) -> ReadOutcome {
    conditions.judge(Validators { e_tag: &tag("a"), last_modified: &at(100) })
}

#[test]
fn a_read_without_conditions_proceeds() {
    assert_eq!(read(&ReadConditions::default()), ReadOutcome::Proceed);
}

#[test]
fn entity_tags_decide_reads() {
    let cases = [
        (is("a"), None, ReadOutcome::Proceed),
        (is("b"), None, ReadOutcome::PreconditionFailed),
        (Some(ETagCondition::Any), None, ReadOutcome::Proceed),
        (Some(ETagCondition::ETag(ETag::Weak("a".into()))), None, ReadOutcome::PreconditionFailed),
        (None, is("a"), ReadOutcome::NotModified),
        (None, is("b"), ReadOutcome::Proceed),
        (None, Some(ETagCondition::Any), ReadOutcome::NotModified),
        (None, Some(ETagCondition::ETag(ETag::Weak("a".into()))), ReadOutcome::NotModified),
        (is("b"), is("a"), ReadOutcome::PreconditionFailed),
    ];
    for (if_match, if_none_match, expected) in cases {
        let conditions = ReadConditions { if_match, if_none_match, ..Default::default() };
        assert_eq!(read(&conditions), expected, "{conditions:?}");
    }
}

#[test]
fn dates_decide_reads_and_the_same_second_counts_as_unchanged() {
    let cases = [
        (Some(at(99)), None, ReadOutcome::Proceed),
        (Some(at(100)), None, ReadOutcome::NotModified),
        (Some(at(101)), None, ReadOutcome::NotModified),
        (None, Some(at(99)), ReadOutcome::PreconditionFailed),
        (None, Some(at(100)), ReadOutcome::Proceed),
        (None, Some(at(101)), ReadOutcome::Proceed),
    ];
    for (if_modified_since, if_unmodified_since, expected) in cases {
        let conditions =
            ReadConditions { if_modified_since, if_unmodified_since, ..Default::default() };
        assert_eq!(read(&conditions), expected, "{conditions:?}");
    }
}

#[test]
fn an_entity_tag_silences_the_date_of_its_pair() {
    let matching = ReadConditions {
        if_match: is("a"),
        if_unmodified_since: Some(at(1)),
        ..Default::default()
    };
    assert_eq!(read(&matching), ReadOutcome::Proceed);
    let different = ReadConditions {
        if_none_match: is("b"),
        if_modified_since: Some(at(200)),
        ..Default::default()
    };
    assert_eq!(read(&different), ReadOutcome::Proceed);
}

#[test]
fn writes_are_judged_against_what_is_in_place() {
    use WriteRefusal::{NoSuchKey, NotImplemented, PreconditionFailed};
    let any = || Some(ETagCondition::Any);
    let cases = [
        (None, None, None, Ok(())),
        (None, None, Some("a"), Ok(())),
        (None, any(), None, Ok(())),
        (None, any(), Some("a"), Err(PreconditionFailed)),
        (None, is("a"), Some("a"), Err(NotImplemented)),
        (is("a"), None, Some("a"), Ok(())),
        (is("a"), None, Some("b"), Err(PreconditionFailed)),
        (is("a"), None, None, Err(NoSuchKey)),
        (any(), None, Some("b"), Ok(())),
        (any(), None, None, Err(NoSuchKey)),
    ];
    for (if_match, if_none_match, current, expected) in cases {
        let conditions = WriteConditions { if_match, if_none_match };
        assert_eq!(
            conditions.judge(current.map(tag).as_ref()),
            expected,
            "{conditions:?} {current:?}"
        );
    }
}
