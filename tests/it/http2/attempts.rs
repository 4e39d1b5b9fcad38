//! Requests of which each is judged by itself.

use super::frames::{END_HEADERS, END_STREAM, HEADERS, PROTOCOL_ERROR, block, frame};
use super::wire::{Outcome, Wire};
use crate::support::content::Content;
use crate::support::gateway::{Gateway, Settings};
use crate::support::storage::Storage;

pub(super) const RESET: Outcome = Outcome::Reset(PROTOCOL_ERROR);
pub(super) const CLOSED: Outcome = Outcome::Closed(PROTOCOL_ERROR);
pub(super) const BAD: Outcome = Outcome::Answered(400);
pub(super) const SERVED: Outcome = Outcome::Answered(200);
pub(super) const MISSING: Outcome = Outcome::Answered(404);

/// A gateway that is sent one odd request after another.
pub(super) struct Attempts {
    pub(super) content: Content,
    storage: Storage,
    pub(super) gateway: Gateway,
}

impl Attempts {
    pub(super) async fn new(settings: Settings<'_>) -> Self {
        let content = Content::of("an artifact");
        let storage = Storage::holding(&content).await;
        let gateway = settings.before(&storage);
        Self { content, storage, gateway }
    }

    /// Sends a header block, and then a good request, on the same connection if that goes on.
    pub(super) async fn expect(&self, name: &str, block: &[u8], expected: Outcome) {
        let mut wire = Wire::to(&self.gateway).await;
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block)).await;
        assert_eq!(wire.outcome(1).await, expected, "{name}");
        let before = self.storage.counts().requests;
        if expected == CLOSED {
            assert_eq!(wire.next().await, None, "{name}");
            wire = Wire::to(&self.gateway).await;
        }
        wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, &self.good(&[]))).await;
        assert_eq!(wire.outcome(3).await, SERVED, "after {name}");
        assert_eq!(self.storage.counts().requests, before + 1, "after {name}");
    }

    /// The block of a good request, with these fields behind.
    pub(super) fn good(&self, more: &[(&str, &str)]) -> Vec<u8> {
        let path = self.content.path();
        let pseudo =
            [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", &path)];
        block(&[&pseudo, more].concat())
    }
}
