//! Reading objects.

use super::backend::{Backend, parse_key};
use super::conditions::{ReadConditions, ReadOutcome, Validators};
use super::digest::Checksums;
use super::keys::ObjectKey;
use super::record::{Record, Stored};
use super::store::Store;
use super::transfer;
use http::{HeaderMap, HeaderValue, header};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use std::io::{Seek, SeekFrom};
use std::ops;

/// Content type of objects stored without one, as S3 reports it.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// An object that passed its conditions, and the part of it to send.
struct Selected {
    stored: Stored,
    range: Option<ops::Range<u64>>,
}

impl Selected {
    fn length(&self) -> u64 {
        self.range.as_ref().map_or(self.stored.length, |range| range.end - range.start)
    }
}

impl Backend {
    pub(super) async fn head(&self, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        // Both inputs ask for the same; the router handles their differences.
        let (_, output) = self
            .open(
                GetObjectInput {
                    bucket: input.bucket,
                    key: input.key,
                    checksum_mode: input.checksum_mode,
                    if_match: input.if_match,
                    if_modified_since: input.if_modified_since,
                    if_none_match: input.if_none_match,
                    if_unmodified_since: input.if_unmodified_since,
                    part_number: input.part_number,
                    range: input.range,
                    response_cache_control: input.response_cache_control,
                    response_content_disposition: input.response_content_disposition,
                    response_content_encoding: input.response_content_encoding,
                    response_content_language: input.response_content_language,
                    response_content_type: input.response_content_type,
                    response_expires: input.response_expires,
                    version_id: input.version_id,
                    ..Default::default()
                },
                |_| Ok(()),
            )
            .await?;
        Ok(output)
    }

    pub(super) async fn get(&self, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        let (body, head) = self
            .open(input, |selected| {
                let length = selected.length();
                let Selected { mut stored, range } = selected;
                if let Some(range) = range {
                    stored
                        .file
                        .seek(SeekFrom::Start(range.start))
                        .map_err(S3Error::internal_error)?;
                }
                transfer::send(stored.file, length)
            })
            .await?;
        Ok(GetObjectOutput {
            body: Some(body),
            accept_ranges: head.accept_ranges,
            cache_control: head.cache_control,
            checksum_crc32: head.checksum_crc32,
            checksum_crc32c: head.checksum_crc32c,
            checksum_crc64nvme: head.checksum_crc64nvme,
            checksum_sha1: head.checksum_sha1,
            checksum_sha256: head.checksum_sha256,
            checksum_type: head.checksum_type,
            content_disposition: head.content_disposition,
            content_encoding: head.content_encoding,
            content_language: head.content_language,
            content_length: head.content_length,
            content_range: head.content_range,
            content_type: head.content_type,
            e_tag: head.e_tag,
            expires: head.expires,
            last_modified: head.last_modified,
            metadata: head.metadata,
            website_redirect_location: head.website_redirect_location,
            ..Default::default()
        })
    }

    /// Opens, judges and describes an object, and takes its bytes, without
    /// leaving the thread that may block.
    async fn open<T: Send + 'static>(
        &self,
        input: GetObjectInput,
        take: impl FnOnce(Selected) -> S3Result<T> + Send + 'static,
    ) -> S3Result<(T, HeadObjectOutput)> {
        if input.part_number.is_some() {
            return Err(s3_error!(NotImplemented, "partNumber is not offered here"));
        }
        let key = parse_key(&input.key)?;
        refuse_version(input.version_id.as_deref())?;
        self.blocking(move |store| {
            let stored = store.read(&input.bucket, &key)?;
            let conditions = ReadConditions {
                if_match: input.if_match.clone(),
                if_none_match: input.if_none_match.clone(),
                if_modified_since: input.if_modified_since.clone(),
                if_unmodified_since: input.if_unmodified_since.clone(),
            };
            judge(&conditions, &stored.record)?;
            let range = input.range.map(|range| range.check(stored.length)).transpose()?;
            let selected = Selected { stored, range };
            let output = describe(&selected, input)?;
            Ok((take(selected)?, output))
        })
        .await
    }
}

/// Opens a copy's source. Where a GET would answer 304 a copy answers 412.
pub(super) fn open_source(
    store: &Store,
    bucket: &str,
    key: &ObjectKey,
    conditions: &ReadConditions,
) -> S3Result<Stored> {
    let stored = store.read(bucket, key)?;
    judge(conditions, &stored.record).map_err(|_| s3_error!(PreconditionFailed))?;
    Ok(stored)
}

/// Without versioning every object has the version `null`.
pub(super) fn refuse_version(version: Option<&str>) -> S3Result<()> {
    match version {
        None | Some("null") => Ok(()),
        Some(_) => Err(s3_error!(NoSuchVersion)),
    }
}

fn judge(conditions: &ReadConditions, record: &Record) -> S3Result<()> {
    let last_modified = record.last_modified.timestamp_in_seconds();
    let validators = Validators { e_tag: &record.e_tag, last_modified: &last_modified };
    match conditions.judge(validators) {
        ReadOutcome::Proceed => Ok(()),
        ReadOutcome::PreconditionFailed => Err(s3_error!(
            PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold"
        )),
        ReadOutcome::NotModified => Err(not_modified(validators)),
    }
}

/// A 304 with the validators RFC 9110 section 15.4.5 requires.
fn not_modified(current: Validators<'_>) -> S3Error {
    let mut headers = HeaderMap::new();
    if let Ok(e_tag) = current.e_tag.to_http_header() {
        headers.insert(header::ETAG, e_tag);
    }
    let mut date = Vec::new();
    if current.last_modified.format(TimestampFormat::HttpDate, &mut date).is_ok()
        && let Ok(date) = HeaderValue::from_bytes(&date)
    {
        headers.insert(header::LAST_MODIFIED, date);
    }
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_headers(headers);
    error
}

fn describe(selected: &Selected, input: GetObjectInput) -> S3Result<HeadObjectOutput> {
    let Record { e_tag, last_modified, attributes, checksums } = selected.stored.record.clone();
    let asked = input.checksum_mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    // A checksum describes the whole object, so it would mislead about a part.
    let checksums =
        if asked && selected.range.is_none() { checksums } else { Checksums::default() };
    let length = selected.stored.length;
    let content_type = attributes.content_type.unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned());
    Ok(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: input.response_cache_control.or(attributes.cache_control),
        content_disposition: input.response_content_disposition.or(attributes.content_disposition),
        content_encoding: input.response_content_encoding.or(attributes.content_encoding),
        content_language: input.response_content_language.or(attributes.content_language),
        content_type: Some(input.response_content_type.unwrap_or(content_type)),
        expires: input.response_expires.or(attributes.expires),
        content_length: Some(i64::try_from(selected.length()).map_err(S3Error::internal_error)?),
        content_range: selected
            .range
            .as_ref()
            .map(|range| format!("bytes {}-{}/{length}", range.start, range.end - 1)),
        e_tag: Some(e_tag),
        last_modified: Some(last_modified.timestamp_in_seconds()),
        metadata: attributes.metadata,
        website_redirect_location: attributes.website_redirect_location,
        checksum_type: checksums.checksum_type(),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        ..Default::default()
    })
}
