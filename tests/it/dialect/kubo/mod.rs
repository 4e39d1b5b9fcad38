//! Kubo's RPC and the trustless gateway.
//!
//! | module | question |
//! | --- | --- |
//! | [`admission`] | Who gets an answer at all, and what do the others get? |

mod admission;
