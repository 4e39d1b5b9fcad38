use super::*;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};

const FIVE_MIB: usize = 5 * 1024 * 1024;

async fn begin(server: &Server, key: &str) -> String {
    let create = server.client.create_multipart_upload().bucket(BUCKET).key(key);
    let create = create.content_type("text/x-parts").metadata("colour", "blue");
    create.send().await.expect("an upload").upload_id.expect("an id")
}

async fn upload(server: &Server, key: &str, id: &str, number: i32, body: Vec<u8>) -> CompletedPart {
    let part =
        server.client.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(number);
    let part = part.body(ByteStream::from(body)).send().await.expect("a part");
    CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build()
}

fn completing(
    server: &Server,
    key: &str,
    id: &str,
    parts: Vec<CompletedPart>,
) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder
{
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    server
        .client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .upload_id(id)
        .multipart_upload(parts)
}

async fn uploads(server: &Server) -> Vec<(String, String)> {
    let list = server.client.list_multipart_uploads().bucket(BUCKET).send().await.expect("a list");
    let uploads = list.uploads.unwrap_or_default().into_iter();
    uploads.map(|upload| (upload.key.expect("a key"), upload.upload_id.expect("an id"))).collect()
}

#[tokio::test]
async fn parts_become_an_object_in_the_order_of_their_numbers() {
    let server = Server::start().await;
    let key = "dir/parts +?/";
    let id = begin(&server, key).await;
    let last = upload(&server, key, &id, 9, b"the end".to_vec()).await;
    upload(&server, key, &id, 2, b"replaced".to_vec()).await;
    let first = upload(&server, key, &id, 2, vec![7; FIVE_MIB]).await;

    // Uploads outlive the server.
    let server = server.restart().await;
    assert!(server.keys().await.is_empty());
    let done = completing(&server, key, &id, vec![first, last]).send().await.expect("completed");
    assert!(done.e_tag().is_some_and(|e_tag| e_tag.ends_with("-2\"")), "{done:?}");

    let mut expected = vec![7; FIVE_MIB];
    expected.extend_from_slice(b"the end");
    assert!(server.get(key).await == expected);
    let head = server.client.head_object().bucket(BUCKET).key(key).send().await;
    let head = head.expect("an object");
    assert_eq!(head.e_tag(), done.e_tag());
    assert_eq!(head.content_type(), Some("text/x-parts"));
    let colour = head.metadata().and_then(|metadata| metadata.get("colour"));
    assert_eq!(colour.map(String::as_str), Some("blue"));
    assert!(uploads(&server).await.is_empty());
    assert_eq!(server.files(), 1);
}

#[tokio::test]
async fn the_parts_of_an_upload_are_listed_by_number() {
    let server = Server::start().await;
    let id = begin(&server, "key").await;
    let last = upload(&server, "key", &id, 9, b"the end".to_vec()).await;
    upload(&server, "key", &id, 2, b"replaced".to_vec()).await;
    let first = upload(&server, "key", &id, 2, b"first".to_vec()).await;
    let list = || server.client.list_parts().bucket(BUCKET).key("key").upload_id(&id);

    let listed = list().send().await.expect("a list");
    let parts = listed.parts().iter();
    let parts: Vec<_> = parts.map(|part| (part.part_number(), part.size(), part.e_tag())).collect();
    assert_eq!(parts, [(Some(2), Some(5), first.e_tag()), (Some(9), Some(7), last.e_tag())]);

    let page = list().max_parts(1).send().await.expect("a page");
    assert_eq!((page.is_truncated(), page.parts().len()), (Some(true), 1));
    let marker = page.next_part_number_marker().expect("a marker");
    let page = list().part_number_marker(marker).send().await.expect("a page");
    assert_eq!((page.is_truncated(), page.parts().len()), (Some(false), 1));
    assert_eq!(page.parts()[0].part_number(), Some(9));
}

