//! Bytes between storage and client, over Pingora's sessions.
//!
//! A transfer is one loop ([`copy`]) over a [`Transfer`]: prefix, source, suffix, check. It
//! holds one read buffer of 64 KiB, whatever the size of the content.

pub mod answer;
pub mod body;
pub mod check;
pub mod client;
pub mod download;
mod failure;
pub mod graph;
pub mod idle;
pub mod import;
mod multipart;
pub mod objects;
pub mod peer;
pub mod pieces;
pub mod redeem;
mod sending;
mod signing;
pub mod storage;
pub mod upload;

use bytes::Bytes;

use crate::error::Error;
use crate::reply::Reply;
use answer::Answer;
use check::Check;
use client::{Client, Gone};

/// Everything the body of one answer is made of.
pub struct Transfer {
    /// Sent before the source's bytes, outside of the check.
    pub prefix: Bytes,
    /// The bytes of the content.
    pub source: Source,
    /// Sent after the source's bytes, outside of the check.
    pub suffix: Bytes,
    /// What the source's bytes are held against.
    pub check: Check,
}

/// Where the bytes of a content come from. Its length is always known.
pub enum Source {
    /// Bytes in memory: content of at most [`download::BUFFERED_BYTES_MAX`], checked already.
    Buffered(Bytes),
    /// The body of one storage GET.
    Storage(Answer),
}

/// Why an answer broke off after its head was sent.
#[derive(Debug)]
pub enum Cut {
    /// The client left, or took too little for too long.
    Client(Gone),
    /// The content could not be delivered whole and true.
    Content(Error),
}

/// Sends an answer to the client; the head's `Content-Length` covers prefix, source and suffix.
///
/// # Errors
/// As [`copy_body`].
pub async fn copy(client: &mut Client, head: Reply, transfer: Transfer) -> Result<(), Cut> {
    client.write_head(head).await.map_err(Cut::Client)?;
    copy_body(client, transfer).await
}

/// Sends the body of an answer whose head was sent.
///
/// The source's last chunk is passed on only after the check is satisfied, so a client that got as
/// many bytes as `Content-Length` says got the right ones.
///
/// # Errors
/// Any error means that the client does not have the whole answer: the caller must drop the
/// connection, never finish or reuse it.
pub async fn copy_body(client: &mut Client, transfer: Transfer) -> Result<(), Cut> {
    let Transfer { prefix, source, suffix, mut check } = transfer;
    client.write(&prefix).await.map_err(Cut::Client)?;
    match source {
        Source::Buffered(bytes) => client.write(&bytes).await.map_err(Cut::Client)?,
        Source::Storage(mut answer) => {
            copy_answer(client, &mut answer, &mut check).await?;
            answer.release().await;
        }
    }
    client.write(&suffix).await.map_err(Cut::Client)
}

async fn copy_answer(
    client: &mut Client,
    answer: &mut Answer,
    check: &mut Check,
) -> Result<(), Cut> {
    loop {
        let chunk = tokio::select! {
            // Storage first: as long as it has bytes, nobody asks whether the client is there,
            // since the write will tell.
            biased;
            chunk = answer.chunk() => chunk.map_err(Cut::Content)?,
            gone = client.gone() => return Err(Cut::Client(gone)),
        };
        let Some(chunk) = chunk else { return Ok(()) };
        check.update(chunk.bytes);
        if chunk.is_last {
            check.finish().map_err(Cut::Content)?;
        }
        client.write(chunk.bytes).await.map_err(Cut::Client)?;
    }
}
