//! Namespaces: who gets in, and who sees what is whose.

use serde_json::{Value, json};

use super::shakenfist::{append, assert_refused, begin, get, log_in, publish};
use super::{Subject, of_tenant};
use crate::support::embedded::Embedded;

#[tokio::test]
async fn only_those_with_the_key_get_a_token() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    for (namespace, key) in [
        ("acme", "wrong"),
        ("acme", "the key of other"),
        ("nobody", "the key of acme"),
        ("acme", ""),
        ("", ""),
    ] {
        let body = json!({"namespace": namespace, "key": key});
        assert_refused(&subject.json("", "POST", "auth", body).await, 401);
    }
    for body in [json!({}), json!({"namespace": "acme"}), json!({"namespace": "acme", "key": 1})] {
        assert_refused(&subject.json("", "POST", "auth", body).await, 400);
    }
    for who in ["", "Authorization: Bearer nonsense\r\n", "Authorization: Basic YTpi\r\n"] {
        assert_refused(&get(&subject, who, "artifacts").await, 401);
        assert_refused(&subject.json(who, "POST", "upload", Value::Null).await, 401);
    }
}

#[tokio::test]
async fn a_namespace_does_not_see_what_is_of_another() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let (mine, other) = (&log_in(&subject, "acme").await, &log_in(&subject, "other").await);
    let artifact = publish(&subject, mine, "image", b"secret").await;
    let (id, blob) = (artifact["uuid"].as_str().unwrap(), artifact["blob_uuid"].as_str().unwrap());
    assert_eq!(get(&subject, other, "artifacts").await.json(), json!([]));
    assert_eq!(get(&subject, other, "blobs").await.json(), json!([]));
    for path in [
        format!("artifacts/{id}"),
        "artifacts/image".to_owned(),
        format!("artifacts/{id}/versions"),
        format!("artifacts/{id}/events"),
        format!("blobs/{blob}"),
        format!("blobs/{blob}/data"),
        format!("blobs/{blob}/data?offset=6"),
    ] {
        assert_refused(&get(&subject, other, &path).await, 404);
    }
    for (method, path) in [
        ("DELETE", format!("artifacts/{id}")),
        ("DELETE", format!("artifacts/{id}/versions/1")),
        ("POST", format!("artifacts/{id}/share")),
    ] {
        let refused = subject.json(other, method, &path, Value::Null).await;
        assert!(matches!(refused.status, 403 | 404), "{path}: {}", refused.status);
    }
    let upload = begin(&subject, mine).await;
    assert_refused(&append(&subject, other, &upload, b"x").await, 404);
    let body = json!({"upload_uuid": upload});
    assert_refused(&subject.json(other, "POST", "artifacts/upload/mine", body).await, 404);
    // The other route has the same storage, and knows nothing of either.
    let lines = format!("Tus-Resumable: 1.0.0\r\n{}", of_tenant("acme"));
    assert_eq!(subject.ask("HEAD", &format!("/tus/{upload}"), &lines, b"").await.status, 404);
    assert_eq!(subject.ask("GET", &format!("/tus/{blob}"), &lines, b"").await.status, 404);
    let shown = get(&subject, mine, &format!("artifacts/{id}")).await;
    assert_eq!((shown.status, shown.json()), (200, artifact));
}

#[tokio::test]
async fn the_namespace_of_the_system_shares() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let (mine, other) = (&log_in(&subject, "acme").await, &log_in(&subject, "other").await);
    let system = &log_in(&subject, "system").await;
    let artifact = publish(&subject, mine, "own", b"own").await;
    let own = artifact["uuid"].as_str().unwrap();
    assert_refused(
        &subject.json(mine, "POST", &format!("artifacts/{own}/share"), Value::Null).await,
        403,
    );
    let upload = begin(&subject, mine).await;
    let body = json!({"upload_uuid": upload, "shared": true});
    assert_refused(&subject.json(mine, "POST", "artifacts/upload/born", body).await, 403);
    let artifact = publish(&subject, system, "base", b"for all").await;
    let (id, blob) = (artifact["uuid"].as_str().unwrap(), artifact["blob_uuid"].as_str().unwrap());
    assert_refused(&get(&subject, other, &format!("artifacts/{id}")).await, 404);
    let path = format!("artifacts/{id}/share");
    let shared = subject.json(system, "POST", &path, Value::Null).await;
    assert_eq!((shared.status, &shared.json()["shared"]), (200, &json!(true)));
    for who in [mine, other] {
        let shown = get(&subject, who, &format!("artifacts/{id}")).await;
        assert_eq!((shown.status, &shown.json()["namespace"]), (200, &json!("system")));
        assert_eq!(get(&subject, who, "artifacts").await.text().matches(id).count(), 1);
        let data = subject.ask("GET", &format!("/sf/blobs/{blob}/data"), who, b"").await;
        assert_eq!((data.status, data.body.as_slice()), (200, &b"for all"[..]));
        // They see it, and that is all.
        for (method, path) in
            [("DELETE", format!("artifacts/{id}")), ("POST", format!("artifacts/{id}/unshare"))]
        {
            assert_refused(&subject.json(who, method, &path, Value::Null).await, 403);
        }
    }
    let path = format!("artifacts/{id}/unshare");
    let ended = subject.json(system, "POST", &path, Value::Null).await;
    assert_eq!((ended.status, &ended.json()["shared"]), (200, &json!(false)));
    assert_refused(&get(&subject, other, &format!("artifacts/{id}")).await, 404);
    assert_refused(&get(&subject, other, &format!("blobs/{blob}/data")).await, 404);
    // What is of others is seen, and removed, by the system.
    assert_eq!(get(&subject, system, &format!("artifacts/{own}")).await.status, 200);
    let removed = subject.json(system, "DELETE", &format!("artifacts/{own}"), Value::Null).await;
    assert_eq!(removed.status, 200);
    assert_eq!(get(&subject, mine, "artifacts").await.json(), json!([]));
}

#[tokio::test]
async fn a_namespace_is_emptied_by_those_who_say_so() {
    let storage = Embedded::start().await;
    let subject = Subject::embedded(&storage).await;
    let (mine, other) = (&log_in(&subject, "acme").await, &log_in(&subject, "other").await);
    for name in ["one", "two"] {
        publish(&subject, mine, name, name.as_bytes()).await;
    }
    publish(&subject, other, "three", b"three").await;
    for body in [json!({}), json!({"confirm": "true"}), json!({"confirm": false})] {
        assert_refused(&subject.json(mine, "DELETE", "artifacts", body).await, 400);
    }
    let body = json!({"confirm": true, "namespace": "other"});
    assert_refused(&subject.json(mine, "DELETE", "artifacts", body).await, 404);
    let removed = subject.json(mine, "DELETE", "artifacts", json!({"confirm": true})).await;
    assert_eq!((removed.status, removed.json().as_array().unwrap().len()), (200, 2));
    assert_eq!(get(&subject, mine, "artifacts").await.json(), json!([]));
    let left = get(&subject, other, "artifacts").await.json();
    assert_eq!(left.as_array().unwrap().len(), 1);
}
