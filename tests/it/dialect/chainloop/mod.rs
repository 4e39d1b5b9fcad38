//! Chainloop's artifact downloads, as its OpenAPI document describes them.
//!
//! | module | question |
//! | --- | --- |
//! | [`filenames`] | Under which name is an artifact saved? |
//! | [`redirects`] | Where do clients get sent, and who may keep that answer? |
//! | [`refusals`] | What do bad digests, bad tokens and missing artifacts get? |
//! | [`tenants`] | Can a tenant reach what belongs to another? |
//! | [`tickets`] | What does a redirect to the gateway itself open, and to whom? |

mod filenames;
mod redirects;
mod refusals;
mod tenants;
mod tickets;
