//! Whether HTTP/2 delivers what HTTP/1 does, and whether nothing a client does hurts others.
//!
//! | module | question |
//! | --- | --- |
//! | [`answers`] | Is every kind of answer the same as over HTTP/1? |
//! | [`client`] | The well-behaved client. |
//! | [`endings`] | How does an answer end that cannot be finished, and what of its siblings? |

mod answers;
mod client;
mod endings;
