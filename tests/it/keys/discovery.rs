use serde_json::{Value, json};

use super::{LOCAL, Setup, claims};
use crate::support::answer::Answer;
use crate::support::issuer::Issuer;
use crate::support::signer::{Signer, key_set};

/// Documents as these issuers publish them, but for the host and the numbers of the keys.
const SHAPES: [(&str, &str); 5] = [
    ("GitHub Actions", include_str!("shapes/github_actions.json")),
    ("GitLab", include_str!("shapes/gitlab.json")),
    ("Keycloak", include_str!("shapes/keycloak.json")),
    ("Auth0", include_str!("shapes/auth0.json")),
    ("Microsoft Entra", include_str!("shapes/entra.json")),
];

fn discovery() -> String {
    format!("{{ discovery: {{ {LOCAL} }} }}")
}

/// The claims of a token of this issuer.
fn claims_of(iss: &str) -> Value {
    let mut claims = claims();
    claims["iss"] = iss.into();
    claims
}

/// Publishes a document at one path and a key set at the other.
fn publish(issuer: &Issuer, path: &str, discovered: &Value, keys: &Value) {
    let jwks_uri = discovered["jwks_uri"].as_str().unwrap();
    let keys_path = jwks_uri.strip_prefix(&issuer.url("")).unwrap().to_owned();
    let (path, discovered, keys) = (path.to_owned(), discovered.to_string(), keys.to_string());
    issuer.change(move |seen| match seen.target.as_str() {
        target if target == path => Answer::json(&discovered),
        target if target == keys_path => Answer::json(&keys),
        _ => Answer::status("404 Not Found"),
    });
}

#[tokio::test]
async fn the_shapes_of_known_issuers() {
    for (name, text) in SHAPES {
        let issuer = Issuer::scripted(|_| Answer::status("404 Not Found")).await;
        let shape: Value =
            serde_json::from_str(&text.replace("https://ORIGIN", &issuer.url(""))).unwrap();
        let (mut keys, mut signers) = (Vec::new(), Vec::new());
        for entry in shape["keys"].as_array().unwrap() {
            let signer = Signer::rs256(entry["kid"].as_str().unwrap());
            let (mut key, public) = (entry.clone(), signer.jwk());
            (key["n"], key["e"]) = (public["n"].clone(), public["e"].clone());
            keys.push(key);
            signers.push((signer, entry["use"] == "sig"));
        }
        let path = shape["path"].as_str().unwrap();
        publish(&issuer, path, &shape["document"], &json!({ "keys": keys }));

        let iss = shape["iss"].as_str().unwrap();
        let mut setup = Setup::of(iss, &issuer, &discovery()).await;
        setup.fetch().await;
        for (signer, signs) in &signers {
            let expected = if *signs { 200 } else { 401 };
            let line = signer.bearer(claims_of(iss));
            assert_eq!(setup.status_of(&line).await, expected, "{name} {}", signer.key_id);
            let impostor = Signer::rs256(&signer.key_id).bearer(claims_of(iss));
            assert_eq!(setup.status_of(&impostor).await, 401, "{name} {}", signer.key_id);
        }
        let usable = signers.len() as u64 - shape["skipped"].as_u64().unwrap();
        assert_eq!(setup.gateway.metric("casgate_issuer_keys", &[]), usable, "{name}");
    }
}

#[tokio::test]
async fn documents_that_say_something_else() {
    let signer = Signer::es256("a");
    let keys: Value = serde_json::from_str(&key_set([&signer])).unwrap();
    let issuer = Issuer::scripted(|_| Answer::status("404 Not Found")).await;
    let (iss, jwks_uri) = (issuer.url(""), issuer.url("/keys"));
    let line = signer.bearer(claims_of(&iss));
    for (discovered, result) in [
        (json!({"issuer": iss, "jwks_uri": jwks_uri}), "ok"),
        (json!({"issuer": format!("{iss}/"), "jwks_uri": jwks_uri}), "discovery"),
        (json!({"issuer": "https://issuer.test", "jwks_uri": jwks_uri}), "discovery"),
        (json!({"jwks_uri": jwks_uri, "keys": keys["keys"]}), "discovery"),
    ] {
        publish(&issuer, "/.well-known/openid-configuration", &discovered, &keys);
        let mut setup = Setup::of(&iss, &issuer, &discovery()).await;
        setup.fetch().await;
        let label = format!("result=\"{result}\"");
        assert_eq!(setup.fetches(&[&label]), 1, "{discovered}");
        let expected = if result == "ok" { 200 } else { 503 };
        assert_eq!(setup.status_of(&line).await, expected, "{discovered}");
    }
}

#[tokio::test]
async fn the_documents_place_may_be_configured() {
    let signer = Signer::es256("a");
    let keys: Value = serde_json::from_str(&key_set([&signer])).unwrap();
    let issuer = Issuer::scripted(|_| Answer::status("404 Not Found")).await;
    // The public name of an issuer that the gateway reaches by another.
    let iss = "https://sso.example.com/realms/acme";
    let discovered = json!({"issuer": iss, "jwks_uri": issuer.url("/keys")});
    publish(&issuer, "/inside/openid-configuration", &discovered, &keys);
    let url = issuer.url("/inside/openid-configuration");
    let configured = format!("{{ discovery: {{ url: '{url}', {LOCAL} }} }}");
    let mut setup = Setup::of(iss, &issuer, &configured).await;
    setup.fetch().await;
    assert_eq!(setup.status_of(&signer.bearer(claims_of(iss))).await, 200);
}

#[tokio::test]
async fn discovery_follows_the_same_rules() {
    for (location, result) in
        [("https://169.254.169.254/", "address"), ("http://localhost/", "redirect")]
    {
        let issuer = Issuer::scripted(move |_| Answer::redirect(location)).await;
        let mut setup = Setup::of(&issuer.url(""), &issuer, &discovery()).await;
        setup.fetch().await;
        assert_eq!(setup.fetches(&[&format!("result=\"{result}\"")]), 1, "{location}");
    }
    for (jwks_uri, result) in [
        ("https://169.254.169.254/", "address"),
        ("https://[::ffff:0.0.0.0]/", "address"),
        ("http://localhost/", "discovery"),
        ("file:///etc/passwd", "discovery"),
    ] {
        let issuer = Issuer::scripted(|_| Answer::status("404 Not Found")).await;
        let discovered = json!({"issuer": issuer.url(""), "jwks_uri": jwks_uri}).to_string();
        issuer.change(move |_| Answer::json(&discovered));
        let mut setup = Setup::of(&issuer.url(""), &issuer, &discovery()).await;
        setup.fetch().await;
        assert_eq!(setup.fetches(&[&format!("result=\"{result}\"")]), 1, "{jwks_uri}");
        assert_eq!(issuer.requests(), 1, "{jwks_uri}");
    }
}
