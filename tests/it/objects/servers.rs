//! What real servers do.

use aws_sdk_s3::primitives::ByteStream;
use casgate::bucket::objects::Objects as _;
use casgate::error::Kind;

use super::{Subject, assembly, bytes, documents, lists, own};
use crate::s3s_fs;
use crate::support::embedded::Embedded;
use crate::support::gateway::STREAM;
use crate::support::radosgw::Radosgw;

/// A test for each promise, with the S3 server of `casgate dev` to itself.
macro_rules! promises {
    ($($promise:path as $name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let server = Embedded::start().await;
                let subject = Subject::of(&own(&server.endpoint), STREAM).await;
                $promise(&subject.tried_out().await).await;
            }
        )*

        /// One after the other, as there is one server for all.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn ceph_keeps_every_promise() {
            let server = tokio::task::block_in_place(Radosgw::start);
            let endpoint = format!("http://{}", server.address);
            let (access_key, secret_key) = (&server.access_key, &server.secret_key);
            let bucket = "books";
            let of = super::Server { endpoint: &endpoint, bucket, access_key, secret_key };
            let subject = Subject::of(&of, STREAM).await;
            subject.client.create_bucket().bucket(bucket).send().await.unwrap();
            let subject = subject.tried_out().await;
            $(
                println!("{}", stringify!($name));
                Box::pin($promise(&subject)).await;
                empty(&subject).await;
            )*
        }
    };
}

promises! {
    what_was_put_is_read as put_and_read
    documents::one_follows_another as documents_follow_one_another
    documents::the_longest_fits as the_longest_document_fits
    documents::one_writer_wins as one_writer_wins
    lists::all_are_listed_once as all_are_listed_once
    lists::odd_names_are_listed as odd_names_are_listed
    assembly::pieces_and_rest as assembly_of_pieces_and_rest
    assembly::a_missing_piece_leaves_nothing as a_missing_piece_leaves_nothing
}

/// What it has, it has right; it is no place for documents.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3s_fs_does_what_it_knows() {
    let server = s3s_fs::Server::start().await;
    let subject = Subject::of(&own(&server.endpoint), STREAM).await;
    what_was_put_is_read(&subject).await;
    empty(&subject).await;
    lists::all_are_listed_once(&subject).await;
}

async fn empty(subject: &Subject) {
    for key in lists::all(subject, "").await {
        let delete = subject.client.delete_object().bucket(&subject.bucket.bucket);
        delete.key(key).send().await.unwrap();
    }
}

async fn what_was_put_is_read(subject: &Subject) {
    let (objects, key) = (&subject.objects, subject.key(1));
    let body = bytes(300_000, 1);
    assert_eq!(subject.read(1, (0, 9)).await, Ok(None));
    objects.delete(&key).await.unwrap();
    objects.put(&key, &body).await.unwrap();
    for (first, last) in [(0, 299_999), (0, 0), (299_999, 299_999), (70_000, 200_000)] {
        let read = subject.read(1, (first, last)).await.unwrap().unwrap();
        assert!(read == body[first as usize..=last as usize], "{first}-{last}");
    }
    for range in [(0, 300_000), (299_999, 300_000), (300_000, 300_001)] {
        assert_eq!(subject.read(1, range).await, Err(Kind::StorageFailed), "{range:?}");
    }
    objects.put(&key, b"shorter").await.unwrap();
    assert_eq!(subject.read(1, (0, 6)).await, Ok(Some(b"shorter".to_vec())));
    let put = subject.client.put_object().bucket(&subject.bucket.bucket);
    let put = put.key(key.key().as_str()).body(ByteStream::from_static(b"another's"));
    put.send().await.unwrap();
    assert_eq!(subject.read(1, (0, 8)).await, Ok(Some(b"another's".to_vec())));
    objects.delete(&key).await.unwrap();
    assert_eq!(subject.read(1, (0, 8)).await, Ok(None));
    objects.delete(&key).await.unwrap();
}
