//! Connections to storage that wait for their next request.
//!
//! Pingora's pool spawns a task for every connection it is given back, to notice when storage
//! closes it. Here it is noticed when the connection is taken again, and once in a second by one
//! task for all of them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use pingora::protocols::Stream;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::time::sleep;

/// After which it is noticed at the latest that a connection is too old, or was closed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The connections of a process, to all of its endpoints.
pub struct IdleConnections {
    connections: Mutex<Connections>,
    most: usize,
}

#[derive(Default)]
struct Connections {
    /// The one that waits longest comes first.
    waiting: VecDeque<Waiting>,
    /// Whether the task that sweeps is running.
    swept: bool,
}

struct Waiting {
    /// What the connection leads to; see [`pingora::upstreams::peer::Peer::reuse_hash`].
    destination: u64,
    stream: Stream,
    until: Instant,
}

impl Waiting {
    /// Whether storage may still be there. It has nothing to say before it is asked: anything that
    /// can be read is the end of the connection, or nothing to be trusted.
    fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream)
            .poll_read(&mut context, &mut ReadBuf::new(&mut byte))
            .is_pending()
    }

    fn may_live(&mut self, now: Instant) -> bool {
        now < self.until && self.is_quiet()
    }
}

impl IdleConnections {
    /// Keeps at most so many connections.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { connections: Mutex::default(), most }
    }

    /// The connection to a destination that was used last, if there is one that lives.
    pub fn take(&self, destination: u64) -> Option<Stream> {
        loop {
            let mut connections = self.lock();
            let found = connections
                .waiting
                .iter()
                .rposition(|waiting| waiting.destination == destination)?;
            let waiting = connections.waiting.remove(found);
            drop(connections);
            if let Some(mut waiting) = waiting
                && waiting.may_live(Instant::now())
            {
                return Some(waiting.stream);
            }
        }
    }

    /// Keeps a connection on which nothing is under way, for at most `life`. Where there is no
    /// room, the one that waited longest goes. Call it on a runtime.
    pub fn put(self: &Arc<Self>, destination: u64, stream: Stream, life: Duration) {
        let mut waiting = Waiting { destination, stream, until: Instant::now() + life };
        if self.most == 0 || !waiting.is_quiet() {
            return;
        }
        let mut connections = self.lock();
        let longest = match connections.waiting.len() < self.most {
            true => None,
            false => connections.waiting.pop_front(),
        };
        connections.waiting.push_back(waiting);
        let swept = std::mem::replace(&mut connections.swept, true);
        drop(connections);
        // Closing takes a system call, which nobody else needs to wait for.
        drop(longest);
        if !swept {
            tokio::spawn(keep_swept(Arc::downgrade(self)));
        }
    }

    /// Closes what is too old or dead; whether any connection is left.
    fn sweep(&self, now: Instant) -> bool {
        let mut connections = self.lock();
        connections.waiting.retain_mut(|waiting| waiting.may_live(now));
        connections.swept = !connections.waiting.is_empty();
        connections.swept
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps for as long as there is anything to sweep.
async fn keep_swept(idle: Weak<IdleConnections>) {
    loop {
        sleep(SWEEP_INTERVAL).await;
        match idle.upgrade() {
            Some(idle) if idle.sweep(Instant::now()) => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use pingora::protocols::l4::stream::Stream as Tcp;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const LIFE: Duration = Duration::from_secs(60);

    /// Both ends of a connection.
    async fn connection() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, _) = listener.accept().await.unwrap();
        (Box::new(Tcp::from(ours)), theirs)
    }

    async fn write_to(stream: &mut Stream, byte: u8) {
        stream.write_all(&[byte]).await.unwrap();
        stream.flush().await.unwrap();
    }

    #[tokio::test]
    async fn the_one_used_last_comes_back_first_and_only_for_its_destination() {
        let idle = Arc::new(IdleConnections::new(8));
        let (first, mut first_end) = connection().await;
        let (second, mut second_end) = connection().await;
        idle.put(1, first, LIFE);
        idle.put(1, second, LIFE);
        assert!(idle.take(2).is_none());
        write_to(&mut idle.take(1).unwrap(), b'2').await;
        write_to(&mut idle.take(1).unwrap(), b'1').await;
        assert!(idle.take(1).is_none());
        assert_eq!(second_end.read_u8().await.unwrap(), b'2');
        assert_eq!(first_end.read_u8().await.unwrap(), b'1');
    }

    #[tokio::test]
    async fn the_one_that_waited_longest_makes_room() {
        let idle = Arc::new(IdleConnections::new(1));
        let (first, mut first_end) = connection().await;
        let (second, _second_end) = connection().await;
        idle.put(1, first, LIFE);
        idle.put(2, second, LIFE);
        assert_eq!(first_end.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(idle.take(1).is_none());
        assert!(idle.take(2).is_some());
    }

    #[tokio::test]
    async fn none_is_kept_where_none_may_be() {
        let idle = Arc::new(IdleConnections::new(0));
        let (ours, mut theirs) = connection().await;
        idle.put(1, ours, LIFE);
        assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_too_old_is_neither_given_nor_kept() {
        let idle = Arc::new(IdleConnections::new(8));
        let (ours, mut theirs) = connection().await;
        idle.put(1, ours, Duration::ZERO);
        assert!(idle.take(1).is_none());
        assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0);

        let idle = Arc::new(IdleConnections::new(8));
        let (ours, mut theirs) = connection().await;
        idle.put(1, ours, LIFE);
        assert!(idle.sweep(Instant::now()));
        assert!(!idle.sweep(Instant::now() + LIFE));
        assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_speaks_unasked_or_hangs_up_is_not_given() {
        for says in [&b""[..], b"HTTP/1.1 200 OK\r\n\r\n"] {
            let idle = Arc::new(IdleConnections::new(8));
            let (ours, mut theirs) = connection().await;
            idle.put(1, ours, LIFE);
            theirs.write_all(says).await.unwrap();
            theirs.shutdown().await.unwrap();
            // The runtime has to hear of it first.
            tokio::time::timeout(LIFE, async {
                while idle.sweep(Instant::now()) {
                    tokio::task::yield_now().await;
                }
            })
            .await
            .unwrap();
            assert!(idle.take(1).is_none());
        }
    }

    #[tokio::test]
    async fn the_sweeping_task_closes_what_storage_has_left() {
        let idle = Arc::new(IdleConnections::new(8));
        let (ours, mut theirs) = connection().await;
        idle.put(1, ours, LIFE);
        theirs.shutdown().await.unwrap();
        // Our end is closed without anybody asking for it.
        assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0);
        // The task has ended; another connection starts it again.
        let (ours, mut theirs) = connection().await;
        idle.put(1, ours, LIFE);
        theirs.shutdown().await.unwrap();
        assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0);
    }
}