#[tokio::test]
async fn uploads_are_listed_until_they_end() {
    let server = Server::start().await;
    let mut expected = Vec::new();
    for key in ["a", "a", "dir/b", "dir/c", "z"] {
        expected.push((key.to_owned(), begin(&server, key).await));
    }
    assert_eq!(uploads(&server).await, expected);

    let list = || server.client.list_multipart_uploads().bucket(BUCKET);
    let rolled = list().delimiter("/").send().await.expect("a list");
    assert_eq!(rolled.common_prefixes()[0].prefix(), Some("dir/"));
    assert_eq!(rolled.uploads().len(), 3);
    assert_eq!(list().prefix("dir/").send().await.expect("a list").uploads().len(), 2);

    let (mut joined, mut key_marker, mut id_marker) = (Vec::new(), None, None);
    loop {
        let page = list().max_uploads(1).set_key_marker(key_marker).set_upload_id_marker(id_marker);
        let page = page.send().await.expect("a page");
        joined.extend(
            page.uploads().iter().filter_map(|upload| upload.upload_id().map(str::to_owned)),
        );
        (key_marker, id_marker) =
            (page.next_key_marker.clone(), page.next_upload_id_marker.clone());
        if page.is_truncated != Some(true) {
            break;
        }
    }
    assert!(joined.iter().eq(expected.iter().map(|(_, id)| id)));

    let (key, id) = expected.remove(1);
    let abort = || server.client.abort_multipart_upload().bucket(BUCKET).key(&key).upload_id(&id);
    abort().send().await.expect("aborted");
    assert_eq!(uploads(&server).await, expected);
    assert_eq!(refusal(abort().send().await.expect_err("gone")), (404, "NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn a_completion_that_cannot_be_is_refused_and_can_be_repeated() {
    let server = Server::start().await;
    let id = begin(&server, "key").await;
    let one = upload(&server, "key", &id, 1, vec![1; FIVE_MIB]).await;
    let two = upload(&server, "key", &id, 2, vec![2; 10]).await;
    let three = upload(&server, "key", &id, 3, vec![3; 10]).await;
    let forged = CompletedPart::builder().part_number(2).set_e_tag(one.e_tag.clone()).build();
    let missing = CompletedPart::builder().part_number(4).set_e_tag(two.e_tag.clone()).build();
    let cases = [
        (vec![two.clone(), one.clone()], "InvalidPartOrder"),
        (vec![one.clone(), one.clone()], "InvalidPartOrder"),
        (vec![one.clone(), forged], "InvalidPart"),
        (vec![one.clone(), missing], "InvalidPart"),
        (vec![one.clone(), two.clone(), three], "EntityTooSmall"),
    ];
    for (parts, code) in cases {
        let error = completing(&server, "key", &id, parts).send().await.expect_err("refused");
        assert_eq!(refusal(error), (400, code.to_owned()));
    }
    for (key, id) in [("other", id.as_str()), ("key", "0123"), ("key", "../key")] {
        let error =
            completing(&server, key, id, vec![one.clone()]).send().await.expect_err("refused");
        assert_eq!(refusal(error), (404, "NoSuchUpload".to_owned()), "{key} {id}");
    }
    server.put("key", "in the way").await;
    let conditional =
        completing(&server, "key", &id, vec![one.clone(), two.clone()]).if_none_match("*");
    assert_eq!(refusal(conditional.send().await.expect_err("refused")).0, 412);
    assert_eq!(server.get("key").await, b"in the way");
    completing(&server, "key", &id, vec![one, two]).send().await.expect("completed");
    assert_eq!(server.get("key").await.len(), FIVE_MIB + 10);
}

#[tokio::test]
async fn part_numbers_have_limits() {
    let server = Server::start().await;
    let id = begin(&server, "key").await;
    for number in [0, -1, 10_001] {
        let part = server.client.upload_part().bucket(BUCKET).key("key").upload_id(&id);
        let part = part.part_number(number).body(ByteStream::from_static(b"x")).send().await;
        assert_eq!(refusal(part.expect_err("refused")), (400, "InvalidArgument".to_owned()));
    }
    upload(&server, "key", &id, 10_000, b"x".to_vec()).await;
}

#[tokio::test]
async fn a_part_can_be_copied_from_an_object() {
    let server = Server::start().await;
    server.put("source", "0123456789").await;
    let id = begin(&server, "key").await;
    let copy =
        server.client.upload_part_copy().bucket(BUCKET).key("key").upload_id(&id).part_number(1);
    let copied =
        copy.copy_source(format!("{BUCKET}/source")).copy_source_range("bytes=2-5").send().await;
    let e_tag = copied.expect("copied").copy_part_result.and_then(|result| result.e_tag);
    let part = CompletedPart::builder().part_number(1).set_e_tag(e_tag).build();
    completing(&server, "key", &id, vec![part]).send().await.expect("completed");
    assert_eq!(server.get("key").await, b"2345");
    let id = begin(&server, "key").await;
    for range in ["bytes=2-10", "bytes=10-11", "bytes=4-", "bytes=-4"] {
        let copy = server.client.upload_part_copy().bucket(BUCKET).key("key").upload_id(&id);
        let copy = copy.part_number(1).copy_source(format!("{BUCKET}/source"));
        let copied = copy.copy_source_range(range).send().await;
        let expected = (400, "InvalidArgument".to_owned());
        assert_eq!(refusal(copied.expect_err("refused")), expected, "{range}");
    }
}

#[tokio::test]
async fn checksums_cover_the_parts_or_the_object_as_asked() {
    let server = Server::start().await;
    for (kind, algorithm) in [
        (ChecksumType::Composite, ChecksumAlgorithm::Sha256),
        (ChecksumType::Composite, ChecksumAlgorithm::Crc32),
        (ChecksumType::FullObject, ChecksumAlgorithm::Crc32),
        (ChecksumType::FullObject, ChecksumAlgorithm::Crc64Nvme),
    ] {
        let create = server.client.create_multipart_upload().bucket(BUCKET).key("key");
        let create = create.checksum_algorithm(algorithm.clone()).checksum_type(kind.clone());
        let id = create.send().await.expect("an upload").upload_id.expect("an id");
        let part =
            server.client.upload_part().bucket(BUCKET).key("key").upload_id(&id).part_number(1);
        let part = part.checksum_algorithm(algorithm).body(ByteStream::from_static(b"body"));
        let part = part.send().await.expect("a part");
        let part = CompletedPart::builder()
            .part_number(1)
            .set_e_tag(part.e_tag)
            .set_checksum_crc32(part.checksum_crc32)
            .set_checksum_crc64_nvme(part.checksum_crc64_nvme)
            .set_checksum_sha256(part.checksum_sha256)
            .build();
        let done = completing(&server, "key", &id, vec![part]).send().await.expect("completed");
        assert_eq!(done.checksum_type(), Some(&kind));
        let get = server
            .client
            .get_object()
            .bucket(BUCKET)
            .key("key")
            .checksum_mode(ChecksumMode::Enabled);
        let got = get.send().await.expect("an object");
        assert_eq!(got.checksum_type(), Some(&kind));
        for value in [got.checksum_crc32(), got.checksum_sha256(), got.checksum_crc64_nvme()]
            .into_iter()
            .flatten()
        {
            assert_eq!(value.ends_with("-1"), kind == ChecksumType::Composite, "{value}");
        }
        // The SDK compares a full checksum with the body while it reads.
        assert_eq!(got.body.collect().await.expect("a body").to_vec(), b"body");
    }
}
