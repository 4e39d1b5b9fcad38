//! The operations of a multipart upload.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use super::backend::{Backend, parse_key};
use super::conditions::{ReadConditions, WriteConditions};
use super::digest::{Algorithm, Checksums, Digester, checksums_of, composite, multipart_e_tag};
use super::reads::open_source;
use super::record::{Attributes, Moment, Record};
use super::store::{Staged, Store};
use super::transfer::{self, Received};
use super::uploads::{Description, PartNumber, Upload};
use super::writes::{Expected, attributes_of, new_record, source_of};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result, s3_error};
use std::io::{Seek, SeekFrom};
use std::time::SystemTime;

/// Bytes every part but the last must have.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const SMALLEST_PART: u64 = 5 * 1024 * 1024;

impl Backend {
    pub(super) async fn create_upload(
        &self,
        mut input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let key = parse_key(&input.key)?;
        let algorithm = input.checksum_algorithm.as_ref().map(Algorithm::parse).transpose()?;
        let full_object = match input.checksum_type.as_ref().map(ChecksumType::as_str) {
            Some(asked) => asked == ChecksumType::FULL_OBJECT,
            // S3 has no checksum of checksums for this algorithm.
            None => algorithm == Some(Algorithm::Crc64Nvme),
        };
        let description = Description {
            key: key.as_str().to_owned(),
            initiated: Moment::new(SystemTime::now()),
            attributes: attributes_of!(input),
            algorithm,
            full_object,
        };
        let bucket = input.bucket.clone();
        let id = self.blocking(move |store| Upload::create(store, &bucket, &description)).await?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_type: algorithm.map(|_| checksum_type(full_object)),
            checksum_algorithm: input.checksum_algorithm,
            ..Default::default()
        })
    }

    pub(super) async fn put_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let S3Request { mut input, headers, trailing_headers, .. } = request;
        let key = parse_key(&input.key)?;
        let number = PartNumber::parse(input.part_number)?;
        let body = input.body.take();
        let (bucket, id) = (input.bucket.clone(), input.upload_id.clone());
        let upload = self.blocking(move |store| Upload::find(store, &bucket, &key, &id)).await?;
        let announced = input.checksum_algorithm.as_ref().map(Algorithm::parse).transpose()?;
        let expected = Expected {
            checksums: checksums_of!(input),
            algorithm: announced.or(upload.description.algorithm),
            content_md5: input.content_md5.take(),
            length: input.content_length,
        };
        let received = self.receive(body, expected, &headers, trailing_headers.as_ref()).await?;
        self.blocking(move |_| {
            let Received { staged, digests, .. } = received;
            let record = new_record(&digests, Attributes::default());
            upload.put_part(number, staged, &record)?;
            let Record { e_tag, checksums, .. } = record;
            Ok(UploadPartOutput {
                e_tag: Some(e_tag),
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

    pub(super) async fn copy_part(
        &self,
        mut input: UploadPartCopyInput,
    ) -> S3Result<CopyPartResult> {
        let key = parse_key(&input.key)?;
        let number = PartNumber::parse(input.part_number)?;
        let (source_bucket, source_key) = source_of(&input.copy_source)?;
        let range = input.copy_source_range.as_deref().map(Range::parse).transpose();
        let range =
            range.map_err(|_| s3_error!(InvalidArgument, "The copy source range is malformed"))?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match.take(),
            if_none_match: input.copy_source_if_none_match.take(),
            if_modified_since: input.copy_source_if_modified_since.take(),
            if_unmodified_since: input.copy_source_if_unmodified_since.take(),
        };
        self.blocking(move |store| {
            let upload = Upload::find(store, &input.bucket, &key, &input.upload_id)?;
            let mut stored = open_source(store, &source_bucket, &source_key, &conditions)?;
            let range = match range {
                Some(range) => copied_range(&range, stored.length)?,
                None => 0..stored.length,
            };
            stored.file.seek(SeekFrom::Start(range.start)).map_err(S3Error::internal_error)?;
            let mut staged = store.stage().map_err(S3Error::internal_error)?;
            let mut digester = Digester::new(upload.description.algorithm);
            transfer::copy(&mut stored.file, range.end - range.start, &mut staged, &mut digester)?;
            let record = new_record(&digester.finish(), Attributes::default());
            upload.put_part(number, staged, &record)?;
            Ok(CopyPartResult {
                e_tag: Some(record.e_tag),
                last_modified: Some(record.last_modified.timestamp()),
                checksum_crc32: record.checksums.crc32,
                checksum_crc32c: record.checksums.crc32c,
                checksum_crc64nvme: record.checksums.crc64nvme,
                checksum_sha1: record.checksums.sha1,
                checksum_sha256: record.checksums.sha256,
            })
        })
        .await
    }

    pub(super) async fn complete_upload(
        &self,
        mut input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let key = parse_key(&input.key)?;
        let conditions = WriteConditions {
            if_match: input.if_match.take(),
            if_none_match: input.if_none_match.take(),
        };
        self.blocking(move |store| {
            let upload = Upload::find(store, &input.bucket, &key, &input.upload_id)?;
            let parts =
                input.multipart_upload.take().and_then(|listed| listed.parts).unwrap_or_default();
            let (staged, record) = assemble(store, &upload, parts)?;
            // A client's checksum of checksums may come with or without the hyphen.
            if upload.description.full_object {
                checksums_of!(input).verify(&record.checksums)?;
            }
            store.commit(&input.bucket, &key, staged, &record, &conditions)?;
            upload.remove()?;
            Ok(CompleteMultipartUploadOutput {
                bucket: Some(input.bucket),
                key: Some(input.key),
                e_tag: Some(record.e_tag),
                checksum_type: record.checksums.checksum_type(),
                checksum_crc32: record.checksums.crc32,
                checksum_crc32c: record.checksums.crc32c,
                checksum_crc64nvme: record.checksums.crc64nvme,
                checksum_sha1: record.checksums.sha1,
                checksum_sha256: record.checksums.sha256,
                ..Default::default()
            })
        })
        .await
    }

    pub(super) async fn abort_upload(&self, input: AbortMultipartUploadInput) -> S3Result<()> {
        let key = parse_key(&input.key)?;
        self.blocking(move |store| {
            Upload::find(store, &input.bucket, &key, &input.upload_id)?.remove()
        })
        .await
    }
}

/// The bytes that a copy takes of an object so long. Unlike a read, it takes no fewer than were asked
/// for: S3 answers 400 `InvalidArgument`.
fn copied_range(range: &Range, length: u64) -> S3Result<std::ops::Range<u64>> {
    match *range {
        Range::Int { first, last: Some(last) } if first <= last && last < length => {
            Ok(first..last + 1)
        }
        Range::Int { .. } | Range::Suffix { .. } => Err(s3_error!(
            InvalidArgument,
            "Range specified is not valid for source object of size: {length}"
        )),
    }
}

/// Checks the parts a client lists against those there are, and joins them.
fn assemble(
    store: &Store,
    upload: &Upload,
    listed: Vec<CompletedPart>,
) -> S3Result<(Staged, Record)> {
    if listed.is_empty() {
        return Err(s3_error!(MalformedXML, "You must specify at least one part"));
    }
    let mut parts = Vec::with_capacity(listed.len());
    let mut previous = None;
    for part in listed {
        let number = PartNumber::parse(part.part_number.ok_or_else(|| s3_error!(MalformedXML))?)?;
        if previous >= Some(number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        previous = Some(number);
        let stored = upload.open_part(number)?.ok_or_else(|| s3_error!(InvalidPart))?;
        let same = part.e_tag.as_ref().is_none_or(|e_tag| *e_tag == stored.record.e_tag);
        if !same || checksums_of!(part).verify(&stored.record.checksums).is_err() {
            return Err(s3_error!(InvalidPart));
        }
        parts.push(stored);
    }
    if parts.iter().rev().skip(1).any(|part| part.length < SMALLEST_PART) {
        return Err(s3_error!(EntityTooSmall));
    }
    let Description { algorithm, full_object, ref attributes, .. } = upload.description;
    let mut staged = store.stage().map_err(S3Error::internal_error)?;
    let mut digester = Digester::new(algorithm.filter(|_| full_object));
    for part in &mut parts {
        transfer::copy(&mut part.file, part.length, &mut staged, &mut digester)?;
    }
    let (e_tags, of_parts): (Vec<ETag>, Vec<Checksums>) =
        parts.into_iter().map(|part| (part.record.e_tag, part.record.checksums)).unzip();
    let mut checksums = digester.finish().checksums;
    if let Some(algorithm) = algorithm.filter(|_| !full_object)
        && let Some(value) = composite(algorithm, &of_parts)?
    {
        checksums.set(algorithm, value);
    }
    let record = Record {
        e_tag: multipart_e_tag(&e_tags)?,
        last_modified: Moment::new(SystemTime::now()),
        attributes: attributes.clone(),
        checksums,
    };
    Ok((staged, record))
}

/// As the S3 types have it.
pub(super) fn checksum_type(full_object: bool) -> ChecksumType {
    ChecksumType::from_static(if full_object {
        ChecksumType::FULL_OBJECT
    } else {
        ChecksumType::COMPOSITE
    })
}
