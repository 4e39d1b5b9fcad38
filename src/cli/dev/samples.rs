//! Two objects to try the gateway with, stored the way Chainloop stores artifacts.

use std::time::SystemTime;

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use crate::bucket::{Bucket, control};
use crate::content::cid::{Cid, Codec};
use crate::content::digest::Sha256Digest;
use crate::plan::Plan;

const LARGE_BYTES: usize = 20 * 1024 * 1024;

/// The demo's objects.
pub(super) struct Samples {
    /// A few lines of text.
    pub(super) small: Sample,
    /// 20 MiB that do not compress.
    pub(super) large: Sample,
}

/// Some bytes and the name to save them under.
pub(super) struct Sample {
    pub(super) bytes: Bytes,
    filename: &'static str,
    content_type: &'static str,
}

impl Sample {
    /// The bytes' name, `sha256:` and hexadecimal digits.
    pub(super) fn digest(&self) -> String {
        format!("sha256:{}", Sha256Digest::of(&self.bytes))
    }

    /// The bytes' name as a CID.
    pub(super) fn cid(&self) -> Cid {
        Cid::of_block(Codec::Raw, &self.bytes)
    }
}

/// Stores the samples for a tenant, in the plan's only bucket, which is made when missing.
pub(super) async fn store(plan: &Plan, tenant: &str) -> Result<Samples, String> {
    let bucket = plan.buckets.values().next().ok_or("the demo has no bucket")?;
    let samples = Samples {
        small: Sample {
            bytes: Bytes::from_static(b"Hello from casgate.\n"),
            filename: "hello.txt",
            content_type: "text/plain",
        },
        large: Sample {
            bytes: incompressible(LARGE_BYTES),
            filename: "sample.bin",
            content_type: "application/octet-stream",
        },
    };
    let client = control::client(bucket, SystemTime::now);
    if control::probe(bucket, SystemTime::now).await.is_err() {
        let created = client.create_bucket().bucket(&bucket.bucket).send().await;
        created.map_err(|error| DisplayErrorContext(error).to_string())?;
    }
    for sample in [&samples.small, &samples.large] {
        put_once(&client, bucket, tenant, sample).await?;
    }
    Ok(samples)
}

async fn put_once(
    client: &aws_sdk_s3::Client,
    bucket: &Bucket,
    tenant: &str,
    sample: &Sample,
) -> Result<(), String> {
    let key = format!("{tenant}/{}", sample.digest());
    if client.head_object().bucket(&bucket.bucket).key(&key).send().await.is_ok() {
        return Ok(());
    }
    let put = client
        .put_object()
        .bucket(&bucket.bucket)
        .key(key)
        .content_type(sample.content_type)
        .metadata("author", "chainloop.dev")
        .metadata("filename", sample.filename)
        .body(ByteStream::from(sample.bytes.clone()));
    put.send().await.map(|_| ()).map_err(|error| DisplayErrorContext(error).to_string())
}

/// The digests of a counter, one after the other: the same bytes at every start.
fn incompressible(length: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length);
    let mut counter = 0_u64;
    while bytes.len() < length {
        bytes.extend(Sha256Digest::of(&counter.to_le_bytes()).as_bytes());
        counter += 1;
    }
    bytes.truncate(length);
    bytes.into()
}
