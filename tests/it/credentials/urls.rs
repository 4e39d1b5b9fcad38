//! Presigned URLs and the end of what they are signed with.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::stand_ins::{Accepted, Gateway, container, instance, json, session, storage};
use crate::support::answer::Answer;
use crate::support::content::Content;
use crate::support::gateway::{OPEN, REDIRECT, Settings};
use crate::support::server::Server;

/// A parameter of the URL a redirect leads to.
fn parameter<'a>(location: &'a str, name: &str) -> &'a str {
    let (_, rest) = location.split_once(&format!("{name}=")).unwrap();
    rest.split('&').next().unwrap()
}

#[tokio::test]
async fn a_url_ends_with_its_credentials() {
    let content = Content::of("content");
    let storage = storage(&content, &Accepted::only("ASIA")).await;
    for (life, route, expected) in
        [(100, "", 90..=100), (3600, "", 300..=300), (3600, "redirect_ttl: 2h", 3590..=3600)]
    {
        let endpoint = Server::scripted(move |_| json("ASIA", life)).await;
        let settings = Settings { auth: OPEN, route, ..REDIRECT };
        let gateway = Gateway::start(&settings, &storage, "{}", &container(&endpoint));
        let response = gateway.get(&content.path()).await;
        let location = response.header("location").unwrap();
        let seconds: u32 = parameter(location, "X-Amz-Expires").parse().unwrap();
        assert!(expected.contains(&seconds), "{life} s: {location}");
        // Caches keep the redirect no longer than that.
        let age = parameter(response.header("cache-control").unwrap(), "max-age");
        assert!(age.parse::<u32>().unwrap() <= seconds, "{age}");
        let expiry = "casgate_credentials_expiry_timestamp_seconds{bucket=\"store\"}";
        assert!(gateway.metric(expiry).await > 1_700_000_000);
    }
}

/// While IMDS has an outage, AWS goes on taking the credentials it has; how long nobody can say.
#[tokio::test]
async fn what_imds_has_in_an_outage_is_good_for_a_quarter_of_an_hour_at_most() {
    let content = Content::of("content");
    let storage = storage(&content, &Accepted::only("ASIA")).await;
    let imds = Server::scripted(|seen| match seen.target.as_str() {
        "/latest/api/token" => session(),
        target if target.ends_with("/security-credentials/") => {
            Answer::document("200 OK", "text/plain", "r")
        }
        _ => json("ASIA", -60),
    })
    .await;
    let settings = Settings { auth: OPEN, route: "redirect_ttl: 2h", ..REDIRECT };
    let gateway = Gateway::start(&settings, &storage, "{}", &instance(&imds));
    let response = gateway.get(&content.path()).await;
    let seconds = parameter(response.header("location").unwrap(), "X-Amz-Expires");
    assert!((500..=900).contains(&seconds.parse::<u32>().unwrap()), "{seconds}");
}

#[tokio::test]
async fn no_url_is_made_of_credentials_that_are_about_to_end_where_better_ones_can_be_had() {
    let content = Content::of("content");
    let storage = storage(&content, &Accepted::only("ASIA")).await;
    let turn = AtomicUsize::new(0);
    // The first ones would be good for a URL of some seconds.
    let endpoint = Server::scripted(move |_| match turn.fetch_add(1, Ordering::Relaxed) {
        0 => json("ASIA", 8),
        _ => json("ASIA", 3600),
    })
    .await;
    let settings = Settings { auth: OPEN, ..REDIRECT };
    let gateway = Gateway::start(&settings, &storage, "{}", &container(&endpoint));
    loop {
        let response = gateway.get(&content.path()).await;
        assert_eq!(response.status, 302);
        let seconds = parameter(response.header("location").unwrap(), "X-Amz-Expires");
        let seconds: u32 = seconds.parse().unwrap();
        assert!(seconds <= 8 || seconds == 300);
        if seconds == 300 {
            break;
        }
        // Only in the pause after the flight that brought them, and while the next is awaited.
        assert!(seconds >= 4, "{seconds}");
    }
    assert_eq!(endpoint.counts().requests, 2);
}
