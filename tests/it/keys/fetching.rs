use std::time::{Duration, SystemTime};

use super::{LOCAL, Setup, claims, jwks_url};
use crate::support::answer::{Answer, Then};
use crate::support::certificates::Authority;
use crate::support::gateway::{STREAM, compile};
use crate::support::issuer::Issuer;
use crate::support::metrics;
use crate::support::process::Process;
use crate::support::signer::{Signer, key_set};
use crate::support::token::{self, seconds_from_now};

/// Fetches the key set of an issuer that misbehaves: the fetch fails with that result, and nobody
/// with a token is told that it is bad.
async fn assert_fails(issuer: &Issuer, more: &str, result: &str) -> Setup {
    let setup = Setup::fetched(issuer, &jwks_url(issuer, "/keys", more)).await;
    assert_result(&setup, result).await;
    setup
}

async fn assert_result(setup: &Setup, result: &str) {
    let label = format!("result=\"{result}\"");
    let fetches = setup.gateway.scrape();
    let fetches: Vec<_> = fetches.lines().filter(|line| line.contains("issuer_fetches")).collect();
    assert_eq!(setup.fetches(&[&label]), setup.fetches(&[]), "{result}: {fetches:#?}");
    assert_eq!(setup.status(&Signer::es256("a")).await, 503, "{result}");
}

/// An answer without an end.
fn endless(head: &[&str], flood: &'static [u8]) -> Answer {
    Answer::head_and(head, b"", Then::Flood(flood))
}

#[tokio::test]
async fn a_key_set_is_fetched_and_used() {
    let (signer, other) = (Signer::es256("a"), Signer::es256("a"));
    let keys = key_set([&signer]);
    let issuer = Issuer::scripted(move |seen| {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/keys?of=acme"));
        assert!(seen.header("host").unwrap().starts_with("localhost:"));
        assert_eq!(seen.header("accept"), Some("application/json"));
        assert!(seen.header("user-agent").unwrap().starts_with("casgate/"));
        for none in ["accept-encoding", "authorization", "cookie"] {
            assert_eq!(seen.header(none), None);
        }
        Answer::json(&keys)
    })
    .await;
    let setup = Setup::fetched(&issuer, &jwks_url(&issuer, "/keys?of=acme", "")).await;
    assert_eq!(setup.status(&signer).await, 200);
    assert_eq!(setup.status(&other).await, 401, "another key of the same name");
    assert_eq!(issuer.requests(), 1);
    assert_eq!(setup.fetches(&["issuer=\"tests\"", "trigger=\"schedule\"", "result=\"ok\""]), 1);
    assert_eq!(setup.gateway.metric("casgate_issuer_keys", &["issuer=\"tests\""]), 1);
    let since = "casgate_issuer_keys_fetched_timestamp_seconds{issuer=\"tests\"} ";
    let fetched: f64 = metrics::sample(&setup.gateway.scrape(), since);
    let age = seconds_from_now(0) as f64 - fetched;
    assert!((-1.0..20.0).contains(&age), "{age}");
}

#[tokio::test]
async fn answers_that_are_none() {
    const CHUNKED: [&str; 2] = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"];
    let huge = format!("Content-Length: {}", 1024 * 1024 + 1);
    let header = "X: x\r\n".repeat(1000).leak();
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000)).into_bytes().leak();
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    for (answer, result) in [
        (Answer::status("500 Internal Server Error"), "status"),
        (Answer::status("404 Not Found"), "status"),
        (Answer::status("204 No Content"), "status"),
        (Answer::status("206 Partial Content"), "status"),
        (Answer::status("304 Not Modified"), "status"),
        (Answer::json(""), "keys"),
        (Answer::json("<html>please log in</html>"), "keys"),
        (Answer::json("{}"), "keys"),
        (Answer::json("{\"keys\":[]}"), "keys"),
        (Answer::json("{\"keys\":[],\"keys\":[]}"), "keys"),
        (Answer::json(&large), "too_large"),
        (Answer::head_and(&["HTTP/1.1 200 OK", &huge], b"{", Then::Stall), "too_large"),
        (endless(&CHUNKED, chunk), "too_large"),
        (endless(&["HTTP/1.1 200 OK"], &[b' '; 16 * 1024]), "too_large"),
        (Answer::raw("HTTP/1.1 200 OK\r\nX: ", Then::Flood(&[b'x'; 4096])), "http"),
        (Answer::raw("HTTP/1.1 200 OK\r\n", Then::Flood(header.as_bytes())), "http"),
        (Answer::raw("SSH-2.0-OpenSSH\r\n", Then::Close), "http"),
        (Answer::nothing(Then::Close), "http"),
        (Answer::head_and(&["HTTP/1.1 200 OK", "Content-Length: 9"], b"{", Then::Close), "http"),
        (Answer::head_and(&CHUNKED, b"5\r\n{", Then::Reset), "http"),
    ] {
        let shown =
            String::from_utf8_lossy(&answer.bytes[..answer.bytes.len().min(60)]).into_owned();
        let issuer = Issuer::scripted(move |_| answer.clone()).await;
        println!("{shown:?}");
        assert_fails(&issuer, "", result).await;
    }
}

