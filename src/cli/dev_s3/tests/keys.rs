use super::*;
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};

/// Legal keys that file systems or URL handling tend to change.
#[rustfmt::skip]
const AWKWARD: [&str; 62] = [
    "a", "a/b", "a/b/c", "a/", "a//", "A", "/a", "//a", "///", "/", "a//b", ".", "..",
    "./a", "../a", "../../../etc/passwd", "a/../b", "a/./b", "a/..", "..//", ".hidden",
    "a b", " a", "a ", "a+b", "a%b", "a%20b", "a%2Fb", "a@b", "a=b", "a&b", "a?b", "a#b",
    "a'b", "a(b)", "a!b", "a*b", "a~b", "a;b", "a,b", "a:b", "a[b]", "a\\b", "a\"b", "a<b>",
    "a|b", "a^b", "a`b", "a{b}", "a$b", "?versionId=x", "a?uploads", "x-amz=1&y", "con",
    "nul.txt", "ümläut", "e\u{301}", "\u{e9}", "日本語/キー", "🦀/👩‍👩‍👧", "\u{feff}bom",
    "\u{200f}rtl",
];

/// [`AWKWARD`] and long keys, sorted.
fn keys() -> Vec<String> {
    let mut keys = AWKWARD.map(str::to_owned).to_vec();
    keys.push("s".repeat(256));
    keys.push(format!("{}/{}", "d".repeat(300), "f".repeat(300)));
    keys.push("m".repeat(1024));
    keys.push("/".repeat(1024));
    keys.push("🦀".repeat(256));
    keys.sort();
    keys
}

/// Keys XML 1.0 cannot hold.
fn control_keys() -> Vec<String> {
    (0_u8..32).chain([127]).map(|code| format!("control/{}x", char::from(code))).collect()
}

#[tokio::test]
async fn every_legal_key_is_an_object_of_its_own() {
    let server = Server::start().await;
    let keys = keys();
    for key in &keys {
        server.put(key, format!("body of {key}")).await;
    }
    for key in &keys {
        assert_eq!(server.get(key).await, format!("body of {key}").as_bytes(), "{key:?}");
        let head = server.client.head_object().bucket(BUCKET).key(key).send().await;
        let length = head.unwrap_or_else(|error| panic!("HEAD {key:?}: {error:?}")).content_length;
        assert_eq!(length, i64::try_from(format!("body of {key}").len()).ok());
    }
    assert_eq!(server.keys().await, keys);

    let server = server.restart().await;
    assert_eq!(server.keys().await, keys, "after a restart");
    for key in &keys {
        assert_eq!(server.get(key).await, format!("body of {key}").as_bytes(), "{key:?}");
        server.client.delete_object().bucket(BUCKET).key(key).send().await.expect("deleted");
    }
    assert!(server.keys().await.is_empty());
}

#[tokio::test]
async fn control_characters_are_kept_and_listed_url_encoded() {
    let server = Server::start().await;
    let keys = control_keys();
    for key in &keys {
        server.put(key, key.as_bytes()).await;
    }
    for key in &keys {
        assert_eq!(server.get(key).await, key.as_bytes(), "{key:?}");
    }
    let list = server.client.list_objects_v2().bucket(BUCKET).encoding_type(EncodingType::Url);
    let listed = list.send().await.expect("a list").contents.unwrap_or_default();
    let listed: Vec<String> = listed.into_iter().filter_map(|object| object.key).collect();
    let expected: Vec<String> = keys
        .iter()
        .map(|key| format!("control/%{:02X}x", key.as_bytes()["control/".len()]))
        .collect();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn awkward_keys_can_be_copied_and_deleted_together() {
    let server = Server::start().await;
    // Control characters are left out: no XML parser reads the answer that names them.
    let keys = keys();
    for key in &keys {
        server.put(key, format!("body of {key}")).await;
        let source = format!("{BUCKET}/{}", super::super::listing::url_encode(key));
        let copy = server.client.copy_object().copy_source(source);
        let copy = copy.bucket(BUCKET).key("the copy").send().await;
        copy.unwrap_or_else(|error| panic!("COPY {key:?}: {error:?}"));
        assert_eq!(server.get("the copy").await, format!("body of {key}").as_bytes());
    }
    let objects =
        keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().expect("a key"));
    let delete = Delete::builder().set_objects(Some(objects.collect())).build().expect("keys");
    let output = server.client.delete_objects().bucket(BUCKET).delete(delete).send().await;
    let output = output.expect("an answer");
    assert_eq!(output.errors(), []);
    assert_eq!(output.deleted().len(), keys.len());
    assert_eq!(server.keys().await, ["the copy"]);
}

#[tokio::test]
async fn keys_are_limited_to_1024_bytes() {
    let server = Server::start().await;
    let put = server.client.put_object().bucket(BUCKET).key("m".repeat(1025));
    let error = put.body(ByteStream::from_static(b"x")).send().await.expect_err("refused");
    assert_eq!(refusal(error), (400, "KeyTooLongError".to_owned()));
}
