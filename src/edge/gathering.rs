//! A writer that sends small writes together with the large one that follows.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is held back for company. It takes the head of an answer and as much of the body as came
/// with the head of storage's answer, which Pingora reads in 4 KiB.
const HELD_BYTES_MAX: usize = 8 * 1024;

/// Pieces of one system call; more are sent by the next.
const SLICES_MAX: usize = 16;

/// Holds back short writes until they are flushed or a long one comes, which then goes out in the
/// same system call, uncopied. `tokio::io::BufWriter` would send what it holds by itself first, and
/// each packet wakes the client.
///
/// Nothing is held while the other side is waited for: a read sends it first. Whoever streams an
/// answer reads while storage has nothing more to say, and a client must not wait for what is here.
#[derive(Debug)]
pub struct GatheringWriter<S> {
    inner: S,
    held: Vec<u8>,
    /// How much of `held` was sent already.
    sent: usize,
    /// Whether anything was written since the last flush that ended. TLS below holds bytes too.
    unflushed: bool,
}

impl<S> GatheringWriter<S> {
    /// Holds nothing, and needs no memory until it does.
    pub const fn new(inner: S) -> Self {
        Self { inner, held: Vec::new(), sent: 0, unflushed: false }
    }
}

impl<S: AsyncWrite + Unpin> GatheringWriter<S> {
    /// Sends what is held together with `bytes`; how many of `bytes` were taken. It may be none of
    /// them only when there are none, and then nothing is held any more.
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        while self.sent < self.held.len() {
            let held = &self.held[self.sent..];
            let inner = Pin::new(&mut self.inner);
            let written = if bytes.is_empty() {
                ready!(inner.poll_write(context, held))?
            } else {
                let mut slices = [IoSlice::new(held); SLICES_MAX];
                for (slice, bytes) in slices[1..].iter_mut().zip(bytes) {
                    *slice = *bytes;
                }
                let count = SLICES_MAX.min(1 + bytes.len());
                ready!(inner.poll_write_vectored(context, &slices[..count]))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let taken = written.saturating_sub(held.len());
            self.sent = self.held.len().min(self.sent + written);
            if taken > 0 {
                self.forget();
                return Poll::Ready(Ok(taken));
            }
        }
        self.forget();
        match bytes {
            [] => Poll::Ready(Ok(0)),
            [bytes] => Pin::new(&mut self.inner).poll_write(context, bytes),
            many => Pin::new(&mut self.inner).poll_write_vectored(context, many),
        }
    }

    fn forget(&mut self) {
        self.held.clear();
        self.sent = 0;
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GatheringWriter<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        self.unflushed = true;
        if self.held.len() + length > HELD_BYTES_MAX {
            return self.poll_send(context, slices);
        }
        for slice in slices {
            self.held.extend_from_slice(slice);
        }
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context, &[]))?;
        ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context, &[]))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for GatheringWriter<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A client that takes nothing now may still say something.
        if self.unflushed
            && let Poll::Ready(Err(error)) = self.as_mut().poll_flush(context)
        {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Takes at most `limit` bytes at a time, and keeps what it got in each.
    struct Packets {
        limit: usize,
        packets: Vec<Vec<u8>>,
    }

    impl AsyncWrite for Packets {
        fn poll_write(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(context, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let mut packet = Vec::new();
            for slice in slices {
                let room = self.limit - packet.len();
                packet.extend_from_slice(&slice[..room.min(slice.len())]);
            }
            let length = packet.len();
            self.packets.push(packet);
            Poll::Ready(Ok(length))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn packets(limit: usize, writes: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut writer = GatheringWriter::new(Packets { limit, packets: Vec::new() });
        for write in writes {
            writer.write_all(write).await.unwrap();
        }
        writer.flush().await.unwrap();
        writer.inner.packets
    }

    #[tokio::test]
    async fn short_writes_leave_together_at_the_flush() {
        assert_eq!(packets(usize::MAX, &[b"head", b" ", b"body"]).await, [b"head body"]);
    }

    #[tokio::test]
    async fn short_writes_leave_with_the_long_one_after_them() {
        let long = vec![b'x'; 64 * 1024];
        let sent = packets(usize::MAX, &[b"head", b"begin", &long, &long, b"end"]).await;
        assert_eq!(sent, [[b"headbegin", &long[..]].concat(), long.clone(), b"end".to_vec()]);
    }

    #[tokio::test]
    async fn a_socket_that_takes_little_gets_every_byte_once() {
        let pattern: Vec<u8> = (0..=u8::MAX).cycle().take(3 * HELD_BYTES_MAX).collect();
        let (first, rest) = pattern.split_at(HELD_BYTES_MAX - 1);
        for limit in [1, 7, HELD_BYTES_MAX - 1, HELD_BYTES_MAX, HELD_BYTES_MAX + 1] {
            let sent = packets(limit, &[first, rest, first]).await;
            assert!(sent.concat() == [&pattern[..], first].concat(), "limit {limit}");
        }
    }

    #[tokio::test]
    async fn a_socket_that_takes_nothing_is_an_error() {
        let mut writer = GatheringWriter::new(Packets { limit: 0, packets: Vec::new() });
        writer.write_all(b"head").await.unwrap();
        assert_eq!(writer.flush().await.unwrap_err().kind(), io::ErrorKind::WriteZero);
    }
}
