//! Multipart uploads that nobody will finish, and objects that nobody will give a name: whoever began
//! them was killed or cut off, and storage keeps, and bills, them until somebody says that they are not
//! wanted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::types::MultipartUpload;

use super::{Now, client, explain, status};
use crate::bucket::Bucket;

/// Pages, of a thousand uploads as a rule, that one sweep looks at.
const PAGES_MAX: usize = 100;

/// How a sweep ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// With this.
    Done(Swept),
    /// Storage does not list multipart uploads (501).
    NotOffered,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads that were ended, or objects that were deleted.
    pub aborted: usize,
    /// Those for which that failed.
    pub failed: usize,
    /// Why, the first of them.
    pub failure: Option<String>,
    /// Whether there are more than a sweep looks at.
    pub is_partial: bool,
}

/// Aborts the multipart uploads that began more than `older_than` ago, by the clock of storage, and
/// whose key is ours. Those that end meanwhile are nobody's concern, and one that cannot be aborted
/// keeps no other from it.
///
/// `now` tells the time, ours. This asks as many requests as there are uploads to abort, one after
/// the other, so the caller sets a limit to the time; a sweep may be dropped at any moment.
///
/// # Errors
/// The uploads, or the rest of them, cannot be listed: says what storage, or the way to it,
/// answered.
pub async fn abort_abandoned_uploads(
    bucket: &Arc<Bucket>,
    older_than: Duration,
    is_ours: impl Fn(&str) -> bool,
    now: Now,
) -> Result<Sweep, String> {
    let client = client(bucket, now);
    let began_before = bucket.clock.at(now()).checked_sub(older_than);
    let mut swept = Swept { is_partial: true, ..Swept::default() };
    let mut next = Marker::default();
    for _ in 0..PAGES_MAX {
        let Some(page) = list(&client, &bucket.bucket, &next).await? else {
            return Ok(Sweep::NotOffered);
        };
        for upload in page.uploads() {
            if let Some((key, id)) = abandoned(upload, began_before)
                && is_ours(key)
            {
                swept.abort(&client, &bucket.bucket, key, id).await;
            }
        }
        match Marker::after(&page, &next)? {
            Some(marker) => next = marker,
            None => {
                swept.is_partial = false;
                break;
            }
        }
    }
    Ok(Sweep::Done(swept))
}

/// Deletes the objects below a prefix that were stored more than `older_than` ago, by the clock of
/// storage, and counts them as [`Swept::aborted`]. All of them have to be ours. Otherwise as
/// [`abort_abandoned_uploads`].
///
/// # Errors
/// The objects, or the rest of them, cannot be listed: says what storage, or the way to it, answered.
pub async fn delete_abandoned_objects(
    bucket: &Arc<Bucket>,
    prefix: &str,
    older_than: Duration,
    now: Now,
) -> Result<Swept, String> {
    let client = client(bucket, now);
    let stored_before = bucket.clock.at(now()).checked_sub(older_than);
    let mut swept = Swept { is_partial: true, ..Swept::default() };
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let list = client.list_objects_v2().bucket(&bucket.bucket).prefix(prefix);
        let page = list.set_continuation_token(next.take()).send().await;
        let page = page.map_err(|error| explain(&error))?;
        for object in page.contents() {
            // One that does not say when it was stored stays.
            let stored = object.last_modified().and_then(|it| SystemTime::try_from(*it).ok());
            if let (Some(key), Some(stored), Some(before)) = (object.key(), stored, stored_before)
                && stored < before
                && key.starts_with(prefix)
            {
                swept.delete(&client, &bucket.bucket, key).await;
            }
        }
        next = page.next_continuation_token.filter(|_| page.is_truncated == Some(true));
        if next.is_none() {
            swept.is_partial = false;
            break;
        }
    }
    Ok(swept)
}

impl Swept {
    async fn delete(&mut self, client: &Client, bucket: &str, key: &str) {
        match client.delete_object().bucket(bucket).key(key).send().await {
            Ok(_) => self.aborted += 1,
            Err(error) => {
                self.failed += 1;
                self.failure.get_or_insert_with(|| explain(&error));
            }
        }
    }

    async fn abort(&mut self, client: &Client, bucket: &str, key: &str, id: &str) {
        let abort = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
        match abort.send().await {
            Ok(_) => self.aborted += 1,
            // It was completed, or another gateway was here first.
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => {
                self.failed += 1;
                self.failure.get_or_insert_with(|| explain(&error));
            }
        }
    }
}

/// Where a page begins.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marker {
    key: Option<String>,
    upload_id: Option<String>,
}

impl Marker {
    /// Where the page after this one begins, if there is one.
    fn after(page: &ListMultipartUploadsOutput, current: &Self) -> Result<Option<Self>, String> {
        if page.is_truncated() != Some(true) {
            return Ok(None);
        }
        let next = Self {
            key: page.next_key_marker.clone(),
            upload_id: page.next_upload_id_marker.clone(),
        };
        // The same page again would never end.
        if next.key.is_none() || next == *current {
            return Err("storage's list of uploads does not go on".to_owned());
        }
        Ok(Some(next))
    }
}

/// The next page; `None` where storage has no such list.
async fn list(
    client: &Client,
    bucket: &str,
    from: &Marker,
) -> Result<Option<ListMultipartUploadsOutput>, String> {
    let list = client.list_multipart_uploads().bucket(bucket);
    let list = list.set_key_marker(from.key.clone());
    match list.set_upload_id_marker(from.upload_id.clone()).send().await {
        Ok(page) => Ok(Some(page)),
        Err(error) if status(&error) == Some(501) => Ok(None),
        Err(error) => Err(explain(&error)),
    }
}

/// Key and id of an upload that began before that. One that does not say when it began stays.
fn abandoned(upload: &MultipartUpload, began_before: Option<SystemTime>) -> Option<(&str, &str)> {
    let began = SystemTime::try_from(*upload.initiated()?).ok()?;
    (began < began_before?).then_some((upload.key()?, upload.upload_id()?))
}
