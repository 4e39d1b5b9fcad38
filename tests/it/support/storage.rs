//! Servers that are storage.

use super::answer::{Answer, Then};
use super::content::Content;
use super::server::Server;

/// Storage, as far as the gateway can tell.
pub(crate) type Storage = Server;

impl Storage {
    /// Has this content, and nothing else.
    pub(crate) async fn holding(content: &Content) -> Self {
        let content = content.clone();
        Self::scripted(move |seen| match seen.target == content.target() {
            true => Answer::object(seen, &content.bytes),
            false => Answer::error(seen, 404, "NoSuchKey"),
        })
        .await
    }

    /// Answers for this content, and lets everything else wait.
    pub(crate) async fn stalling_but_for(content: &Content) -> Self {
        let content = content.clone();
        Self::scripted(move |seen| match seen.target == content.target() {
            true => Answer::object(seen, &content.bytes),
            false => Answer::nothing(Then::Stall),
        })
        .await
    }
}
