//! Registers that have ended, deleted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use futures_util::StreamExt as _;
use futures_util::stream;

use super::objects::{Objects, PREFIX};
use crate::bucket::control::{explain, status};

/// Registers that ended this long ago are deleted: clocks differ, and what was sent before the end
/// arrives.
const KEPT: Duration = Duration::from_secs(3600);

/// Pages, of a thousand objects as a rule, that one sweep looks at.
const PAGES_MAX: usize = 100;

/// Objects that are deleted at the same time.
const DELETIONS: usize = 8;

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Registers that were deleted.
    pub deleted: usize,
    /// Registers that could not be deleted.
    pub failed: usize,
    /// Why, the first of them.
    pub failure: Option<String>,
    /// Whether there are more than a sweep looks at.
    pub is_partial: bool,
}

pub(super) async fn run(objects: &Objects, now: SystemTime) -> Result<Swept, String> {
    let ended = now.duration_since(UNIX_EPOCH + KEPT).unwrap_or_default().as_secs() / 3600;
    let mut swept = Swept { is_partial: true, ..Swept::default() };
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let page = list(objects, next.clone()).await?;
        let keys = page.contents().iter().filter_map(|object| object.key());
        let (over, others): (Vec<_>, Vec<_>) =
            keys.partition(|key| end_hour(key).is_some_and(|hour| hour <= ended));
        swept.delete(objects, &over).await;
        // Those that end first are listed first: what comes after one that has not ended has not
        // either.
        let is_at_end = others.into_iter().filter_map(end_hour).any(|hour| hour > ended);
        let following = page.next_continuation_token.filter(|_| page.is_truncated == Some(true));
        if is_at_end || following.is_none() {
            swept.is_partial = false;
            break;
        }
        // The same page again would never end.
        if following == next {
            return Err("storage's list of objects does not go on".to_owned());
        }
        next = following;
    }
    Ok(swept)
}

async fn list(objects: &Objects, next: Option<String>) -> Result<ListObjectsV2Output, String> {
    let list = objects.once.list_objects_v2().bucket(&objects.bucket).prefix(PREFIX);
    let page = list.set_continuation_token(next).send().await;
    page.map_err(|error| explain(&error))
}

/// The hour a register ends. None: it is no register.
fn end_hour(key: &str) -> Option<u64> {
    let (hour, name) = key.strip_prefix(PREFIX)?.split_once('/')?;
    let is_ours = hour.len() == 8 && hour.bytes().all(|byte| byte.is_ascii_digit());
    hour.parse().ok().filter(|_| is_ours && !name.is_empty())
}

impl Swept {
    async fn delete(&mut self, objects: &Objects, keys: &[&str]) {
        let deletions: Vec<_> = keys
            .iter()
            .map(|key| {
                let delete = objects.once.delete_object().bucket(&objects.bucket).key(*key).send();
                async {
                    match delete.await {
                        Ok(_) => Ok(()),
                        // Another replica was here first.
                        Err(error) if status(&error) == Some(404) => Ok(()),
                        Err(error) => Err(explain(&error)),
                    }
                }
            })
            .collect();
        let mut deletions = stream::iter(deletions).buffer_unordered(DELETIONS);
        while let Some(deleted) = deletions.next().await {
            match deleted {
                Ok(()) => self.deleted += 1,
                Err(error) => {
                    self.failed += 1;
                    self.failure.get_or_insert(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registers_have_an_end() {
        assert_eq!(end_hour(".casgate/state/00498123/use/abc/0"), Some(498_123));
        for key in [
            "00498123/use/abc",
            ".casgate/state/",
            ".casgate/state/00498123",
            ".casgate/state/00498123/",
            ".casgate/state/498123/use/abc",
            ".casgate/state/+0498123/use/abc",
            ".casgate/state/000498123/use/abc",
            ".casgate/probe/00498123/use/abc",
            ".casgate/state/use/00498123/abc",
            "x.casgate/state/00498123/use/abc",
        ] {
            assert_eq!(end_hour(key), None, "{key}");
        }
    }
}
