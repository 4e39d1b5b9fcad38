//! `routes[*].dialect.kubo`, as far as it is not the dialect's.

use std::sync::Arc;

use super::routes::{Context, further_layout, gives_tenant};
use super::{Allowance, Graphs, Problems, Route};
use crate::auth::Grant;
use crate::config;
use crate::content::ContentId;
use crate::content::cid::{Cid, Codec};
use crate::content::layout::{Key, Layout, Places, WritableKey};
use crate::error::Error;
use crate::quota::Quota;
use crate::state::Store;

/// What the key of a block has at its end, so that it is not that of a file.
const BLOCK: &str = ".block";

/// What graphs of blocks need of a route; none where its dialect has none. The outer None: something
/// is wrong.
pub(super) fn compile(
    at: &str,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Option<Box<Graphs>>> {
    let config::Dialect::Kubo(settings) = &route.dialect else { return Some(None) };
    let at = format!("{at}.dialect.kubo");
    let mut layout = |name: &str, template: &Option<String>| match template {
        Some(template) => one(&format!("{at}.{name}"), template, route, problems).map(Some),
        None => Some(None),
    };
    let digests = layout("digests", &settings.digests);
    let blocks = layout("blocks", &settings.blocks);
    if settings.blocks.as_ref() == Some(&route.layout) {
        let message = "has to differ from `layout`, or a block would be taken for a file";
        problems.add(&format!("{at}.blocks"), message);
    }
    let quota = allowance(&format!("{at}.quota"), settings, route, context, problems);
    Some(Some(Box::new(Graphs {
        digests: digests?,
        blocks: blocks?,
        add: settings.add,
        quota: quota?,
    })))
}

/// The outer None: something is wrong.
fn allowance(
    at: &str,
    settings: &config::Kubo,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Option<Allowance>> {
    let Some(quota) = settings.quota else { return Some(None) };
    if quota.as_u64() == 0 {
        problems.add(at, "nobody could store anything; leave out the `write` rule instead");
    }
    if !gives_tenant(&route.auth) {
        problems.add(at, "needs a rule `auth.jwt.tenant` that says whose bytes they are");
        return None;
    }
    if context.state.is_none() {
        problems.add(at, "needs `state`, where the bytes that tenants store are counted");
    }
    let store = Arc::clone(context.state??);
    Some(Some(Allowance { bytes: quota.as_u64(), store, upload: context.timeouts.upload }))
}

fn one(at: &str, template: &str, route: &config::Route, problems: &mut Problems) -> Option<Layout> {
    let layout = further_layout(at, template, route, problems)?;
    let keeps_tenants = Layout::parse(&route.layout).is_ok_and(|layout| layout.needs_tenant());
    if keeps_tenants && !layout.needs_tenant() {
        let message =
            "has no {tenant}, as `layout` has: tenants would share a part of what they have";
        problems.add(at, message);
    }
    Some(layout)
}

impl Route {
    /// The accounts of the tenants, where what they store has a bound.
    #[must_use]
    pub fn quota(&self) -> Option<Quota<'_, Store>> {
        let Allowance { bytes, store, upload } = self.graphs.as_ref()?.quota.as_ref()?;
        Some(Quota::new(store, &self.path, *bytes, *upload))
    }

    /// Where the file with this CID is, as one object.
    ///
    /// # Errors
    /// As [`Layout::places`].
    pub fn file_places(&self, grant: &Grant, cid: &Cid) -> Result<Places, Error> {
        let (layout, content) = self.file_layout(cid);
        layout.places(grant, &content)
    }

    /// Where the block with this CID is. A block of nothing but bytes is a file.
    ///
    /// # Errors
    /// As [`Layout::places`].
    pub fn block_places(&self, grant: &Grant, cid: &Cid) -> Result<Places, Error> {
        match (cid.codec(), self.graphs.as_ref().and_then(|graphs| graphs.blocks.as_ref())) {
            (Codec::Raw, _) => self.file_places(grant, cid),
            (_, Some(layout)) => layout.places(grant, &ContentId::Cid(cid.clone())),
            (_, None) => {
                let places = self.layout.places(grant, &ContentId::Cid(cid.clone()))?;
                let beside = |key: &Key| key.beside(BLOCK).ok_or_else(too_long);
                let other = places.other.as_ref().map(beside).transpose()?;
                Ok(Places { first: beside(&places.first)?, other })
            }
        }
    }

    /// Where the caller may write a file as one object.
    ///
    /// # Errors
    /// As [`Layout::writable_key`].
    pub fn writable_file_key(&self, grant: &Grant, cid: &Cid) -> Result<WritableKey, Error> {
        let (layout, content) = self.file_layout(cid);
        layout.writable_key(grant, &content)
    }

    /// Where the caller may write a block.
    ///
    /// # Errors
    /// As [`Layout::writable_key`].
    pub fn writable_block_key(&self, grant: &Grant, cid: &Cid) -> Result<WritableKey, Error> {
        match (cid.codec(), self.graphs.as_ref().and_then(|graphs| graphs.blocks.as_ref())) {
            (Codec::Raw, _) => self.writable_file_key(grant, cid),
            (_, Some(layout)) => layout.writable_key(grant, &ContentId::Cid(cid.clone())),
            (_, None) => {
                let key = self.layout.writable_key(grant, &ContentId::Cid(cid.clone()))?;
                key.beside(BLOCK).ok_or_else(too_long)
            }
        }
    }

    /// Whether the object of a file with this CID may be one that others stored, with a name and a type
    /// for it.
    #[must_use]
    pub fn shares_files(&self, cid: &Cid) -> bool {
        let has_digests = self.graphs.as_ref().is_some_and(|graphs| graphs.digests.is_some());
        has_digests && cid.digest().is_some()
    }

    fn file_layout(&self, cid: &Cid) -> (&Layout, ContentId) {
        let digests = self.graphs.as_ref().and_then(|graphs| graphs.digests.as_ref());
        match (digests, cid.digest()) {
            (Some(layout), Some(digest)) => (layout, ContentId::Sha256(*digest)),
            _ => (&self.layout, ContentId::Cid(cid.clone())),
        }
    }
}

fn too_long() -> Error {
    Error::NotFound("its key would be longer than 1024 bytes".into())
}
