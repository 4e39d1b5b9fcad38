//! Keys and a changed configuration, while the issuer cannot be reached.

use super::{Setup, jwks_url};
use crate::support::answer::Answer;
use crate::support::issuer::Issuer;
use crate::support::signer::{Signer, key_set};

#[tokio::test]
async fn keys_outlive_a_change_of_how_often_they_are_fetched() {
    let signer = Signer::es256("a");
    let set = key_set([&signer]);
    let issuer = Issuer::scripted(move |_| Answer::json(&set)).await;
    let setup = Setup::fetched(&issuer, &jwks_url(&issuer, "/", "timeout: 1s")).await;
    assert_eq!(setup.status(&signer).await, 200);
    issuer.change(|_| Answer::status("500 Internal Server Error"));
    for (from, to, expected) in [
        ("timeout: 1s", "timeout: 2s, refresh: 1h", 200),
        ("timeout: 1s", "max_age: 2h", 200),
        // What another place publishes was never fetched; nor was it by other rules.
        (&issuer.url("/"), &issuer.url("/other"), 503),
        ("allow_private_addresses: true", "allow_private_addresses: false", 503),
    ] {
        setup.gateway.reload(&setup.yaml.replace(from, to));
        assert_eq!(setup.status(&signer).await, expected, "{to}");
        setup.gateway.reload(&setup.yaml);
    }
}
