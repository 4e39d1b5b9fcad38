//! What the documentation of the module promises beyond the signature itself.

use super::{long_lived, unix_time};
use crate::bucket::credentials::Credentials;
use crate::bucket::sigv4::{
    CanonicalQuery, PRESIGNED_SECONDS_MAX, Payload, PresignError, Request, Signer,
};
use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;
const EMPTY_QUERY: &CanonicalQuery = &CanonicalQuery::EMPTY;

/// 2023-11-14T22:13:20Z
fn now() -> SystemTime {
    unix_time(1_700_000_000)
}

fn request() -> Request<'static> {
    Request {
        method: "GET",
        host: "bucket.example",
        path: "/key",
        query: EMPTY_QUERY,
        headers: &[],
        payload: Payload::Unsigned,
    }
}

/// Signs with a signer that has never signed before, so that its key cannot be an old one.
fn fresh(credentials: &Credentials, now: SystemTime) -> String {
    Signer::new("us-east-1").sign(credentials, &request(), now).authorization
}

fn presigned_seconds(
    asked: Duration,
    credentials_left: Option<Duration>,
) -> Result<u64, PresignError> {
    let credentials = Credentials {
        expires: credentials_left.map(|left| now() + left),
        ..long_lived("AKID", "secret")
    };
    let presigned = Signer::new("us-east-1").presign(&credentials, &request(), asked, now())?;
    let seconds = presigned.expires_in.as_secs();
    assert!(presigned.target.contains(&format!("&X-Amz-Expires={seconds}&")));
    Ok(seconds)
}

#[test]
fn a_warm_signer_follows_the_day_and_the_credentials() {
    let signer = Signer::new("us-east-1");
    let first = long_lived("AKID1", "secret1");
    let rotated = long_lived("AKID2", "secret2");
    let same_id_new_secret = long_lived("AKID2", "secret3");
    let tomorrow = now() + Duration::from_secs(DAY);
    let steps = [
        (&first, now()),
        (&first, now() + Duration::from_secs(1)),
        (&first, tomorrow),
        (&first, now()),
        (&rotated, now()),
        (&same_id_new_secret, now()),
        (&first, tomorrow),
    ];
    for (credentials, at) in steps {
        let signed = signer.sign(credentials, &request(), at);
        assert_eq!(signed.authorization, fresh(credentials, at), "{credentials:?} at {at:?}");
    }
}

#[test]
fn threads_sharing_a_signer_never_get_each_others_key() {
    let signer = Signer::new("us-east-1");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let signer = &signer;
            scope.spawn(move || {
                let credentials = long_lived(&format!("AKID{thread}"), &format!("secret{thread}"));
                let expected = fresh(&credentials, now());
                for _ in 0..200 {
                    let signed = signer.sign(&credentials, &request(), now());
                    assert_eq!(signed.authorization, expected);
                }
            });
        }
    });
}

#[test]
fn a_presigned_url_lives_no_longer_than_asked_its_credentials_or_seven_days() {
    let seconds = Duration::from_secs;
    assert_eq!(presigned_seconds(seconds(300), None), Ok(300));
    assert_eq!(presigned_seconds(seconds(300), Some(seconds(3_600))), Ok(300));
    assert_eq!(presigned_seconds(seconds(300), Some(seconds(299))), Ok(299));
    assert_eq!(presigned_seconds(seconds(300), Some(Duration::from_millis(1_999))), Ok(1));
    assert_eq!(presigned_seconds(Duration::from_millis(2_999), None), Ok(2));
    assert_eq!(presigned_seconds(seconds(30 * DAY), None), Ok(PRESIGNED_SECONDS_MAX));
    assert_eq!(presigned_seconds(Duration::MAX, Some(seconds(8 * DAY))), Ok(604_800));
}

#[test]
fn no_presigned_url_without_a_whole_second_to_live() {
    let hour = Duration::from_secs(3_600);
    let expired = Err(PresignError::CredentialsExpired);
    assert_eq!(presigned_seconds(hour, Some(Duration::ZERO)), expired);
    assert_eq!(presigned_seconds(hour, Some(Duration::from_millis(999))), expired);
    assert_eq!(presigned_seconds(Duration::ZERO, None), Err(PresignError::LifetimeTooShort));

    let ended = Credentials { expires: Some(unix_time(1)), ..long_lived("AKID", "secret") };
    let refused = Signer::new("us-east-1").presign(&ended, &request(), hour, now());
    assert_eq!(refused, Err(PresignError::CredentialsExpired));
}

#[test]
fn what_the_signer_adds_cannot_be_overridden_by_a_header_of_the_caller() {
    let credentials = long_lived("AKID", "secret");
    let headers = [("Host", "evil.example"), ("X-Amz-Date", "19700101T000000Z")];
    let request = Request { headers: &headers, ..request() };
    let signed = Signer::new("us-east-1").sign(&credentials, &request, now());
    assert_eq!(signed.authorization, fresh(&credentials, now()));
}

#[test]
fn the_target_to_send_is_the_path_and_the_canonical_query() {
    assert_eq!(request().target(), "/key");
    let query = CanonicalQuery::new(&[("uploads", ""), ("a-b", "+ /"), ("a", "2"), ("a", "1")]);
    let request = Request { query: &query, ..request() };
    assert_eq!(request.target(), "/key?a=1&a=2&a-b=%2B%20%2F&uploads=");
}

#[test]
fn times_no_server_accepts_are_clamped_instead_of_failing() {
    let credentials = long_lived("AKID", "secret");
    let date = |at| Signer::new("us-east-1").sign(&credentials, &request(), at).x_amz_date;
    assert_eq!(date(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "19700101T000000Z");
    assert_eq!(date(unix_time(253_402_300_799)), "99991231T235959Z");
    assert_eq!(date(unix_time(253_402_300_800)), "99991231T235959Z");
    assert_eq!(date(unix_time(1_709_251_199)), "20240229T235959Z");
}

#[test]
fn debug_forms_hide_secrets_tokens_and_signatures() {
    let credentials = Credentials {
        session_token: Some("TOKEN-VALUE".to_owned()),
        ..long_lived("AKID", "SECRET-VALUE")
    };
    let signer = Signer::new("us-east-1");
    let signed = signer.sign(&credentials, &request(), now());
    let minute = Duration::from_secs(60);
    let presigned = signer.presign(&credentials, &request(), minute, now()).unwrap();
    let signature = super::signature(&signed.authorization);
    let presigned_signature = super::signature(&presigned.target);

    let shown = format!("{credentials:?} {signer:?} {signed:?} {presigned:?}");
    for hidden in ["SECRET-VALUE", "TOKEN-VALUE", signature, presigned_signature] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    assert!(shown.contains("AKID") && shown.contains("/key?***"), "{shown}");
}
