use super::*;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};

const RACERS: usize = 24;

/// Statuses of as many concurrent conditional writers, sorted, and the winner's body.
/// The round makes every body new: a winner that stored what was there before would
/// leave the entity tag as it was, and the next writer would rightly win as well.
async fn race(
    server: &Server,
    key: &str,
    round: usize,
    if_match: Option<String>,
) -> (Vec<u16>, String) {
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..RACERS {
        let body = format!("{key} {round} {racer} ").repeat(10_000);
        let put = server.client.put_object().bucket(BUCKET).key(key);
        let put = match &if_match {
            Some(e_tag) => put.if_match(e_tag),
            None => put.if_none_match("*"),
        };
        racers.spawn(async move {
            match put.body(ByteStream::from(body.clone().into_bytes())).send().await {
                Ok(_) => (200, body),
                Err(error) => (refusal(error).0, String::new()),
            }
        });
    }
    let mut answers = racers.join_all().await;
    answers.sort();
    let winner = answers[0].1.clone();
    (answers.into_iter().map(|(status, _)| status).collect(), winner)
}

fn one_winner() -> Vec<u16> {
    let mut expected = vec![412; RACERS];
    expected[0] = 200;
    expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_creators_exactly_one_wins() {
    let server = Server::start().await;
    for round in 0..8 {
        let key = format!("round/{round}");
        let (statuses, winner) = race(&server, &key, round, None).await;
        assert_eq!(statuses, one_winner());
        assert_eq!(server.get(&key).await, winner.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_replacers_exactly_one_wins() {
    let server = Server::start().await;
    let mut e_tag = server.put("key", "first").await;
    for round in 0..4 {
        let (statuses, winner) = race(&server, "key", round, Some(e_tag)).await;
        assert_eq!(statuses, one_winner());
        assert_eq!(server.get("key").await, winner.as_bytes());
        let head = server.client.head_object().bucket(BUCKET).key("key").send().await;
        e_tag = head.expect("an object").e_tag.expect("an entity tag");
    }
}

#[tokio::test]
async fn a_refused_write_leaves_the_object_as_it_was() {
    let server = Server::start().await;
    server.put("key", "first").await;
    let files = server.files();
    let put = || server.client.put_object().bucket(BUCKET).body(ByteStream::from_static(b"second"));
    let cases = [
        (put().key("key").if_none_match("*"), 412, "PreconditionFailed"),
        (put().key("key").if_match("\"0123\""), 412, "PreconditionFailed"),
        (put().key("missing").if_match("\"0123\""), 404, "NoSuchKey"),
        (put().key("key").if_none_match("\"0123\""), 501, "NotImplemented"),
    ];
    for (request, status, code) in cases {
        let error = request.send().await.expect_err("refused");
        assert_eq!(refusal(error), (status, code.to_owned()));
    }
    assert_eq!(server.get("key").await, b"first");
    assert_eq!(server.keys().await, ["key"]);
    assert_eq!(server.files(), files, "a refused body stays behind");
}

#[tokio::test]
async fn a_deleted_key_can_be_created_again() {
    let server = Server::start().await;
    server.put("key", "first").await;
    server.client.delete_object().bucket(BUCKET).key("key").send().await.expect("deleted");
    let put = server.client.put_object().bucket(BUCKET).key("key").if_none_match("*");
    put.body(ByteStream::from_static(b"second")).send().await.expect("created");
    assert_eq!(server.get("key").await, b"second");
}

#[tokio::test]
async fn reads_honour_entity_tags() {
    let server = Server::start().await;
    let e_tag = server.put("key", "body").await;
    let cases = [
        (Some(e_tag.as_str()), None, 200),
        (Some("\"other\""), None, 412),
        (Some("*"), None, 200),
        (None, Some(e_tag.as_str()), 304),
        (None, Some("\"other\""), 200),
        (None, Some("*"), 304),
    ];
    for (if_match, if_none_match, expected) in cases {
        let get = server.client.get_object().bucket(BUCKET).key("key");
        let get = get.set_if_match(if_match.map(str::to_owned));
        let got = get.set_if_none_match(if_none_match.map(str::to_owned)).send().await;
        let head = server.client.head_object().bucket(BUCKET).key("key");
        let head = head.set_if_match(if_match.map(str::to_owned));
        let headed = head.set_if_none_match(if_none_match.map(str::to_owned)).send().await;
        let statuses = (
            got.map_or_else(|error| refusal(error).0, |_| 200),
            headed.map_or_else(|error| refusal(error).0, |_| 200),
        );
        assert_eq!(statuses, (expected, expected), "{if_match:?} {if_none_match:?}");
    }
}

#[tokio::test]
async fn reads_honour_dates() {
    let server = Server::start().await;
    server.put("key", "body").await;
    let head = server.client.head_object().bucket(BUCKET).key("key").send().await;
    let written = head.expect("an object").last_modified.expect("a date").secs();
    for (offset, modified_since, unmodified_since) in [(-1, 200, 412), (0, 304, 200), (1, 304, 200)]
    {
        let date = DateTime::from_secs(written + offset);
        let key = || server.client.get_object().bucket(BUCKET).key("key");
        let head = || server.client.head_object().bucket(BUCKET).key("key");
        let answers = [
            key()
                .if_modified_since(date)
                .send()
                .await
                .map_or_else(|error| refusal(error).0, |_| 200),
            head()
                .if_modified_since(date)
                .send()
                .await
                .map_or_else(|error| refusal(error).0, |_| 200),
            key()
                .if_unmodified_since(date)
                .send()
                .await
                .map_or_else(|error| refusal(error).0, |_| 200),
            head()
                .if_unmodified_since(date)
                .send()
                .await
                .map_or_else(|error| refusal(error).0, |_| 200),
        ];
        assert_eq!(
            answers,
            [modified_since, modified_since, unmodified_since, unmodified_since],
            "{offset}"
        );
    }
}

#[tokio::test]
async fn not_modified_has_validators_and_no_body() {
    let server = Server::start().await;
    let e_tag = server.put("key", "body").await;
    let head = server.client.head_object().bucket(BUCKET).key("key").send().await;
    let written = head.expect("an object").last_modified.expect("a date");
    let written = written.fmt(DateTimeFormat::HttpDate).expect("a date").to_lowercase();
    let get = server.client.get_object().bucket(BUCKET).key("key").if_none_match(&e_tag);
    let config =
        aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_secs(60));
    let presigned = get.presigned(config.expect("a duration")).await.expect("a URL");
    let headers: String =
        presigned.headers().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (status, head, body) = server.fetch("GET", presigned.uri(), &headers).await;
    assert_eq!((status, body.as_slice()), (304, &b""[..]));
    assert!(head.contains(&format!("\r\netag: {e_tag}\r\n")), "{head}");
    assert!(head.contains(&format!("\r\nlast-modified: {written}\r\n")), "{head}");
}

#[tokio::test]
async fn a_delete_can_require_an_entity_tag() {
    let server = Server::start().await;
    let e_tag = server.put("key", "body").await;
    let delete = || server.client.delete_object().bucket(BUCKET).key("key");
    let error = delete().if_match("\"other\"").send().await.expect_err("refused");
    assert_eq!(refusal(error).0, 412);
    delete().if_match(e_tag).send().await.expect("deleted");
    assert!(server.keys().await.is_empty());
}
