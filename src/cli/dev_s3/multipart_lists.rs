//! The listings of multipart uploads and of their parts.

use super::backend::{Backend, parse_key};
use super::digest::Algorithm;
use super::listing::{self, Entry, Query};
use super::lists::Encoding;
use super::multipart::checksum_type;
use super::record::Record;
use super::uploads::{Description, PartNumber, Upload};
use s3s::dto::*;
use s3s::{S3Error, S3Result, s3_error};

impl Backend {
    pub(super) async fn parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let key = parse_key(&input.key)?;
        let limit =
            listing::page_size(input.max_parts).ok_or_else(|| s3_error!(InvalidArgument))?;
        self.blocking(move |store| {
            let upload = Upload::find(store, &input.bucket, &key, &input.upload_id)?;
            let after = input.part_number_marker.unwrap_or(0);
            let mut numbers = upload.part_numbers()?;
            numbers.retain(|number| number.get() > after);
            let more = numbers.len() > limit;
            numbers.truncate(limit);
            let mut parts = Vec::with_capacity(numbers.len());
            for &number in &numbers {
                // A part may be replaced or the upload ended while it is listed.
                let Some(stored) = upload.open_part(number)? else {
                    continue;
                };
                parts.push(part(number, stored.length, stored.record)?);
            }
            let description = upload.description;
            Ok(ListPartsOutput {
                bucket: Some(input.bucket),
                key: Some(input.key),
                upload_id: Some(input.upload_id),
                parts: Some(parts),
                is_truncated: Some(more && limit > 0),
                max_parts: i32::try_from(limit).ok(),
                part_number_marker: Some(after),
                next_part_number_marker: numbers.last().map(|number| number.get()),
                checksum_algorithm: description.algorithm.map(Algorithm::to_dto),
                checksum_type: description
                    .algorithm
                    .map(|_| checksum_type(description.full_object)),
                ..Default::default()
            })
        })
        .await
    }

    pub(super) async fn uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let limit =
            listing::page_size(input.max_uploads).ok_or_else(|| s3_error!(InvalidArgument))?;
        let bucket = input.bucket.clone();
        let mut uploads = self.blocking(move |store| Upload::list(store, &bucket)).await?;
        let mut after = input.key_marker.as_deref().filter(|marker| !marker.is_empty());
        if let (Some(key), Some(id)) =
            (after, input.upload_id_marker.as_deref().filter(|id| !id.is_empty()))
        {
            // A key may have several uploads, of which a page may have shown some.
            uploads.retain(|upload| (upload.1.key.as_str(), upload.0.as_str()) > (key, id));
            after = None;
        }
        let query = Query {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
            after,
            limit,
        };
        let page = listing::page(uploads, |(_, description)| description.key.as_str(), query);
        let encoding = Encoding::parse(input.encoding_type.as_ref())?;
        let next_upload_id_marker = match (&page.next, page.entries.last()) {
            (Some(_), Some(Entry::Item((id, _)))) => Some(id.clone()),
            _ => None,
        };
        let mut shown = Vec::new();
        let mut common_prefixes = Vec::new();
        for entry in page.entries {
            match entry {
                Entry::Item((id, description)) => shown.push(upload(id, description, encoding)),
                Entry::CommonPrefix(prefix) => {
                    common_prefixes.push(CommonPrefix { prefix: Some(encoding.apply(prefix)) });
                }
            }
        }
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            is_truncated: Some(page.next.is_some()),
            next_key_marker: page.next.map(|key| encoding.apply(key)),
            next_upload_id_marker,
            uploads: Some(shown),
            common_prefixes: Some(common_prefixes),
            max_uploads: i32::try_from(limit).ok(),
            prefix: input.prefix.map(|prefix| encoding.apply(prefix)),
            delimiter: input.delimiter.map(|delimiter| encoding.apply(delimiter)),
            key_marker: input.key_marker.map(|marker| encoding.apply(marker)),
            upload_id_marker: input.upload_id_marker,
            encoding_type: input.encoding_type,
            ..Default::default()
        })
    }
}

fn part(number: PartNumber, length: u64, record: Record) -> S3Result<Part> {
    Ok(Part {
        part_number: Some(number.get()),
        size: Some(i64::try_from(length).map_err(S3Error::internal_error)?),
        e_tag: Some(record.e_tag),
        last_modified: Some(record.last_modified.timestamp()),
        checksum_crc32: record.checksums.crc32,
        checksum_crc32c: record.checksums.crc32c,
        checksum_crc64nvme: record.checksums.crc64nvme,
        checksum_sha1: record.checksums.sha1,
        checksum_sha256: record.checksums.sha256,
    })
}

fn upload(id: String, description: Description, encoding: Encoding) -> MultipartUpload {
    MultipartUpload {
        upload_id: Some(id),
        key: Some(encoding.apply(description.key)),
        initiated: Some(description.initiated.timestamp()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        checksum_algorithm: description.algorithm.map(Algorithm::to_dto),
        checksum_type: description.algorithm.map(|_| checksum_type(description.full_object)),
        ..Default::default()
    }
}
