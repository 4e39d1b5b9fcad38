//! Whether HTTP/2 delivers what HTTP/1 does, and whether nothing a client does hurts others.
//!
//! | module | question |
//! | --- | --- |
//! | [`answers`] | Is every kind of answer the same as over HTTP/1? |
//! | [`attempts`] | Requests of which each is judged by itself. |
//! | [`client`] | The well-behaved client. |
//! | [`drain`] | What becomes of connections when the process ends or its configuration changes? |
//! | [`endings`] | How does an answer end that cannot be finished, and what of its siblings? |
//! | [`fields`] | Is a request refused that could be understood in two ways? |
//! | [`floods`] | Can a client keep the gateway busy with what asks for nothing? |
//! | [`frames`], [`wire`] | The other client: frames by hand. |
//! | [`headers`] | How large can a header be, whatever it is packed in? |
//! | [`limits`] | How many requests at once? |
//! | [`links`] | And single-use links? |
//! | [`listeners`] | Is it spoken where it should be, and nowhere else? |
//! | [`memory`] | What do connections and streams cost that do nothing? |
//! | [`resets`] | Do streams that end as soon as they begin cost more than they should? |
//! | [`slow`] | How long can a client take? |
//! | [`sockets`] | And behind buffers, TLS and a real socket? |
//! | [`uploads`] | Are bodies stored, or is nothing left of them? |

mod answers;
mod attempts;
pub(crate) mod client;
mod drain;
mod endings;
mod fields;
mod floods;
mod frames;
mod headers;
mod limits;
mod links;
mod listeners;
mod memory;
mod resets;
mod slow;
mod sockets;
mod uploads;
mod wire;

use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;

/// Waits for storage as long as clients do.
const PATIENT: Settings<'static> =
    Settings { timeouts: "storage_first_byte: 1h, storage_read: 1h", ..STREAM };

/// In front of storage that never answers but for this content.
async fn before_stalling(content: &Content, limits: &str) -> (Storage, Gateway) {
    let storage = Storage::stalling_but_for(content).await;
    let gateway = Settings { limits, ..PATIENT }.before(&storage);
    (storage, gateway)
}
