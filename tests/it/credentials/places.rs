//! Wherever AWS's SDKs find credentials.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::stand_ins::{
    Accepted, Gateway, SECRET, SESSION, container, instance, json, session, signer, storage, sts,
    variables,
};
use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::STREAM;
use crate::support::server::{Seen, Server};

/// Starts a gateway, and expects that it signs with this key.
async fn assert_signs_with(id: &str, aws: &str, variables: &BTreeMap<String, String>) {
    let content = Content::of(id);
    let storage = storage(&content, &Accepted::only(id)).await;
    let gateway = Gateway::start(&STREAM, &storage, aws, variables);
    let response = gateway.get(&content.path()).await;
    let seen: Vec<_> = storage.seen().iter().map(|seen| signer(seen).to_owned()).collect();
    assert_eq!(response.status, 200, "{seen:?} {}", gateway.process.errors());
    assert_eq!(response.body, content.bytes);
    gateway.said("there are new storage credentials").await;
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn keys(id: &str) -> [(&'static str, String); 2] {
    [("AWS_ACCESS_KEY_ID", id.to_owned()), ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned())]
}

/// STS that gives the id in turn for each request that is as expected.
async fn sts_checking(
    action: &'static str,
    ids: &'static [&'static str],
    expected: &'static [&'static str],
) -> Server {
    let turn = AtomicUsize::new(0);
    Server::scripted(move |seen| {
        for text in expected {
            if !seen.body.contains(text) {
                let body = format!("<ErrorResponse>no {text} in {}</ErrorResponse>", seen.body);
                return Answer::document("400 Bad Request", "text/xml", &body);
            }
        }
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        sts(action, ids[turn.min(ids.len() - 1)], 3600)
    })
    .await
}

#[tokio::test]
async fn environment() {
    assert_signs_with("AKIAENV", "{}", &variables(&keys("AKIAENV"))).await;
}

#[tokio::test]
async fn a_profile_that_is_named_goes_before_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = format!(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = {SECRET}\n\
         [named]\naws_access_key_id = AKIANAMED\naws_secret_access_key = {SECRET}\n"
    );
    let file = ("AWS_SHARED_CREDENTIALS_FILE", write(&folder, "credentials", &profiles));
    assert_signs_with("AKIADEFAULT", "{}", &variables(std::slice::from_ref(&file))).await;
    let [id, secret] = keys("AKIAENV");
    assert_signs_with("AKIANAMED", "{ profile: named }", &variables(&[file, id, secret])).await;
}

#[tokio::test]
async fn a_role_of_a_profile() {
    let sts = sts_checking(
        "AssumeRole",
        &["ASIAROLE"],
        &["Action=AssumeRole&", "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader"],
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = "[profile reader]\nrole_arn = arn:aws:iam::123456789012:role/reader\n\
                  source_profile = base\n[profile base]\n";
    let base = format!("[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {SECRET}\n");
    let variables = variables(&[
        ("AWS_PROFILE", "reader".to_owned()),
        ("AWS_CONFIG_FILE", write(&folder, "config", config)),
        ("AWS_SHARED_CREDENTIALS_FILE", write(&folder, "credentials", &base)),
        ("AWS_ENDPOINT_URL_STS", format!("http://{}", sts.address)),
    ]);
    assert_signs_with("ASIAROLE", "{}", &variables).await;
    assert_eq!(signer(&sts.seen()[0]), "AKIABASE");
    // And by the profile's name alone.
    assert_signs_with("ASIAROLE", "{ profile: reader }", &variables).await;
}

#[tokio::test]
async fn a_role_of_the_configuration() {
    let sts = sts_checking(
        "AssumeRole",
        &["ASIAROLE"],
        &["Action=AssumeRole&", "ExternalId=shared%2Fid", "RoleSessionName=casgate&"],
    )
    .await;
    let [id, secret] = keys("AKIAENV");
    let endpoint = ("AWS_ENDPOINT_URL_STS", format!("http://{}", sts.address));
    let aws = "{ assume_role: { role_arn: 'arn:aws:iam::123456789012:role/reader', \
               external_id: shared/id } }";
    assert_signs_with("ASIAROLE", aws, &variables(&[id, secret, endpoint])).await;
    assert_eq!(signer(&sts.seen()[0]), "AKIAENV");
}

#[tokio::test]
async fn a_web_identity_whose_token_rotates() {
    let sts = sts_checking(
        "AssumeRoleWithWebIdentity",
        &["ASIAWEB1", "ASIAWEB2"],
        &["Action=AssumeRoleWithWebIdentity&", "WebIdentityToken=projected-"],
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let variables = variables(&[
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader".to_owned()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", write(&folder, "token", "projected-1")),
        ("AWS_ENDPOINT_URL_STS", format!("http://{}", sts.address)),
    ]);
    let content = Content::of("web");
    let accepted = Accepted::only("ASIAWEB1");
    let storage = storage(&content, &accepted).await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &variables);
    assert_eq!(gateway.get(&content.path()).await.status, 200, "{}", gateway.process.errors());

    write(&folder, "token", "projected-2");
    accepted.set("ASIAWEB2");
    // Storage's refusal may come within the pause after the first answer.
    gateway.get_until(&content.path(), 200, &[502]).await;
    let last = sts.seen().last().unwrap().body.clone();
    assert!(last.contains("WebIdentityToken=projected-2"), "{last}");
}

