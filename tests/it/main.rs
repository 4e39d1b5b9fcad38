//! The gateway as a user sees it: bytes in, bytes out, with a storage server that misbehaves on
//! request. One binary, so that it is linked once.
//!
//! | module | question |
//! | --- | --- |
//! | [`config`] | Is every mistake of a configuration reported, and does every example work? |
//! | [`conformance`] | Do all implementations of a seam keep the same promises? |
//! | [`control`] | Is what is found out about a bucket, or tidied up in it, right? |
//! | [`credentials`] | Are credentials found everywhere, replaced in time, and never wrong? |
//! | [`delivery`] | Do clients get the right bytes or a failure, whatever storage does? |
//! | [`dialect`] | Does each protocol keep its contract? |
//! | [`errors`] | What does each kind of error look like in each dialect? |
//! | [`framing`] | Is a request that parsers could disagree about refused, and does nothing hang? |
//! | [`graph`] | Do clients get what a CID says or a failure, however it is stored? |
//! | [`hostile`] | What can those do who mean harm? |
//! | [`http2`] | Does HTTP/2 deliver the same, and does nothing a client does there hurt others? |
//! | [`imports`] | Does storage have all of a form's files, by the names that Kubo gives them? |
//! | [`keys`] | Are keys fetched safely, and tokens judged rightly while they change? |
//! | [`layers`] | Do the modules depend on one another only as they should? |
//! | [`objects`] | Does storage do with objects what the gateway's own books need of it? |
//! | [`once`] | Does the first upload of an entry stay, and is only promised what storage keeps? |
//! | [`pieces`] | Do uploads in pieces and artifacts keep what clients were told of them? |
//! | [`put_get`] | Do `casgate put` and `casgate get` bring the right bytes, whatever the gateway does? |
//! | [`reload`] | Does a changed configuration take effect, and nothing else happen? |
//! | [`s3s_fs`] | Do signatures and keys hold on a server that is not ours? |
//! | [`support`] | Servers that misbehave, the gateway in this process or its own, raw clients. |
//! | [`tls`] | Who gets in over TLS, and with which certificate and protocol? |
//! | [`trust`] | Whose word is taken for a client's address and a request's id? |
//! | [`uploads`] | Does storage have all of an upload or nothing, whatever either side does? |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed, and the panic says where"
)]

mod config;
mod conformance;
mod control;
mod credentials;
mod delivery;
mod dialect;
mod errors;
mod framing;
mod graph;
mod hostile;
mod http2;
mod imports;
mod keys;
mod layers;
mod objects;
mod once;
mod pieces;
mod put_get;
mod reload;
mod s3s_fs;
mod support;
mod tls;
mod trust;
mod uploads;
