//! What is told of the caller, the teams, the token and the cache, as far as `turbo link`, `login`
//! and `logout` parse it.

use serde_json::{Value, json};

use super::{CACHE, Cache, ask, assert_refused, member_of, storage, writer};
use crate::support::gateway::{Gateway, OPEN};
use crate::support::token::{bearer, seconds_from_now};

const TENANTS: &str = "acme: { aliases: [team_1a2b3c], title: 'Acme Inc.' }";

async fn told(gateway: &Gateway, path: &str, lines: &str) -> Value {
    let response = gateway.get(&format!("/turbo/{path}"), lines).await;
    assert_eq!(response.status, 200, "{path}: {response:?}");
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
    response.json()
}

fn somebody() -> Value {
    json!({
        "sub": "user-7",
        "jti": "token-7",
        "name": "Zoë",
        "preferred_username": "zoe",
        "email": "zoe@example.test",
        "iat": seconds_from_now(-60),
        "write": true,
    })
}

#[tokio::test]
async fn the_caller_is_who_the_token_says() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    for (claims, id, username, email, name) in [
        (somebody(), "user-7", "zoe", "zoe@example.test", json!("Zoë")),
        (json!({ "sub": "repo:acme/web" }), "repo:acme/web", "repo:acme/web", "", json!(null)),
        (json!({ "name": "Zoë" }), "anonymous", "Zoë", "", json!("Zoë")),
        (json!({}), "anonymous", "anonymous", "", json!(null)),
        (json!({ "sub": 7, "email": null }), "anonymous", "anonymous", "", json!(null)),
    ] {
        let lines = member_of(json!("acme"), claims.clone());
        let user = json!({ "id": id, "username": username, "email": email, "name": name });
        assert_eq!(told(&gateway, "v2/user", &lines).await, json!({ "user": user }), "{claims}");
    }
    assert_eq!(storage.counts().requests, 0);
}

#[tokio::test]
async fn the_teams_are_those_of_the_token() {
    let storage = storage(&[]).await;
    let gateway = Cache { tenants: TENANTS, ..CACHE }.before(&storage);
    let lines = member_of(json!(["team_1a2b3c", "beta"]), somebody());
    let team = |id, slug, name| {
        json!({
            "id": id, "slug": slug, "name": name, "createdAt": 0,
            "created": "1970-01-01T00:00:00Z", "membership": { "role": "MEMBER" },
        })
    };
    let acme = team("team_1a2b3c", "acme", "Acme Inc.");
    let beta = team("team_beta", "beta", "beta");
    let expected = json!({
        "teams": [acme, beta], "pagination": { "count": 2, "next": null, "prev": null },
    });
    assert_eq!(told(&gateway, "v2/teams?limit=100", &lines).await, expected);
    for (asked, expected) in
        [("team_1a2b3c", &acme), ("acme", &acme), ("team_beta", &beta), ("beta", &beta)]
    {
        assert_eq!(told(&gateway, &format!("v2/teams/{asked}"), &lines).await, *expected);
    }
    for asked in ["gamma", "team_gamma", "team_acme2", "Acme"] {
        let response = gateway.get(&format!("/turbo/v2/teams/{asked}"), &lines).await;
        assert_refused(&response, 404, "not_found", asked);
    }
}

#[tokio::test]
async fn the_token_is_good_for_its_teams_until_it_ends() {
    let storage = storage(&[]).await;
    let gateway = Cache { tenants: TENANTS, ..CACHE }.before(&storage);
    let claims = somebody();
    let (issued, expires) = (claims["iat"].as_i64().unwrap() * 1000, seconds_from_now(900));
    let mut claims = claims;
    claims["exp"] = expires.into();
    let lines = member_of(json!(["acme", "beta"]), claims);
    let scope = |team| {
        json!({
            "type": "team", "origin": "manual", "createdAt": issued,
            "expiresAt": expires * 1000, "teamId": team,
        })
    };
    let expected = json!({
        "id": "token-7", "name": "token-7", "type": "jwt", "origin": "manual",
        "scopes": [scope("team_1a2b3c"), scope("team_beta")],
        "activeAt": issued, "createdAt": issued,
    });
    let told = told(&gateway, "v5/user/tokens/current", &lines).await;
    assert_eq!(told, json!({ "token": expected }));

    let response = ask(&gateway, "DELETE /turbo/v3/user/tokens/current", &lines, "").await;
    assert_eq!((response.status, response.json()), (200, json!({ "tokenId": "token-7" })));
    // Nobody can take a JWT back.
    assert_eq!(gateway.get("/turbo/v2/user", &lines).await.status, 200);
}

#[tokio::test]
async fn clients_are_told_that_a_token_is_not_good() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    for line in ["GET /turbo/v5/user/tokens/current", "DELETE /turbo/v3/user/tokens/current"] {
        for lines in [
            "Authorization: Bearer nonsense\r\n".to_owned(),
            bearer(json!({ "exp": seconds_from_now(-600) })),
            bearer(json!({ "aud": "somebody else" })),
        ] {
            let response = ask(&gateway, line, &lines, "").await;
            assert_refused(&response, 403, "unauthorized", &lines);
            assert_eq!(response.json()["error"]["invalidToken"], true, "{lines}");
        }
        let response = ask(&gateway, line, "", "").await;
        assert_refused(&response, 401, "unauthorized", "no token");
    }
}

#[tokio::test]
async fn everybody_is_nobody_on_an_open_route() {
    let storage = storage(&[]).await;
    let gateway = Cache { auth: OPEN, layout: "{hash}", ..CACHE }.before(&storage);
    let user = told(&gateway, "v2/user", "").await;
    assert_eq!(user["user"]["username"], "anonymous");
    assert_eq!(told(&gateway, "v2/teams", "").await["teams"], json!([]));
    let token = told(&gateway, "v5/user/tokens/current", "").await;
    let scope = json!({ "type": "user", "origin": "manual", "createdAt": 0 });
    assert_eq!(token["token"]["scopes"], json!([scope]));
    let status = told(&gateway, "v8/artifacts/status?slug=acme", "").await;
    assert_eq!(status, json!({ "status": "enabled" }));
    assert_refused(&gateway.get("/turbo/v2/teams/acme", "").await, 404, "not_found", "");
}

#[tokio::test]
async fn a_caller_without_the_right_to_read_is_told_nothing() {
    let storage = storage(&[]).await;
    let gateway = CACHE.before(&storage);
    let lines = member_of(json!("acme"), json!({ "scope": "something:else" }));
    for path in
        ["v2/user", "v2/teams", "v2/teams/acme", "v5/user/tokens/current", "v8/artifacts/status"]
    {
        let response = gateway.get(&format!("/turbo/{path}"), &lines).await;
        assert_refused(&response, 403, "forbidden", path);
        let response = gateway.get(&format!("/turbo/{path}"), "").await;
        assert_refused(&response, 401, "unauthorized", path);
    }
    let status = told(&gateway, "v8/artifacts/status", &writer()).await;
    assert_eq!(status, json!({ "status": "enabled" }));
}
