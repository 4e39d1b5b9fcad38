//! A storage server that answers as scripted, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::interval;

use super::answer::{Answer, Then};
use super::content::Content;
use super::within;

/// A request as storage saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Number of its connection, from 0.
    pub(crate) connection: usize,
    /// Number of the request on its connection, from 0.
    pub(crate) nth: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    /// Of at most a `Content-Length`; the gateway itself sends storage no bodies.
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        values.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    pub(crate) fn parse(head: &str, connection: usize, nth: usize) -> Self {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { connection, nth, method, target, headers, body: String::new() }
    }
}

/// Connections that were opened, those of them that have ended, and requests that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) opened: usize,
    pub(crate) ended: usize,
    pub(crate) requests: usize,
}

type Script = Box<dyn Fn(&Seen) -> Answer + Send + Sync>;

struct Shared {
    script: Script,
    seen: Mutex<Vec<Seen>>,
    counts: watch::Sender<Counts>,
}

/// The server. It ends when dropped.
pub(crate) struct Storage {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Storage {
    /// Answers every request as the script says.
    pub(crate) async fn scripted(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            counts: watch::Sender::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, _tasks: tasks }
    }

    /// Has this content, and nothing else.
    pub(crate) async fn holding(content: &Content) -> Self {
        let content = content.clone();
        Self::scripted(move |seen| match seen.target == content.target() {
            true => Answer::object(seen, &content.bytes),
            false => Answer::error(seen, 404, "NoSuchKey"),
        })
        .await
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until the counts are as expected.
    #[track_caller]
    pub(crate) fn until(&self, expected: impl FnMut(&Counts) -> bool) -> impl Future<Output = ()> {
        let mut counts = self.shared.counts.subscribe();
        within(async move {
            counts.wait_for(expected).await.unwrap();
        })
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        shared.counts.send_modify(|counts| counts.opened += 1);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            serve(stream, number, &shared).await;
            shared.counts.send_modify(|counts| counts.ended += 1);
        });
    }
}

async fn serve(mut stream: TcpStream, connection: usize, shared: &Shared) {
    let mut unread = Vec::new();
    for nth in 0.. {
        let Some(head) = read_head(&mut stream, &mut unread).await else { return };
        let mut seen = Seen::parse(&head, connection, nth);
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        let Some(body) = read_body(&mut stream, &mut unread, length).await else { return };
        seen.body = body;
        let answer = (shared.script)(&seen);
        shared.seen.lock().unwrap().push(seen);
        shared.counts.send_modify(|counts| counts.requests += 1);
        if stream.write_all(&answer.bytes).await.is_err() {
            return;
        }
        match answer.then {
            Then::Keep => {}
            Then::Close => return,
            Then::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Then::Stall => {
                // The gateway sends nothing more, so this ends when it gives up.
                let _ = stream.read(&mut [0; 64]).await;
                return;
            }
            Then::Trickle => {
                let mut beat = interval(Duration::from_millis(30));
                while stream.write_all(b"x").await.is_ok() {
                    beat.tick().await;
                }
            }
            Then::Flood(bytes) => while stream.write_all(bytes).await.is_ok() {},
        }
    }
}

async fn read_body(stream: &mut TcpStream, unread: &mut Vec<u8>, length: usize) -> Option<String> {
    while unread.len() < length {
        if stream.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    }
    Some(String::from_utf8(unread.drain(..length).collect()).unwrap())
}

/// A request's head without the empty line.
pub(crate) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    unread: &mut Vec<u8>,
) -> Option<String> {
    loop {
        if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = unread.drain(..end + 4).take(end).collect();
            return Some(String::from_utf8(head).unwrap());
        }
        if stream.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    }
}