#[tokio::test]
async fn slow_answers_have_a_time() {
    for answer in [
        Answer::nothing(Then::Stall),
        Answer::raw("HTTP/1.1 200 OK\r\n", Then::Stall),
        Answer::raw("HTTP/1.1 200 OK\r\nX: ", Then::Trickle),
        Answer::head_and(&["HTTP/1.1 200 OK", "Content-Length: 9"], b"{", Then::Stall),
        Answer::head_and(&["HTTP/1.1 200 OK"], b"{", Then::Trickle),
        Answer::raw("", Then::Flood(b"HTTP/1.1 100 Continue\r\n\r\n")),
    ] {
        let issuer = Issuer::scripted(move |_| answer.clone()).await;
        assert_fails(&issuer, "timeout: 200ms", "timeout").await;
    }
}

#[tokio::test]
async fn the_time_is_for_all_redirects_together() {
    let issuer = Issuer::scripted(|seen| match seen.target.as_str() {
        "/keys" => Answer::redirect("/more"),
        _ => Answer::nothing(Then::Stall),
    })
    .await;
    assert_fails(&issuer, "timeout: 200ms", "timeout").await;
}

#[tokio::test]
async fn three_redirects_are_followed() {
    let signer = Signer::es256("a");
    let keys = key_set([&signer]);
    let issuer = Issuer::scripted(move |seen| match seen.target.as_str() {
        "/keys" => Answer::redirect("/folder/second"),
        "/folder/second" => Answer::redirect("third?a=b"),
        "/folder/third?a=b" => {
            Answer::redirect(&format!("//{}/fourth#part", seen.header("host").unwrap()))
        }
        "/fourth" => Answer::json(&keys),
        _ => Answer::status("404 Not Found"),
    })
    .await;
    let setup = Setup::fetched(&issuer, &jwks_url(&issuer, "/keys", "")).await;
    assert_eq!(setup.status(&signer).await, 200);
    assert_eq!(issuer.requests(), 4);
}

#[tokio::test]
async fn redirects_that_are_not_followed() {
    let elsewhere = Issuer::scripted(|_| Answer::json("")).await;
    let in_clear = format!("http://localhost:{}/", elsewhere.port);
    let metadata = "https://169.254.169.254/latest/meta-data";
    for (location, result) in [
        ("/keys", "redirect"),
        (in_clear.as_str(), "redirect"),
        ("ftp://localhost/", "redirect"),
        ("file:///etc/passwd", "redirect"),
        ("https://user:password@localhost/", "redirect"),
        ("https://", "redirect"),
        (metadata, "address"),
        ("https://[::ffff:169.254.169.254]/", "address"),
        ("https://[64:ff9b::a9fe:a9fe]/", "address"),
        ("https://2852039166/", "address"),
        ("https://0.0.0.0/", "address"),
        ("https://[fe80::1]/", "address"),
    ] {
        let answer = Answer::redirect(location);
        let issuer = Issuer::scripted(move |_| answer.clone()).await;
        println!("{location}");
        assert_fails(&issuer, "", result).await;
        // Without a loop, the one that was asked for and the one that a request made again.
        assert!(location == "/keys" || issuer.requests() <= 4, "{}", issuer.requests());
    }
    assert_eq!(elsewhere.connections(), 0);
    let nowhere = Issuer::scripted(|_| Answer::status("302 Found")).await;
    assert_fails(&nowhere, "", "redirect").await;
}

