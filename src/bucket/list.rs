//! ListObjectsV2: the question, and what storage answers (AWS, "ListObjectsV2").

mod elements;

use std::time::SystemTime;

use http::Method;

use super::credentials::Credentials;
use super::objects::{Listed, Page};
use super::sigv4::{CanonicalQuery, Payload};
use super::{Ask, Bucket, Signed};
use crate::error::{Error, Kind};
use elements::{Elements, Event};

/// The longest page, in bytes: a thousand keys of 1,024 bytes, each of which may be three in a URL,
/// and what storage says of them.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most objects of a page.
const OBJECTS_MAX: &str = "1000";

/// How deep a page may be nested: four levels are used.
const DEPTH_MAX: usize = 16;

/// A question for the objects of a bucket, not yet signed.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// What their keys begin with.
    pub prefix: &'a str,
    /// What their keys come after.
    pub after: Option<&'a str>,
}

impl Bucket {
    /// Signs a question for a page of objects, for the clock of storage when ours is at `now`.
    ///
    /// # Errors
    /// A header value cannot be carried by HTTP, which is a defect of the configured credentials.
    pub fn sign_list(
        &self,
        list: &List<'_>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Signed, Error> {
        let mut pairs = vec![
            ("list-type", "2"),
            // XML has no form for some of the characters that keys may have.
            ("encoding-type", "url"),
            ("max-keys", OBJECTS_MAX),
            ("prefix", list.prefix),
        ];
        pairs.extend(list.after.map(|after| ("start-after", after)));
        let query = CanonicalQuery::new(&pairs);
        let path = self.path_prefix.clone();
        let (method, payload) = (Method::GET, Payload::Empty);
        self.sign(Ask { method, path, query: &query, headers: &[], payload }, credentials, now)
    }
}

/// A page as it was written.
#[derive(Default)]
struct Raw {
    objects: Vec<RawObject>,
    is_encoded: bool,
    goes_on: bool,
}

#[derive(Default)]
struct RawObject {
    key: String,
    size: Option<u64>,
    stored: Option<SystemTime>,
}

impl List<'_> {
    /// Reads an answer. Objects that were not asked for do not count, nor those whose keys are no
    /// text.
    ///
    /// # Errors
    /// It is not whole, or no list; it is not in the order of its keys; or it would never end.
    pub fn read(&self, document: &[u8]) -> Result<Page, Error> {
        let failed = |detail: &'static str| Error::storage(Kind::StorageFailed, detail);
        let text = std::str::from_utf8(document).map_err(|_| failed("a list that is no text"))?;
        let raw = read(text).map_err(failed)?;
        let mut objects: Vec<Listed> = Vec::with_capacity(raw.objects.len());
        for RawObject { key, size, stored } in raw.objects {
            let key = if raw.is_encoded { decoded(&key) } else { Some(key) };
            let Some(key) = key.filter(|key| key.starts_with(self.prefix)) else { continue };
            if self.after.is_some_and(|after| key.as_str() <= after) {
                continue;
            }
            if objects.last().is_some_and(|last| last.key >= key) {
                // The next page would begin at the wrong place.
                return Err(failed("a list that is not in the order of its keys"));
            }
            objects.push(Listed { key, size, stored });
        }
        if raw.goes_on && objects.is_empty() {
            // The same page again would never end.
            return Err(failed("a list that does not go on"));
        }
        Ok(Page { objects, goes_on: raw.goes_on })
    }
}

/// Reads the elements of a page. All that storage says beside is skipped.
fn read(text: &str) -> Result<Raw, &'static str> {
    let mut elements = Elements::new(text);
    let mut raw = Raw::default();
    let mut object = RawObject::default();
    let mut path: Vec<&str> = Vec::new();
    let mut content = String::new();
    while let Some(event) = elements.next()? {
        match event {
            Event::Begin(name) => {
                if path.len() == DEPTH_MAX {
                    return Err("a list that is nested too deep");
                }
                content.clear();
                path.push(name);
            }
            Event::Text(text) if path.len() > 1 => content.push_str(&text),
            Event::Text(_) => {}
            Event::End(name) => {
                if path.last() != Some(&name) {
                    return Err("a list whose elements are not nested");
                }
                match path[..] {
                    ["ListBucketResult"] => return Ok(raw),
                    ["ListBucketResult", "IsTruncated"] => raw.goes_on = content.trim() == "true",
                    ["ListBucketResult", "EncodingType"] => {
                        raw.is_encoded = content.trim() == "url"
                    }
                    ["ListBucketResult", "Contents"] => {
                        raw.objects.push(std::mem::take(&mut object));
                    }
                    ["ListBucketResult", "Contents", "Key"] => {
                        object.key = std::mem::take(&mut content);
                    }
                    ["ListBucketResult", "Contents", "Size"] => {
                        object.size = content.trim().parse().ok();
                    }
                    ["ListBucketResult", "Contents", "LastModified"] => {
                        object.stored = humantime::parse_rfc3339(content.trim()).ok();
                    }
                    _ => {}
                }
                content.clear();
                path.pop();
            }
        }
    }
    Err("a list that is not whole")
}

/// A key as `encoding-type=url` writes it; AWS writes a space as `+`. None: it is no text.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&byte, more)) = rest.split_first() {
        rest = more;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |at: usize| char::from(*rest.get(at)?).to_digit(16);
                bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
                rest = &rest[2..];
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
