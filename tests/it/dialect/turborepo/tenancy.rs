//! Whether a team can reach what belongs to another, and what suspended teams get.

use serde_json::{Value, json};

use super::{CACHE, Cache, Object, ask, assert_refused, member_of, storage};

const HASH: &str = "0a1b2c3d4e5f6071";

fn of(bytes: &str) -> Object {
    Object::of(bytes, &[])
}

#[tokio::test]
async fn the_same_hash_is_another_artifact_of_another_team() {
    let storage = storage(&[
        ("acme/0a1b2c3d4e5f6071", of("acme's")),
        ("beta/0a1b2c3d4e5f6071", of("beta's")),
    ])
    .await;
    let tenants = "acme: { aliases: [team_1a2b3c, acme-old] }";
    let gateway = Cache { tenants, ..CACHE }.before(&storage);
    for (teams, query, expected) in [
        (json!("acme"), "", Ok("acme's")),
        (json!("acme"), "?slug=acme", Ok("acme's")),
        (json!("acme"), "?teamId=team_1a2b3c", Ok("acme's")),
        (json!("acme"), "?teamId=team_acme", Ok("acme's")),
        (json!("acme"), "?teamId=team_1a2b3c&slug=acme", Ok("acme's")),
        (json!("acme"), "?slug=acme-old", Ok("acme's")),
        (json!("team_1a2b3c"), "?slug=acme", Ok("acme's")),
        (json!(["acme", "beta"]), "?slug=beta", Ok("beta's")),
        (json!(["acme", "beta"]), "?teamId=team_beta", Ok("beta's")),
        (json!(["acme", "beta"]), "?slug=%62eta", Ok("beta's")),
        (json!(["acme", "beta"]), "", Err((400, "bad_request"))),
        (json!(["acme", "beta"]), "?teamId=team_1a2b3c&slug=beta", Err((403, "forbidden"))),
        (json!("acme"), "?slug=beta", Err((403, "forbidden"))),
        (json!("acme"), "?teamId=team_beta", Err((403, "forbidden"))),
        (json!("acme"), "?slug=Acme", Err((403, "forbidden"))),
        (json!("beta"), "?slug=acme", Err((403, "forbidden"))),
        (json!("gamma"), "", Err((404, "not_found"))),
        (json!("acme"), "?slug=acme&slug=beta", Err((400, "bad_request"))),
        (json!("acme"), "?slug=acme%2F..%2Fbeta", Err((400, "bad_request"))),
        (json!("acme"), "?slug=%", Err((400, "bad_request"))),
        (json!([]), "?slug=acme", Err((403, "forbidden"))),
        (json!(["acme/../beta"]), "", Err((403, "forbidden"))),
        (json!(null), "?slug=acme", Err((403, "forbidden"))),
    ] {
        let lines = member_of(teams.clone(), json!({}));
        let response = gateway.get(&format!("/turbo/v8/artifacts/{HASH}{query}"), &lines).await;
        let input = format!("{teams} {query}");
        match expected {
            Ok(bytes) => assert_eq!((response.status, response.text()), (200, bytes), "{input}"),
            Err((status, code)) => assert_refused(&response, status, code, &input),
        }
    }
}

#[tokio::test]
async fn what_untrusted_callers_wrote_only_they_read() {
    let storage = storage(&[("acme/1f", of("trusted"))]).await;
    let gateway = CACHE.before(&storage);
    let pull = |number: Value| member_of(json!("acme"), json!({ "pull_request": number }));
    let (seven, eight) = (pull(json!("7")), pull(json!("8")));
    let main = member_of(json!("acme"), json!({ "write": true }));
    for (hash, body) in [("1f", "poison"), ("2f", "of 7")] {
        let line = format!("PUT /turbo/v8/artifacts/{hash}");
        assert_eq!(ask(&gateway, &line, &seven, body).await.status, 202);
    }
    for (lines, hash, expected) in [
        (&seven, "1f", Some("poison")),
        (&seven, "2f", Some("of 7")),
        (&eight, "1f", Some("trusted")),
        (&eight, "2f", None),
        (&main, "1f", Some("trusted")),
        (&main, "2f", None),
    ] {
        let response = gateway.get(&format!("/turbo/v8/artifacts/{hash}"), lines).await;
        match expected {
            Some(bytes) => assert_eq!((response.status, response.text()), (200, bytes), "{hash}"),
            None => assert_refused(&response, 404, "not_found", hash),
        }
    }
}

#[tokio::test]
async fn a_suspended_team_is_told_so_and_gets_nothing() {
    for (state, status, code, availability) in [
        ("disabled", 403, "remote_caching_disabled", Some("disabled")),
        ("paused", 403, "remote_caching_paused", Some("paused")),
        ("over_limit", 403, "remote_caching_over_limit", Some("over_limit")),
        ("unpaid", 402, "payment_required", None),
    ] {
        let storage = storage(&[("acme/1f", of("acme's")), ("beta/1f", of("beta's"))]).await;
        let tenants = format!("acme: {{ aliases: [team_1a2b3c], status: {state} }}");
        let gateway = Cache { tenants: &tenants, ..CACHE }.before(&storage);
        let lines = member_of(json!(["acme", "beta"]), json!({ "write": true }));
        for query in ["slug=acme", "teamId=team_1a2b3c", "teamId=team_acme"] {
            for (line, body) in [
                ("GET /turbo/v8/artifacts/1f", ""),
                ("PUT /turbo/v8/artifacts/1f", "more"),
                ("POST /turbo/v8/artifacts", r#"{"hashes":["1f"]}"#),
                ("POST /turbo/v8/artifacts/events", "[]"),
            ] {
                let response = ask(&gateway, &format!("{line}?{query}"), &lines, body).await;
                assert_refused(&response, status, code, line);
            }
            let path = format!("/turbo/v8/artifacts/status?{query}");
            let response = gateway.get(&path, &lines).await;
            match availability {
                Some(word) => {
                    let expected = json!({ "status": word });
                    assert_eq!((response.status, response.json()), (200, expected), "{state}");
                }
                None => assert_refused(&response, status, code, &path),
            }
        }
        assert_eq!(storage.counts().requests, 0, "{state}");
        assert_eq!(gateway.get("/turbo/v2/teams/acme", &lines).await.status, 200);
        assert_eq!(gateway.get("/turbo/v8/artifacts/1f?slug=beta", &lines).await.status, 200);
    }
}

#[tokio::test]
async fn a_suspended_team_may_be_the_only_one() {
    let storage = storage(&[]).await;
    let tenants = "acme: { aliases: [acme-old], status: disabled }";
    let gateway = Cache { tenants, ..CACHE }.before(&storage);
    for name in ["acme", "acme-old"] {
        let lines = member_of(json!(name), json!({}));
        let response = gateway.get("/turbo/v8/artifacts/status", &lines).await;
        assert_eq!(response.json(), json!({ "status": "disabled" }), "{name}");
        for (line, body) in
            [("GET /turbo/v8/artifacts/1f", ""), ("POST /turbo/v8/artifacts/events", "[]")]
        {
            let response = ask(&gateway, line, &lines, body).await;
            assert_refused(&response, 403, "remote_caching_disabled", &format!("{line} {name}"));
        }
    }
}
