//! Whether a request that parsers could disagree about is refused, and nothing hangs.
//!
//! | module | question |
//! | --- | --- |
//! | [`ambiguity`] | Is every request refused that parsers disagree about? |
//! | [`bodies`] | What becomes of a body nobody asked for? |
//! | [`endings`] | Which connections carry another request? |
//! | [`limits`] | How large can a header be? |
//! | [`slow`] | How long can a client take? |
//! | [`sockets`] | What do real sockets show that others do not? |
//! | [`upgrades`] | Does any header get around authorization? |

mod ambiguity;
mod bodies;
mod endings;
mod limits;
mod slow;
mod sockets;
mod upgrades;
