//! Whether clients get the right bytes, or a failure they can tell from them.
//!
//! | module | question |
//! | --- | --- |
//! | [`addressing`] | Where do requests and redirects go, and signed how? |
//! | [`checksums`] | When is storage's own checksum believed? |
//! | [`conditions`] | When is storage not asked at all? |
//! | [`connections`] | Which connections to storage live on, and which must not? |
//! | [`departures`] | Does a client that leaves take its storage connection with it? |
//! | [`failures`] | What becomes of each way storage can fail? |
//! | [`memory`] | For how long is an object believed to exist? |
//! | [`modes`] | Redirect or stream, and what is remembered in between? |
//! | [`ranges`] | Which part of the content is sent? |
//! | [`stalls`] | What does a client have while storage sends nothing? |
//! | [`verification`] | Can wrong bytes ever look like the right ones? |

mod addressing;
mod checksums;
mod conditions;
mod connections;
mod departures;
mod failures;
mod memory;
mod modes;
mod ranges;
mod stalls;
mod verification;
