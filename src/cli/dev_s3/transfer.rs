//! Bytes between the network and files, in pieces large enough that neither the
//! file system nor the scheduler is asked too often.

use super::digest::{Digester, Digests};
use super::store::{Staged, Store, blocking};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use s3s::dto::StreamingBlob;
use s3s::{Body, S3Error, S3Result, s3_error};
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes per read and per write of a file.
const PIECE: u64 = 256 * 1024;

/// A body that arrived completely, not yet in its place.
pub(super) struct Received {
    pub(super) staged: Staged,
    pub(super) digests: Digests,
    pub(super) length: u64,
}

/// Where an arriving body goes.
struct Sink {
    staged: Staged,
    digester: Digester,
    length: u64,
}

impl Sink {
    fn write(mut self, pieces: Vec<Bytes>) -> S3Result<Self> {
        for piece in pieces {
            self.digester.update(&piece);
            self.staged.file.write_all(&piece).map_err(S3Error::internal_error)?;
            self.length += piece.len() as u64;
        }
        Ok(self)
    }
}

/// Writes a body to a staged file. The next piece is received while the last is
/// hashed and written. Fails with 400 `IncompleteBody` where the body breaks off.
pub(super) async fn receive(
    store: Arc<Store>,
    body: Option<StreamingBlob>,
    digester: Digester,
) -> S3Result<Received> {
    let mut body = body.map_or_else(Body::empty, Body::from);
    let mut writing = spawn_blocking(move || {
        let staged = store.stage().map_err(S3Error::internal_error)?;
        Ok(Sink { staged, digester, length: 0 })
    });
    let mut pieces = Vec::new();
    let mut waiting = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame =
            frame.map_err(|error| S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        waiting += data.len() as u64;
        pieces.push(data);
        if waiting >= PIECE {
            let sink: Sink = finished(writing).await?;
            let full = std::mem::take(&mut pieces);
            waiting = 0;
            writing = spawn_blocking(move || sink.write(full));
        }
    }
    let sink = finished(writing).await?;
    blocking(move || {
        let sink = sink.write(pieces)?;
        Ok(Received { staged: sink.staged, digests: sink.digester.finish(), length: sink.length })
    })
    .await
}

async fn finished<T>(task: JoinHandle<S3Result<T>>) -> S3Result<T> {
    task.await.map_err(S3Error::internal_error)?
}

/// Copies as many bytes from one file to another. Blocks.
pub(super) fn copy(
    source: &mut File,
    length: u64,
    target: &mut Staged,
    digester: &mut Digester,
) -> S3Result<()> {
    let mut remaining = length;
    while remaining > 0 {
        let piece = read_piece(source, remaining).map_err(S3Error::internal_error)?;
        digester.update(&piece);
        target.file.write_all(&piece).map_err(S3Error::internal_error)?;
        remaining = remaining.saturating_sub(piece.len() as u64);
    }
    Ok(())
}

/// The next bytes of a file as a response body. Reads the first piece at once
/// and blocks for it; what fits into that needs no further file access.
pub(super) fn send(mut file: File, length: u64) -> S3Result<StreamingBlob> {
    if length == 0 {
        return Ok(Body::empty().into());
    }
    let first = read_piece(&mut file, length).map_err(S3Error::internal_error)?;
    let remaining = length.saturating_sub(first.len() as u64);
    if remaining == 0 {
        return Ok(Body::from(first).into());
    }
    Ok(Body::http_body(FileBody { next: Next::Ready(first, file), remaining: length }).into())
}

/// Reads up to [`PIECE`] bytes, and fails where the file is shorter than `remaining`.
fn read_piece(file: &mut File, remaining: u64) -> io::Result<Bytes> {
    let wanted = remaining.min(PIECE);
    let mut piece = Vec::with_capacity(usize::try_from(wanted).map_err(io::Error::other)?);
    (&*file).take(wanted).read_to_end(&mut piece)?;
    if piece.len() as u64 == wanted {
        Ok(piece.into())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Streams a file, reading one piece ahead of the connection.
struct FileBody {
    next: Next,
    /// Bytes the connection has not been given yet.
    remaining: u64,
}

enum Next {
    Ready(Bytes, File),
    Reading(JoinHandle<io::Result<(Bytes, File)>>),
    Nothing,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let read = match &mut self.next {
            Next::Nothing => return Poll::Ready(None),
            Next::Reading(task) => {
                ready!(Pin::new(task).poll(context)).map_err(io::Error::other).flatten()
            }
            Next::Ready(..) => match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Ready(piece, file) => Ok((piece, file)),
                Next::Reading(_) | Next::Nothing => return Poll::Ready(None),
            },
        };
        let (piece, mut file) = match read {
            Ok(read) => read,
            Err(error) => {
                self.next = Next::Nothing;
                return Poll::Ready(Some(Err(error)));
            }
        };
        self.remaining = self.remaining.saturating_sub(piece.len() as u64);
        let remaining = self.remaining;
        self.next = if remaining == 0 {
            Next::Nothing
        } else {
            Next::Reading(spawn_blocking(move || Ok((read_piece(&mut file, remaining)?, file))))
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.next, Next::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Fails with 400 `IncompleteBody` where the client announced another length.
pub(super) fn verify_length(announced: Option<i64>, received: u64) -> S3Result<()> {
    match announced.map(u64::try_from) {
        // s3s says 0 for a chunked body whose decoded length was not announced.
        None | Some(Ok(0)) => Ok(()),
        Some(Ok(length)) if length == received => Ok(()),
        Some(_) => Err(s3_error!(IncompleteBody)),
    }
}
