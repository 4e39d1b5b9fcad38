//! Making a single-use token for whoever may issue.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::Storage;
use super::single_use::{check_may_issue, single_use};
use crate::auth::Grant;
use crate::bucket::object::ObjectHead;
use crate::content::ContentId;
use crate::content::digest::Sha256Digest;
use crate::content::layout::{Key, Layout};
use crate::dialect::Order;
use crate::error::{Error, Kind};
use crate::plan::{Route, SingleUse};
use crate::state::{Create, Nonce, Record, StateKey, StateStore as _};
use crate::token::ledger::Attempt;
use crate::token::{DownloadToken, Facts, Purpose, TokenId};

/// An answer is kept for at least this long for whoever asks again with the same key.
const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// The longest `Idempotency-Key`, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// A token that was made, now or when it was asked for the first time.
#[derive(Serialize, Deserialize)]
pub(super) struct Issued {
    fingerprint: String,
    pub(super) token: String,
    expires: u64,
}

impl Issued {
    /// Its last second.
    pub(super) fn expires(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.expires)
    }
}

/// Makes a token, or finds the one that was made for the same `Idempotency-Key`
/// (draft-ietf-httpapi-idempotency-key-header).
pub(super) async fn issue(
    route: &Route,
    storage: &impl Storage,
    grant: &Grant,
    headers: &HeaderMap,
    order: &Order,
    now: SystemTime,
) -> Result<Issued, Error> {
    check_may_issue(grant)?;
    let single_use = single_use(route)?;
    let Some(asker) = asker(route, grant, headers)? else {
        return make(route, single_use, storage, grant, order, now).await;
    };
    let answers = Answers { single_use, asker, now };
    if let Some(issued) = answers.find().await? {
        return same_order(issued, order);
    }
    let issued = make(route, single_use, storage, grant, order, now).await?;
    same_order(answers.keep(issued).await?, order)
}

/// Makes a token for an operator: its text and its last second.
///
/// # Errors
/// As over HTTP.
pub async fn mint(
    route: &Route,
    storage: &impl Storage,
    grant: &Grant,
    order: &Order,
    now: SystemTime,
) -> Result<(String, SystemTime), Error> {
    let issued = make(route, single_use(route)?, storage, grant, order, now).await?;
    let expires = issued.expires();
    Ok((issued.token, expires))
}

fn same_order(issued: Issued, order: &Order) -> Result<Issued, Error> {
    if issued.fingerprint != order.fingerprint.to_string() {
        let detail = "the idempotency key was used for another order";
        return Err(Error::token(Kind::IdempotencyMismatch, detail));
    }
    Ok(issued)
}

/// Who asks, and by which `Idempotency-Key`: keys of different callers are different.
fn asker(route: &Route, grant: &Grant, headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return match headers.contains_key("idempotency-key") {
            true => Err(Error::InvalidRequest("give one Idempotency-Key".into())),
            false => Ok(None),
        };
    };
    let key = key.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let message = "an Idempotency-Key has 1 to 255 visible characters";
        return Err(Error::InvalidRequest(message.into()));
    }
    let profile = grant.profile();
    let issuer = profile.and_then(|profile| profile.issuer.as_deref());
    let subject = profile.and_then(|profile| profile.subject.as_deref());
    let tenant = grant.tenant().map(crate::auth::Tenant::as_str);
    // Quoted, none can be taken for another or for two.
    let asker = format!("{:?}", [Some(route.path.as_str()), tenant, issuer, subject, Some(key)]);
    Ok(Some(Sha256Digest::of(asker.as_bytes()).to_string()))
}

/// The answers that are kept for one asker. Their registers are found by the day, since a register's
/// end is part of its name.
struct Answers<'a> {
    single_use: &'a SingleUse,
    asker: String,
    now: SystemTime,
}