#[tokio::test]
async fn the_certificate_decides() {
    let keys = || Answer::json(key_set([&Signer::es256("a")]));
    for (name, until) in [("another.test", 4000), ("localhost", 2020)] {
        let issuer = Issuer::with_certificate(name, until, move |_| keys()).await;
        assert_fails(&issuer, "", "tls").await;
        assert_eq!(issuer.requests(), 0, "{name} {until}");
    }
    let mut stranger = Issuer::scripted(move |_| keys()).await;
    stranger.authority = Authority::new();
    assert_fails(&stranger, "", "tls").await;
    assert_eq!(stranger.requests(), 0);
    let in_clear = Issuer::in_clear(move |_| keys()).await;
    assert_fails(&in_clear, "", "tls").await;
}

#[tokio::test]
async fn an_address_has_a_certificate_too() {
    let signer = Signer::es256("a");
    let keys = key_set([&signer]);
    let script = move |_: &_| Answer::json(&keys);
    let issuer = Issuer::with_certificate("127.0.0.1", 4000, script).await;
    let keys = jwks_url(&issuer, "/keys", "").replace("localhost", "127.0.0.1");
    let setup = Setup::fetched(&issuer, &keys).await;
    assert_eq!(setup.status(&signer).await, 200);
}

#[tokio::test]
async fn private_addresses_are_not_connected_to() {
    let issuer = Issuer::scripted(|_| Answer::json(key_set([&Signer::es256("a")]))).await;
    let keys = jwks_url(&issuer, "/keys", "").replace("allow_private_addresses: true", "");
    let setup = Setup::fetched(&issuer, &keys.replace(", ,", ",")).await;
    assert_result(&setup, "address").await;
    assert_eq!(issuer.connections(), 0);
}

#[tokio::test]
async fn nobody_listens() {
    let issuer = Issuer::scripted(|_| Answer::json("")).await;
    let keys = jwks_url(&issuer, "/keys", "");
    let mut setup = Setup::of(token::ISSUER, &issuer, &keys).await;
    drop(issuer);
    // The listener is closed by a task, in its own time.
    setup.fetch_at(SystemTime::now).await;
    assert_eq!(setup.fetches(&["result=\"ok\""]), 0);
    assert_eq!(setup.status(&Signer::es256("a")).await, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_ready_has_the_keys() {
    let signer = Signer::es256("a");
    let keys = key_set([&signer]);
    let issuer = Issuer::scripted(move |_| Answer::json(&keys)).await;
    let setup = Setup::of(token::ISSUER, &issuer, &jwks_url(&issuer, "/keys", "")).await;
    let file = setup.secrets.path().join("gateway.yaml");
    std::fs::write(&file, &setup.yaml).unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n{}\r\n",
        setup.content.path(),
        signer.bearer(claims())
    );
    let answer = tokio::task::spawn_blocking(move || Process::start(&file).exchange(&request));
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(issuer.requests(), 1, "no request had to ask for them");
}

#[test]
fn what_is_configured_is_judged_before_anything_is_fetched() {
    let secrets = tempfile::tempdir().unwrap();
    let good = STREAM.yaml("http://127.0.0.1:9", &secrets);
    let old = good.lines().find(|line| line.starts_with("    keys: ")).unwrap();
    let specification = |keys: &str| {
        let yaml = good.replace(old, &format!("    keys: {keys}"));
        let plan = compile(&yaml, &casgate::telemetry::Metrics::new());
        plan.map(|plan| plan.key_sources["tests"].specification().clone())
    };
    std::fs::write(secrets.path().join("ca"), Authority::new().pem()).unwrap();
    let ca_file = secrets.path().join("ca").display().to_string();
    let local = LOCAL.replace("CA_FILE", &ca_file);
    let keys = format!("{{ discovery: {{ {local} }} }}");
    let first = specification(&keys).unwrap();
    assert_eq!(first.refresh, Duration::from_secs(600));
    assert_eq!(first.authorities.len(), 1);
    assert!(specification(&keys).unwrap() == first, "equal settings, equal specifications");
    std::fs::write(&ca_file, Authority::new().pem()).unwrap();
    assert!(specification(&keys).unwrap() != first, "another authority in the same file");
}
