//! The two versions of ListObjects.

use super::backend::Backend;
use super::keys::ObjectKey;
use super::listing::{self, Entry, Page, Query};
use super::store::Store;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

/// How names are written in the XML of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    /// 400 `InvalidArgument` for any value but `url`.
    pub(super) fn parse(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self::Plain),
            Some(EncodingType::URL) => Ok(Self::Url),
            Some(_) => {
                Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request"))
            }
        }
    }

    pub(super) fn apply(self, name: String) -> String {
        match self {
            Self::Plain => name,
            Self::Url => listing::url_encode(&name),
        }
    }
}

/// A page whose objects have been looked up.
struct Listed {
    contents: Vec<Object>,
    common_prefixes: Vec<CommonPrefix>,
    next: Option<String>,
}

/// What both versions ask for.
struct Question {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<String>,
    after: Option<String>,
    limit: usize,
    encoding: Encoding,
}

impl Backend {
    pub(super) async fn list_v1(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let encoding = Encoding::parse(input.encoding_type.as_ref())?;
        let limit = listing::page_size(input.max_keys).ok_or_else(|| s3_error!(InvalidArgument))?;
        let listed = self
            .list(Question {
                bucket: input.bucket.clone(),
                prefix: input.prefix.clone(),
                delimiter: input.delimiter.clone(),
                after: input.marker.clone(),
                limit,
                encoding,
            })
            .await?;
        let rolls_up = input.delimiter.is_some();
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            is_truncated: Some(listed.next.is_some()),
            // Without a delimiter clients continue behind the last key.
            next_marker: listed.next.filter(|_| rolls_up).map(|next| encoding.apply(next)),
            contents: Some(listed.contents),
            common_prefixes: Some(listed.common_prefixes),
            max_keys: i32::try_from(limit).ok(),
            prefix: Some(encoding.apply(input.prefix.unwrap_or_default())),
            marker: Some(encoding.apply(input.marker.unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| encoding.apply(delimiter)),
            encoding_type: input.encoding_type,
            ..Default::default()
        })
    }

    pub(super) async fn list_v2(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let encoding = Encoding::parse(input.encoding_type.as_ref())?;
        let limit = listing::page_size(input.max_keys).ok_or_else(|| s3_error!(InvalidArgument))?;
        let after = match &input.continuation_token {
            Some(token) => Some(decode_token(token)?),
            None => input.start_after.clone(),
        };
        let listed = self
            .list(Question {
                bucket: input.bucket.clone(),
                prefix: input.prefix.clone(),
                delimiter: input.delimiter.clone(),
                after,
                limit,
                encoding,
            })
            .await?;
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            is_truncated: Some(listed.next.is_some()),
            // The token is opaque: keys need not survive XML and clients in it.
            next_continuation_token: listed.next.map(|next| BASE64.encode(next)),
            key_count: i32::try_from(listed.contents.len() + listed.common_prefixes.len()).ok(),
            contents: Some(listed.contents),
            common_prefixes: Some(listed.common_prefixes),
            max_keys: i32::try_from(limit).ok(),
            prefix: Some(encoding.apply(input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| encoding.apply(delimiter)),
            start_after: input.start_after.map(|after| encoding.apply(after)),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            ..Default::default()
        })
    }

    async fn list(&self, question: Question) -> S3Result<Listed> {
        self.blocking(move |store| {
            let query = Query {
                prefix: question.prefix.as_deref().unwrap_or_default(),
                delimiter: question.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
                after: question.after.as_deref().filter(|after| !after.is_empty()),
                limit: question.limit,
            };
            let page = listing::page(store.keys(&question.bucket)?, ObjectKey::as_str, query);
            look_up(store, &question.bucket, page, question.encoding)
        })
        .await
    }
}

fn look_up(
    store: &Store,
    bucket: &str,
    page: Page<ObjectKey>,
    encoding: Encoding,
) -> S3Result<Listed> {
    let mut listed = Listed { contents: Vec::new(), common_prefixes: Vec::new(), next: page.next };
    for entry in page.entries {
        match entry {
            Entry::CommonPrefix(prefix) => {
                listed.common_prefixes.push(CommonPrefix { prefix: Some(encoding.apply(prefix)) });
            }
            Entry::Item(key) => match object(store, bucket, key, encoding) {
                Ok(object) => listed.contents.push(object),
                // It was deleted after the keys had been read.
                Err(error) if *error.code() == S3ErrorCode::NoSuchKey => {}
                Err(error) => return Err(error),
            },
        }
    }
    Ok(listed)
}

fn object(store: &Store, bucket: &str, key: ObjectKey, encoding: Encoding) -> S3Result<Object> {
    let stored = store.read(bucket, &key)?;
    let checksums = &stored.record.checksums;
    Ok(Object {
        key: Some(encoding.apply(key.into_string())),
        size: Some(i64::try_from(stored.length).map_err(S3Error::internal_error)?),
        last_modified: Some(stored.record.last_modified.timestamp()),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        checksum_type: checksums.checksum_type(),
        checksum_algorithm: Some(
            checksums.algorithms().map(super::digest::Algorithm::to_dto).collect(),
        ),
        e_tag: Some(stored.record.e_tag),
        ..Default::default()
    })
}

fn decode_token(token: &str) -> S3Result<String> {
    BASE64
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}