#[tokio::test]
async fn a_container_whose_token_rotates() {
    let endpoint = Server::scripted(|seen| match seen.header("authorization") {
        Some("first") => json("ASIAFIRST", 3600),
        Some("second") => json("ASIASECOND", 3600),
        _ => Answer::document("401 Unauthorized", "text/plain", "no"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let mut variables = container(&endpoint);
    let token = write(&folder, "token", "first");
    variables.insert("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE".to_owned(), token);
    let content = Content::of("container");
    let accepted = Accepted::only("ASIAFIRST");
    let storage = storage(&content, &accepted).await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &variables);
    assert_eq!(gateway.get(&content.path()).await.status, 200, "{}", gateway.process.errors());

    write(&folder, "token", "second");
    accepted.set("ASIASECOND");
    gateway.get_until(&content.path(), 200, &[502]).await;
}

/// IMDS that takes its second version only: a session first, whose token may travel one hop.
fn imds_v2(seen: &Seen) -> Answer {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let in_session = seen.header("x-aws-ec2-metadata-token") == Some(SESSION);
    match (seen.method.as_str(), seen.target.as_str()) {
        ("PUT", "/latest/api/token") => {
            assert!(seen.header("x-aws-ec2-metadata-token-ttl-seconds").is_some());
            session()
        }
        _ if !in_session => Answer::status("401 Unauthorized"),
        ("GET", ROLES) => Answer::document("200 OK", "text/plain", "reader"),
        ("GET", target) if target == format!("{ROLES}reader") => json("ASIAIMDS", 3600),
        _ => Answer::status("404 Not Found"),
    }
}

#[tokio::test]
async fn an_instance() {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let imds = Server::scripted(move |seen| {
        let answer = imds_v2(seen);
        count.fetch_add(usize::from(answer.bytes.starts_with(b"HTTP/1.1 4")), Ordering::Relaxed);
        answer
    })
    .await;
    assert_signs_with("ASIAIMDS", "{}", &instance(&imds)).await;
    assert_eq!(refused.load(Ordering::Relaxed), 0, "{:?}", imds.seen());
}

#[tokio::test]
async fn nowhere() {
    let content = Content::of("nowhere");
    let storage = storage(&content, &Accepted::only("AKIA")).await;
    let gateway = Gateway::start(&STREAM, &storage, "{}", &variables(&[]));
    let response = gateway.get(&content.path()).await;
    assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
    assert_eq!(response.json()["reason"], "STORAGE_UNAVAILABLE");
    assert_eq!(storage.counts().requests, 0);
    gateway.said("there are no storage credentials").await;
    let failed = "casgate_credentials_refreshes_total{bucket=\"store\",result=\"failed\"}";
    assert!(gateway.metric(failed).await > 0);
}
