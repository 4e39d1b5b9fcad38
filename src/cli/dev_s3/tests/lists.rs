use super::*;
use aws_sdk_s3::types::CommonPrefix;

const KEYS: [&str; 8] = ["a", "a/", "a/b", "a/b/c", "a/c", "b", "c/d", "z"];

async fn with_keys() -> Server {
    let server = Server::start().await;
    for key in KEYS {
        server.put(key, key).await;
    }
    server
}

fn prefixes(common: Option<Vec<CommonPrefix>>) -> Vec<String> {
    common.unwrap_or_default().into_iter().filter_map(|common| common.prefix).collect()
}

#[tokio::test]
async fn an_entry_describes_its_object() {
    let server = Server::start().await;
    let e_tag = server.put("key", "12345").await;
    let list = server.client.list_objects_v2().bucket(BUCKET).send().await.expect("a list");
    assert_eq!((list.key_count, list.is_truncated), (Some(1), Some(false)));
    let object = &list.contents()[0];
    assert_eq!(
        (object.key(), object.size(), object.e_tag()),
        (Some("key"), Some(5), Some(e_tag.as_str()))
    );
    assert!(object.last_modified().is_some());
}

#[tokio::test]
async fn pages_of_version_2_join_to_the_whole() {
    let server = with_keys().await;
    for delimiter in [None, Some("/")] {
        for size in 1..=9 {
            let mut keys = Vec::new();
            let mut common = Vec::new();
            let list = server.client.list_objects_v2().bucket(BUCKET).max_keys(size);
            let mut pages =
                list.set_delimiter(delimiter.map(str::to_owned)).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.expect("a page");
                assert!(page.key_count.is_some_and(|count| count <= size));
                keys.extend(
                    page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key),
                );
                common.extend(prefixes(page.common_prefixes));
            }
            if delimiter.is_some() {
                assert_eq!(
                    (keys, common),
                    (vec!["a".into(), "b".into(), "z".into()], vec!["a/".into(), "c/".into()])
                );
            } else {
                assert_eq!(keys, KEYS);
            }
        }
    }
}

#[tokio::test]
async fn pages_of_version_1_join_to_the_whole() {
    let server = with_keys().await;
    for size in 1..=9 {
        let (mut keys, mut common, mut marker) = (Vec::new(), Vec::new(), None);
        loop {
            let list = server.client.list_objects().bucket(BUCKET).delimiter("/").max_keys(size);
            let page = list.set_marker(marker).send().await.expect("a page");
            keys.extend(
                page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key),
            );
            common.extend(prefixes(page.common_prefixes));
            marker = page.next_marker;
            assert_eq!(page.is_truncated, Some(marker.is_some()));
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(keys, ["a", "b", "z"]);
        assert_eq!(common, ["a/", "c/"]);
    }
}

#[tokio::test]
async fn prefix_and_start_after_select() {
    let server = with_keys().await;
    let list = || server.client.list_objects_v2().bucket(BUCKET);
    let cases = [
        (list().prefix("a/"), vec!["a/", "a/b", "a/b/c", "a/c"]),
        (list().prefix("a/b"), vec!["a/b", "a/b/c"]),
        (list().prefix("/a"), vec![]),
        (list().start_after("a/c"), vec!["b", "c/d", "z"]),
        (list().start_after("a/bb").prefix("a/"), vec!["a/c"]),
        (list().max_keys(0), vec![]),
    ];
    for (request, expected) in cases {
        let page = request.send().await.expect("a page");
        let keys: Vec<&str> = page.contents().iter().filter_map(|object| object.key()).collect();
        assert_eq!(keys, expected);
        assert_eq!(page.is_truncated, Some(false));
    }
}

#[tokio::test]
async fn malformed_questions_and_missing_buckets_are_refused() {
    let server = Server::start().await;
    let list = || server.client.list_objects_v2();
    let cases = [
        (list().bucket("no-such-bucket"), 404, "NoSuchBucket"),
        (list().bucket(BUCKET).max_keys(-1), 400, "InvalidArgument"),
        (list().bucket(BUCKET).continuation_token("?"), 400, "InvalidArgument"),
    ];
    for (request, status, code) in cases {
        let error = request.send().await.expect_err("refused");
        assert_eq!(refusal(error), (status, code.to_owned()));
    }
}

#[tokio::test]
async fn buckets_are_made_once_and_found() {
    let server = Server::start().await;
    let client = &server.client;
    client.create_bucket().bucket("another-bucket").send().await.expect("created");
    client.create_bucket().bucket("another-bucket").send().await.expect("still there");
    client.head_bucket().bucket("another-bucket").send().await.expect("found");
    let buckets = client.list_buckets().send().await.expect("a list");
    let names: Vec<&str> = buckets.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(names, ["another-bucket", BUCKET]);
}

#[tokio::test]
async fn a_bucket_with_objects_stays() {
    let server = Server::start().await;
    let client = &server.client;
    server.put("key", "body").await;
    client.create_bucket().bucket(BUCKET).send().await.expect("still there");
    assert_eq!(server.get("key").await, b"body");
    let error = client.delete_bucket().bucket(BUCKET).send().await.expect_err("refused");
    assert_eq!(refusal(error), (409, "BucketNotEmpty".to_owned()));
    client.delete_object().bucket(BUCKET).key("key").send().await.expect("deleted");
    client.delete_bucket().bucket(BUCKET).send().await.expect("deleted");
    let error = client.head_bucket().bucket(BUCKET).send().await.expect_err("gone");
    assert_eq!(refusal(error).0, 404);
    let put = client.put_object().bucket(BUCKET).key("key").body(ByteStream::from_static(b"x"));
    assert_eq!(refusal(put.send().await.expect_err("refused")), (404, "NoSuchBucket".to_owned()));
}
