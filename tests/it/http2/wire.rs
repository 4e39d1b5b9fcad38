//! A connection whose frames are written and read by hand.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::io::{ReadHalf, WriteHalf};

use super::frames::{ACK, Frame, GOAWAY, RST_STREAM, SETTINGS};
use super::frames::{frame, setting};
use crate::support::gateway::Gateway;
use crate::support::within;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What becomes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer with this status, to its end.
    Answered(u16),
    /// One that did not come to it, for this reason.
    Cut(u16, u32),
    /// No answer, for this reason.
    Reset(u32),
    /// The connection ended before, for this reason.
    Closed(u32),
    /// The connection ended before, for none.
    Lost,
}
use Outcome::{Answered, Closed, Cut, Lost, Reset};

/// Both halves, to be used at once.
pub(super) struct Wire<S> {
    pub(super) reading: ReadHalf<S>,
    pub(super) writing: WriteHalf<S>,
}

impl Wire<DuplexStream> {
    /// A connection in memory after its preface, with settings acknowledged.
    pub(super) async fn to(gateway: &Gateway) -> Self {
        Self::over(gateway.connect_http2(64 * 1024)).await
    }
}

impl<S: AsyncRead + AsyncWrite> Wire<S> {
    /// Sends the preface.
    pub(super) async fn over(stream: S) -> Self {
        let (reading, writing) = tokio::io::split(stream);
        let mut wire = Self { reading, writing };
        wire.send(PREFACE).await;
        // No table of header fields, so that statuses can be read from their frame alone.
        wire.send(setting(1, 0)).await;
        wire.send(frame(SETTINGS, ACK, 0, &[])).await;
        wire
    }

    /// Sends bytes. That the gateway closed meanwhile is for the reading side to find out.
    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within(self.writing.write_all(bytes.as_ref())).await;
    }

    /// The next frame; None: the gateway closed.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        within(next(&mut self.reading)).await
    }

    /// The next frame of one of these types.
    pub(super) async fn next_of(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if kinds.contains(&frame.kind) {
                return Some(frame);
            }
        }
    }

    /// What becomes of a stream.
    pub(super) async fn outcome(&mut self, stream: u32) -> Outcome {
        let mut status = None;
        while let Some(frame) = self.next().await {
            match (frame.kind, frame.code()) {
                (GOAWAY, Some(code)) => return Closed(code),
                (RST_STREAM, Some(code)) if frame.stream == stream => {
                    return status.map_or(Reset(code), |status| Cut(status, code));
                }
                _ => {}
            }
            if frame.stream == stream {
                status = status.or(frame.status());
                if frame.ends_stream() {
                    return Answered(status.expect("a status"));
                }
            }
        }
        Lost
    }

    /// The code of the GOAWAY the gateway closes with, as it has to.
    pub(super) async fn goodbye(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                code = frame.code();
            }
        }
        code
    }

    /// Sends chunk after chunk while reading along; returns how many were taken before the gateway
    /// closed, and the frames it sent.
    pub(super) async fn flood(
        &mut self,
        chunks: impl Iterator<Item = Vec<u8>>,
    ) -> (usize, Vec<Frame>) {
        let (reading, writing) = (&mut self.reading, &mut self.writing);
        let (mut taken, mut frames) = (0, Vec::new());
        let write = async {
            for chunk in chunks {
                if writing.write_all(&chunk).await.is_err() {
                    return;
                }
                taken += 1;
            }
            let _ = writing.shutdown().await;
        };
        let read = async {
            while let Some(frame) = next(reading).await {
                frames.push(frame);
            }
        };
        within(async { tokio::join!(write, read) }).await;
        (taken, frames)
    }
}

async fn next(reading: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    reading.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    reading.read_exact(&mut payload).await.ok()?;
    let stream = u32::from_be_bytes(head[5..].try_into().unwrap()) & 0x7fff_ffff;
    Some(Frame { kind: head[3], flags: head[4], stream, payload })
}