impl Answers<'_> {
    /// The register of an answer that was given `days_ago`.
    fn register(&self, days_ago: u32) -> StateKey {
        let day = ANSWERS_KEPT.as_secs();
        let today = self.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / day;
        let end = (today + 2).saturating_sub(u64::from(days_ago)) * day;
        StateKey::new("answer", &self.asker, UNIX_EPOCH + Duration::from_secs(end))
    }

    async fn find(&self) -> Result<Option<Issued>, Error> {
        for days_ago in [0, 1] {
            let there = self.single_use.store.read(&self.register(days_ago), self.now).await;
            if let Some(there) = there.map_err(|failure| Error::state(&failure))? {
                return self.open(&there.record).map(Some);
            }
        }
        Ok(None)
    }

    /// Keeps an answer, unless another replica kept one at the same time, which is the answer then.
    async fn keep(&self, issued: Issued) -> Result<Issued, Error> {
        let register = self.register(0);
        let json = serde_json::to_vec(&issued)
            .map_err(|_| Error::Internal("an answer has no JSON form".into()))?;
        // It holds a token that is good, and stores are read by others too.
        let sealed = self.single_use.keys.seal(Purpose::Answer, &json)?;
        let nonce: Nonce = *Attempt::random()?.nonce();
        let record = Record { nonce, end: register.end(), value: sealed.into_bytes() };
        let kept = self.single_use.store.create(&register, &record, self.now).await;
        match kept.map_err(|failure| Error::state(&failure))? {
            Create::Created(_) => Ok(issued),
            Create::Exists(there) => self.open(&there.record),
        }
    }

    fn open(&self, record: &Record) -> Result<Issued, Error> {
        let text = std::str::from_utf8(&record.value).unwrap_or_default();
        let json = self.single_use.keys.open(Purpose::Answer, text);
        json.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(|| {
            // The key that sealed it was taken away since.
            let detail = "the idempotency key was used before, and its answer cannot be read";
            Error::token(Kind::IdempotencyMismatch, detail)
        })
    }
}

async fn make(
    route: &Route,
    single_use: &SingleUse,
    storage: &impl Storage,
    grant: &Grant,
    order: &Order,
    now: SystemTime,
) -> Result<Issued, Error> {
    let (ttl, uses) = terms(single_use, order)?;
    let layout = match (&order.content, &single_use.paths) {
        (ContentId::Path(_), Some(layout)) => layout,
        (ContentId::Path(_), None) => {
            return Err(Error::InvalidRequest("key: no tokens are made for keys here".into()));
        }
        _ => &route.layout,
    };
    let (key, object) = find(route, storage, grant, layout, order).await?;
    let etag = object.map(|object| etag(&object)).transpose()?;
    // Without either, what is there when a download goes on may not be what it began with.
    let is_bound = etag.is_some() || order.content.digest().is_some();
    let resume_window =
        if order.resumable && is_bound { single_use.resume_window } else { Duration::ZERO };
    let issued = whole_second(now);
    let facts = Facts {
        route: route.path.clone(),
        tenant: grant.tenant().cloned(),
        bucket: route.bucket.name.clone(),
        key,
        etag,
        digest: order.content.digest().copied(),
        filename: order.filename.clone(),
        content_type: order.content_type.clone(),
        issued,
        expires: issued + ttl,
        uses,
        resume_window: Duration::from_secs(resume_window.as_secs()),
        confirm: order.confirm,
    };
    let token = DownloadToken::new(grant, TokenId::random()?, facts)?;
    let text = token.seal(&single_use.keys)?;
    route.metrics.issued.inc();
    tracing::info!(token_id = %token.id(), route = route.path, "a single-use token was issued");
    let expires = token.facts().expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Ok(Issued { fingerprint: order.fingerprint.to_string(), token: text, expires })
}

/// Time and number of uses, within what the route allows.
fn terms(single_use: &SingleUse, order: &Order) -> Result<(Duration, u32), Error> {
    let ttl = order.ttl.unwrap_or(single_use.default_ttl);
    let uses = order.uses.unwrap_or(1);
    if ttl.as_secs() == 0 || ttl > single_use.max_ttl {
        let max = humantime::format_duration(single_use.max_ttl);
        return Err(Error::InvalidRequest(format!("ttl: from 1s to {max}").into()));
    }
    if uses == 0 || uses > single_use.max_uses {
        let message = format!("uses: from 1 to {}", single_use.max_uses);
        return Err(Error::InvalidRequest(message.into()));
    }
    Ok((Duration::from_secs(ttl.as_secs()), uses))
}

/// The object, asked of storage and not of memory: the token is bound to what it is now.
async fn find(
    route: &Route,
    storage: &impl Storage,
    grant: &Grant,
    layout: &Layout,
    order: &Order,
) -> Result<(Key, Option<ObjectHead>), Error> {
    let places = layout.places(grant, &order.content)?;
    for key in places.iter() {
        match storage.stat(&route.bucket, key).await {
            Ok(object) => return Ok((key.clone(), Some(object))),
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    match order.must_exist {
        true => Err(Error::NotFound("there is nothing to make a token for".into())),
        false => Ok((places.first, None)),
    }
}

fn etag(object: &ObjectHead) -> Result<String, Error> {
    let etag = object.etag.as_ref().and_then(|etag| etag.to_str().ok());
    etag.map(ToOwned::to_owned).ok_or_else(|| {
        Error::storage(Kind::StorageFailed, "storage described an object without an entity tag")
    })
}

fn whole_second(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}
