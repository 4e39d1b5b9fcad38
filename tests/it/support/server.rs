//! An HTTP/1 server that answers as scripted, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::answer::{Answer, Then};
use super::within;

/// A request as the server saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Number of its connection, from 0.
    pub(crate) connection: usize,
    /// Number of the request on its connection, from 0.
    pub(crate) nth: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    /// As it came, of at most a `Content-Length`.
    pub(crate) bytes: Vec<u8>,
    /// The same where it is text, else empty.
    pub(crate) body: String,
}

/// An answer that does not wait for the whole body.
pub(crate) struct Early {
    /// How much of the body is read first; before any, storage does not say that it wants it.
    pub(crate) after: usize,
    pub(crate) answer: Answer,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        values.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    fn parse(head: &str, connection: usize, nth: usize) -> Self {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { connection, nth, method, target, headers, ..Self::default() }
    }
}

/// Connections that were opened, those of them that have ended, and requests that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) opened: usize,
    pub(crate) ended: usize,
    pub(crate) requests: usize,
    /// Requests whose body broke off; they are no requests.
    pub(crate) broken: usize,
}

/// How a connection begins.
#[derive(Clone)]
pub(crate) enum Opening {
    /// With a request.
    InClear,
    /// With a handshake, then a request.
    Tls(TlsAcceptor),
    /// With the answer, whatever comes.
    Unasked,
}

type Script = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;
type Haste = Arc<dyn Fn(&Seen) -> Option<Early> + Send + Sync>;

struct Shared {
    opening: Opening,
    script: Mutex<Script>,
    haste: Mutex<Option<Haste>>,
    asks_for_bodies: AtomicBool,
    seen: Mutex<Vec<Seen>>,
    broken: Mutex<Vec<Seen>>,
    counts: watch::Sender<Counts>,
}

/// The server. It ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Answers every request as the script says.
    pub(crate) async fn scripted(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::opening_with(Opening::InClear, script).await
    }

    pub(crate) async fn opening_with(
        opening: Opening,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            opening,
            script: Mutex::new(Arc::new(script)),
            haste: Mutex::default(),
            asks_for_bodies: AtomicBool::new(true),
            seen: Mutex::default(),
            broken: Mutex::default(),
            counts: watch::Sender::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, _tasks: tasks }
    }

    /// Answers otherwise from now on.
    pub(crate) fn change(&self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    /// Answers some requests before it has all of their body. What follows on the connection is taken
    /// for the next request.
    pub(crate) fn hurry(&self, haste: impl Fn(&Seen) -> Option<Early> + Send + Sync + 'static) {
        *self.shared.haste.lock().unwrap() = Some(Arc::new(haste));
    }

    /// Does not know `Expect: 100-continue`.
    pub(crate) fn never_ask_for_bodies(&self) {
        self.shared.asks_for_bodies.store(false, Ordering::Relaxed);
    }

    /// The requests so far whose body broke off, with what came of it.
    pub(crate) fn broken(&self) -> Vec<Seen> {
        self.shared.broken.lock().unwrap().clone()
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

/// A connection, with or without TLS on it.
trait Socket: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        shared.counts.send_modify(|counts| counts.opened += 1);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            open(stream, number, &shared).await;
            shared.counts.send_modify(|counts| counts.ended += 1);
        });
    }
}

async fn open(mut stream: TcpStream, connection: usize, shared: &Shared) {
    match &shared.opening {
        Opening::InClear => serve(stream, connection, shared).await,
        Opening::Tls(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, connection, shared).await;
            }
        }
        Opening::Unasked => {
            let answer = shared.answer(Seen { connection, ..Seen::default() });
            if answer.send(&mut stream).await {
                drain(&mut stream).await;
            }
        }
    }
}

async fn serve(mut stream: impl Socket, connection: usize, shared: &Shared) {
    let mut unread = Vec::new();
    for nth in 0.. {
        let Some(head) = read_head(&mut stream, &mut unread).await else { return };
        let mut seen = Seen::parse(&head, connection, nth);
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        let haste = shared.haste.lock().unwrap().clone();
        let early = haste.and_then(|haste| haste(&seen));
        let wanted = early.as_ref().map_or(length, |early| early.after.min(length));
        if wanted > 0
            && seen.header("expect").is_some()
            && shared.asks_for_bodies.load(Ordering::Relaxed)
        {
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        let is_whole = read_body(&mut stream, &mut unread, wanted).await;
        let rest = unread.split_off(wanted.min(unread.len()));
        seen.bytes = std::mem::replace(&mut unread, rest);
        seen.body = std::str::from_utf8(&seen.bytes).unwrap_or_default().to_owned();
        if !is_whole {
            return shared.note_broken(seen);
        }
        let answer = match early {
            Some(early) => shared.note(seen, early.answer),
            None => shared.answer(seen),
        };
        if !answer.send(&mut stream).await {
            return;
        }
        match answer.then {
            Then::Keep => {}
            Then::Reset => {
                stream.tcp().set_zero_linger().unwrap();
                return;
            }
            Then::Close => {
                // With TLS this says that it is the end.
                let _ = stream.shutdown().await;
                return;
            }
            // The other side sends nothing more, so this ends when it gives up.
            Then::Stall | Then::Flood(_) | Then::Trickle => return drain(&mut stream).await,
            Then::Freeze => return std::future::pending().await,
        }
    }
}

impl Shared {
    fn answer(&self, seen: Seen) -> Answer {
        let script = Arc::clone(&self.script.lock().unwrap());
        let answer = script(&seen);
        self.note(seen, answer)
    }

    fn note(&self, seen: Seen, answer: Answer) -> Answer {
        self.seen.lock().unwrap().push(seen);
        self.counts.send_modify(|counts| counts.requests += 1);
        answer
    }

    fn note_broken(&self, seen: Seen) {
        self.broken.lock().unwrap().push(seen);
        self.counts.send_modify(|counts| counts.broken += 1);
    }
}

async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let _ = stream.read(&mut [0; 64]).await;
}

/// Reads until so much is there; whether it is.
async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    unread: &mut Vec<u8>,
    length: usize,
) -> bool {
    while unread.len() < length {
        if !matches!(stream.read_buf(unread).await, Ok(1..)) {
            return false;
        }
    }
    true
}

/// A request's head without the empty line.
async fn read_head(stream: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>) -> Option<String> {
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
