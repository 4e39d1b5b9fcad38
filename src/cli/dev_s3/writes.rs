//! Writing, copying and removing objects.

use super::backend::{Backend, parse_key};
use super::conditions::{ReadConditions, WriteConditions};
use super::digest::{Algorithm, Checksums, Digester, Digests, checksums_of};
use super::keys::ObjectKey;
use super::reads::{open_source, refuse_version};
use super::record::{Attributes, Moment, Record};
use super::store::Store;
use super::transfer::{self, Received};
use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result, TrailingHeaders, s3_error};
use std::time::SystemTime;

/// Collects the stored headers from an input that has them as fields.
macro_rules! attributes_of {
    ($input:expr) => {
        $crate::cli::dev_s3::record::Attributes {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take(),
            expires: $input.expires.take(),
            metadata: $input.metadata.take(),
            website_redirect_location: $input.website_redirect_location.take(),
        }
    };
}
pub(super) use attributes_of;

impl Backend {
    pub(super) async fn put(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<PutObjectOutput> {
        let S3Request { mut input, headers, trailing_headers, .. } = request;
        let key = parse_key(&input.key)?;
        let bucket = input.bucket;
        self.require_bucket(&bucket).await?;
        let body = input.body.take();
        let expected = Expected {
            checksums: checksums_of!(input),
            algorithm: input.checksum_algorithm.as_ref().map(Algorithm::parse).transpose()?,
            content_md5: input.content_md5.take(),
            length: input.content_length,
        };
        let received = self.receive(body, expected, &headers, trailing_headers.as_ref()).await?;
        let conditions = WriteConditions {
            if_match: input.if_match.take(),
            if_none_match: input.if_none_match.take(),
        };
        let attributes = attributes_of!(input);
        self.blocking(move |store| {
            let Received { staged, digests, .. } = received;
            let record = new_record(&digests, attributes);
            store.commit(&bucket, &key, staged, &record, &conditions)?;
            let Record { e_tag, checksums, .. } = record;
            Ok(PutObjectOutput {
                e_tag: Some(e_tag),
                checksum_type: checksums.checksum_type(),
                checksum_crc32: checksums.crc32,
                checksum_crc32c: checksums.crc32c,
                checksum_crc64nvme: checksums.crc64nvme,
                checksum_sha1: checksums.sha1,
                checksum_sha256: checksums.sha256,
                ..Default::default()
            })
        })
        .await
    }

    /// Receives a body and compares it with all that the client said about it.
    /// Nothing is in place yet: a body that is refused leaves no trace.
    pub(super) async fn receive(
        &self,
        body: Option<StreamingBlob>,
        mut expected: Expected,
        headers: &HeaderMap,
        trailers: Option<&TrailingHeaders>,
    ) -> S3Result<Received> {
        let announced = headers.get_all("x-amz-trailer");
        let in_trailer = announced.iter().filter_map(Algorithm::from_header_name);
        let algorithms =
            expected.checksums.algorithms().chain(expected.algorithm).chain(in_trailer);
        let digester = Digester::new(algorithms);
        let received = transfer::receive(self.store(), body, digester).await?;
        expected.checksums.add_trailers(trailers);
        expected.checksums.verify(&received.digests.checksums)?;
        received.digests.verify_md5(expected.content_md5.as_deref())?;
        transfer::verify_length(expected.length, received.length)?;
        Ok(received)
    }

    pub(super) async fn copy(&self, mut input: CopyObjectInput) -> S3Result<CopyObjectResult> {
        let (source_bucket, source_key) = source_of(&input.copy_source)?;
        let key = parse_key(&input.key)?;
        let replaces = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        if !replaces && source_bucket == input.bucket && source_key == key {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata"
            ));
        }
        let algorithm = input.checksum_algorithm.as_ref().map(Algorithm::parse).transpose()?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match.take(),
            if_none_match: input.copy_source_if_none_match.take(),
            if_modified_since: input.copy_source_if_modified_since.take(),
            if_unmodified_since: input.copy_source_if_unmodified_since.take(),
        };
        let replacement = replaces.then(|| attributes_of!(input));
        self.blocking(move |store| {
            let mut stored = open_source(store, &source_bucket, &source_key, &conditions)?;
            let mut staged = store.stage().map_err(S3Error::internal_error)?;
            let mut digester = Digester::new(stored.record.checksums.algorithms().chain(algorithm));
            transfer::copy(&mut stored.file, stored.length, &mut staged, &mut digester)?;
            let attributes = replacement.unwrap_or(stored.record.attributes);
            let record = new_record(&digester.finish(), attributes);
            store.commit(&input.bucket, &key, staged, &record, &WriteConditions::default())?;
            let Record { e_tag, checksums, last_modified, .. } = record;
            Ok(CopyObjectResult {
                e_tag: Some(e_tag),
                last_modified: Some(last_modified.timestamp()),
                checksum_type: checksums.checksum_type(),
                checksum_crc32: checksums.crc32,
                checksum_crc32c: checksums.crc32c,
                checksum_crc64nvme: checksums.crc64nvme,
                checksum_sha1: checksums.sha1,
                checksum_sha256: checksums.sha256,
            })
        })
        .await
    }

    pub(super) async fn delete(&self, input: DeleteObjectInput) -> S3Result<()> {
        let key = parse_key(&input.key)?;
        refuse_version(input.version_id.as_deref())?;
        let conditions = WriteConditions { if_match: input.if_match, if_none_match: None };
        self.blocking(move |store| store.delete(&input.bucket, &key, &conditions)).await
    }

    pub(super) async fn delete_many(
        &self,
        input: DeleteObjectsInput,
    ) -> S3Result<DeleteObjectsOutput> {
        self.require_bucket(&input.bucket).await?;
        let quiet = input.delete.quiet.unwrap_or(false);
        self.blocking(move |store| {
            let mut output = DeleteObjectsOutput::default();
            for object in input.delete.objects {
                let name = object.key.clone();
                match delete_one(store, &input.bucket, object) {
                    Ok(()) if quiet => {}
                    Ok(()) => output
                        .deleted
                        .get_or_insert_default()
                        .push(DeletedObject { key: Some(name), ..Default::default() }),
                    Err(error) => output.errors.get_or_insert_default().push(s3s::dto::Error {
                        code: Some(error.code().as_str().to_owned()),
                        key: Some(name),
                        message: error.message().map(str::to_owned),
                        version_id: None,
                    }),
                }
            }
            Ok(output)
        })
        .await
    }
}

/// What a client says about the body it sends.
pub(super) struct Expected {
    pub(super) checksums: Checksums,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) content_md5: Option<String>,
    pub(super) length: Option<i64>,
}

/// The record of an object written now, in one piece.
pub(super) fn new_record(digests: &Digests, attributes: Attributes) -> Record {
    Record {
        e_tag: digests.e_tag(),
        last_modified: Moment::new(SystemTime::now()),
        attributes,
        checksums: digests.checksums.clone(),
    }
}

/// The bucket and key of a copy's source; 501 for what this server does not have.
pub(super) fn source_of(source: &CopySource) -> S3Result<(String, ObjectKey)> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            refuse_version(version_id.as_deref())?;
            Ok((bucket.to_string(), parse_key(key)?))
        }
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(s3_error!(NotImplemented))
        }
    }
}

fn delete_one(store: &Store, bucket: &str, object: ObjectIdentifier) -> S3Result<()> {
    refuse_version(object.version_id.as_deref())?;
    let if_match = object.e_tag.map(ETagCondition::ETag);
    let conditions = WriteConditions { if_match, if_none_match: None };
    store.delete(bucket, &parse_key(&object.key)?, &conditions)
}
