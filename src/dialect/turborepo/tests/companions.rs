//! What is told of teams, in the forms that clients parse.

use http::Request;
use serde_json::{Value, json};

use crate::auth::{Account, Grant, Tenants, Writing};
use crate::dialect::turborepo::Turborepo;
use crate::dialect::{Call, Dialect as _, Outcome, Topic};
use crate::error::Kind;

fn directory() -> Tenants {
    let mut tenants = Tenants::default();
    let acme = Account {
        aliases: vec!["acme-old".into(), "team_1a2b".into(), "team_3c4d".into()],
        title: Some("Acme Inc.".into()),
        suspended: None,
    };
    tenants.add("acme", acme).unwrap();
    for (name, kind) in [
        ("off", Kind::TenantDisabled),
        ("paused", Kind::TenantPaused),
        ("full", Kind::TenantOverLimit),
        ("unpaid", Kind::TenantUnpaid),
    ] {
        let account =
            Account { aliases: vec![format!("team_{name}")], title: None, suspended: Some(kind) };
        tenants.add(name, account).unwrap();
    }
    tenants
}

fn ask(topic: Topic, grant: &Grant) -> (u16, Value) {
    let (head, ()) = Request::get("/turbo/v2").body(()).unwrap().into_parts();
    let outcome = Outcome::Granted { grant, tenants: &directory() };
    let reply = Turborepo.answer(&head, &Call::About(topic), &outcome);
    (reply.status().as_u16(), serde_json::from_slice(reply.body()).unwrap())
}

#[test]
fn teams_have_ids_that_clients_send_back() {
    for (name, id, title) in [
        ("acme", "team_1a2b", "Acme Inc."),
        ("acme-old", "team_1a2b", "Acme Inc."),
        ("team_3c4d", "team_1a2b", "Acme Inc."),
        ("beta", "team_beta", "beta"),
        ("team_gamma", "team_gamma", "team_gamma"),
    ] {
        let grant = Grant::for_test(&[name], Writing::Refused);
        let (_, teams) = ask(Topic::Tenants, &grant);
        let team = &teams["teams"][0];
        assert_eq!((&team["id"], &team["name"]), (&json!(id), &json!(title)), "{name}");
        // By that id, and by the slug, the team is found again.
        for asked in [id, team["slug"].as_str().unwrap()] {
            let (status, found) = ask(Topic::Tenant(asked.to_owned()), &grant);
            assert_eq!((status, &found), (200, team), "{asked}");
        }
    }
}

#[test]
fn a_team_is_listed_once_whatever_it_is_called() {
    let grant = Grant::for_test(&["acme-old", "beta", "team_1a2b", "acme"], Writing::Shared);
    let (_, teams) = ask(Topic::Tenants, &grant);
    let slugs: Vec<_> = teams["teams"].as_array().unwrap().iter().map(|it| &it["slug"]).collect();
    assert_eq!(slugs, ["acme", "beta"]);
    assert_eq!(teams["pagination"]["count"], 2);
}

#[test]
fn who_may_not_write_is_a_viewer() {
    let isolated = Writing::Isolated(Grant::namespace_for_test("pull request"));
    for (writing, role) in
        [(Writing::Refused, "VIEWER"), (Writing::Shared, "MEMBER"), (isolated, "MEMBER")]
    {
        let grant = Grant::for_test(&["acme"], writing);
        let (_, teams) = ask(Topic::Tenants, &grant);
        assert_eq!(teams["teams"][0]["membership"]["role"], role);
    }
}

#[test]
fn the_teams_of_others_are_not_there() {
    let grant = Grant::for_test(&["acme"], Writing::Shared);
    for asked in ["beta", "team_beta", "off", "team_", "unheard of"] {
        let (status, body) = ask(Topic::Tenant(asked.to_owned()), &grant);
        assert_eq!((status, &body["code"]), (404, &json!("not_found")), "{asked}");
    }
    let nobody = Grant::for_test(&[], Writing::Refused);
    assert_eq!(ask(Topic::Tenant("acme".to_owned()), &nobody).0, 404);
    assert_eq!(ask(Topic::Tenants, &nobody).1["teams"], json!([]));
}

#[test]
fn the_cache_is_there_or_not() {
    for (name, expected) in [
        ("acme", "enabled"),
        ("unheard of", "enabled"),
        ("off", "disabled"),
        ("team_off", "disabled"),
        ("paused", "paused"),
        ("full", "over_limit"),
    ] {
        let grant = Grant::for_test(&[name], Writing::Refused).within(&[], &directory()).unwrap();
        let expected = (200, json!({ "status": expected }));
        assert_eq!(ask(Topic::Availability, &grant), expected, "{name}");
    }
    let (status, body) = ask(Topic::Availability, &Grant::for_test(&["unpaid"], Writing::Shared));
    assert_eq!((status, &body["error"]["code"]), (402, &json!("payment_required")));
    // Whoever has several teams and names none is told of none.
    let several = Grant::for_test(&["off", "acme"], Writing::Refused);
    assert_eq!(ask(Topic::Availability, &several).1, json!({ "status": "enabled" }));
}
