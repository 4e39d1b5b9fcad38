//! HTTP/2 on one connection: many requests at once, within limits.
//!
//! The protocol itself is the `h2` crate's, with its bounds on floods of resets, settings, pings,
//! empty frames and header blocks. What is added here: deadlines, a bound on the requests in flight
//! that counts those whose client gave up, and an end for connections that only give up
//! (CVE-2023-44487) or no longer read.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::Connection as Http2;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::{
    H2Accept, H2Options, HttpSession, default_h2_options, handshake,
};
use pingora::protocols::{Digest, IO, Stream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::settle::Ending;
use super::stream::{ClientStream, Connection};
use super::{Counted, Edge, Request, bytes, framing};
use crate::config::Limits;
use crate::plan::Plan;
use crate::reply::{self, Reply};

/// Malformed requests a connection is forgiven.
const MALFORMED_MAX: u32 = 32;

/// Requests a client may give up before it matters how many it let finish.
const CANCELLED_MIN: u32 = 100;

/// Answer bytes that wait in memory for one request's client.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Streams that we reset for errors of the client, per connection (CVE-2025-8671).
const ERROR_RESETS_MAX: usize = 100;

/// Bytes a client may send before it matters how much it asked for or was sent.
const BYTES_FREE: usize = 1024 * 1024;

/// Bytes of bodies that can arrive on a connection before anybody looks at the requests: its initial
/// window.
const BODY_BYTES: usize = 64 * 1024;

/// The same once an upload was granted, and the window of each stream, which is no use without that of
/// the connection: 64 KiB on the way at a time would be 1.3 MB/s for a client 50 ms away.
const UPLOAD_BYTES: u32 = 1024 * 1024;

/// How often it is looked whether the client takes what it is sent, at most.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(10);

/// What the client did with its connection so far.
#[derive(Default)]
struct Conduct {
    requests: u32,
    cancelled: u32,
    malformed: u32,
    is_flood: bool,
}

impl Conduct {
    /// Whether the connection is for nothing but trouble: it gave up most of what it asked for, or
    /// sends what asks for nothing.
    fn is_abusive(&self) -> bool {
        self.is_flood
            || self.malformed > MALFORMED_MAX
            || (self.cancelled >= CANCELLED_MIN && self.cancelled > self.requests / 2)
    }
}

/// What happened next on a connection.
enum Event {
    Request(Box<HttpSession>),
    /// A request that was refused below us.
    Malformed,
    /// A request was answered or given up.
    Done(Outcome),
    /// No new requests are to be taken.
    Draining,
    /// Nothing was asked for too long.
    Idle,
    /// It is time to see whether the client takes what it is sent.
    Look,
    /// An upload was granted.
    Upload,
    /// The connection ended; or we ended it, for what the client did.
    Ended(Option<Reason>),
}

/// The time a connection gets.
#[derive(Clone, Copy)]
struct Patience {
    /// Without a request in flight.
    idle: Duration,
    /// The same while the process drains.
    last: Duration,
    /// Without taking what it is sent, at this rate.
    stuck: Duration,
    rate_min: usize,
}

/// Serves one connection until it ends; when `draining` turns true, until its requests are done.
pub async fn serve<S>(edge: &Arc<Edge>, stream: ClientStream<S>, draining: watch::Receiver<bool>)
where
    ClientStream<S>: IO + 'static,
{
    let _counted = Counted::new(&edge.metrics.connections);
    let connection = stream.connection();
    let plan = Arc::clone(&edge.serving().plan);
    let (limits, timeouts) = (&plan.limits, &plan.timeouts);
    let patience = Patience {
        idle: timeouts.header,
        last: timeouts.drain.min(timeouts.header),
        stuck: timeouts.header,
        rate_min: bytes(limits.send_rate_min),
    };
    connection.allowance.limit(BYTES_FREE);
    let handshake = handshake(Box::new(stream), Some(options(limits)));
    let Ok(Ok(mut http2)) = timeout(patience.idle, handshake).await else { return };
    let room = limits.http2_streams_per_connection as usize;
    let per_request = bytes(limits.header_size).saturating_add(BODY_BYTES);
    drop(plan);

    let mut requests = JoinSet::new();
    let edge = Arc::clone(edge);
    let end = Serving { edge, connection, patience, room, per_request }
        .run(&mut http2, &mut requests, draining)
        .await;
    if let Some(reason) = end {
        close(&mut http2, reason, patience.stuck).await;
    }
    // The requests notice that their connection is gone, and are counted and logged as such.
    drop(http2);
    while requests.join_next().await.is_some() {}
}

/// What serving a connection needs.
struct Serving {
    edge: Arc<Edge>,
    connection: Connection,
    patience: Patience,
    /// Requests in flight at once.
    room: usize,
    /// Bytes the client may send for each request.
    per_request: usize,
}

impl Serving {
    /// Serves until the connection is to be closed, with this reason; None: it cannot be told any.
    async fn run(
        &self,
        http2: &mut Http2<Stream, Bytes>,
        requests: &mut JoinSet<Outcome>,
        mut draining: watch::Receiver<bool>,
    ) -> Option<Reason> {
        let Self { edge, connection, patience, .. } = self;
        let digest = Arc::new(Digest::default());
        let mut conduct = Conduct::default();
        let mut idle_until = Instant::now() + patience.idle;
        let (mut stopping, mut uploads) = (false, false);
        let mut look = tokio::time::interval((patience.stuck / 4).max(LOOK_PAUSE_MIN));
        loop {
            let (has_room, is_idle) = (requests.len() < self.room, requests.is_empty());
            let event = tokio::select! {
                // Time comes before what clients send: there can always be more of that.
                biased;
                () = async { drop(draining.wait_for(|draining| *draining).await) }, if !stopping => {
                    Event::Draining
                }
                () = sleep_until(idle_until), if is_idle => Event::Idle,
                _ = look.tick() => Event::Look,
                () = connection.allowance.upload(), if !uploads => Event::Upload,
                Some(ended) = requests.join_next() => {
                    Event::Done(ended.unwrap_or(Outcome::Settled))
                }
                event = next(http2, &digest, has_room) => event,
            };
            match event {
                Event::Ended(reason) => {
                    conduct.is_flood = connection.allowance.is_exhausted();
                    if !conduct.is_abusive() {
                        self.note_violation(reason);
                        return None;
                    }
                }
                Event::Idle => return Some(Reason::NO_ERROR),
                // Nothing was taken off our hands for too long: a reason would not be either.
                Event::Look => {
                    if connection.backlog.is_stuck(patience.stuck, patience.rate_min) {
                        return None;
                    }
                }
                Event::Upload => {
                    uploads = true;
                    connection.allowance.grant(UPLOAD_BYTES as usize);
                    http2.set_target_window_size(UPLOAD_BYTES);
                }
                Event::Draining => {
                    http2.graceful_shutdown();
                    stopping = true;
                    idle_until = Instant::now() + patience.last;
                }
                Event::Done(outcome) => {
                    conduct.cancelled += u32::from(matches!(outcome, Outcome::Cancelled));
                    let wait = if stopping { patience.last } else { patience.idle };
                    idle_until = Instant::now() + wait;
                }
                Event::Malformed => {
                    edge.metrics.unrouted.with_label_values(&["malformed HTTP/2 request"]).inc();
                    conduct.malformed += 1;
                }
                Event::Request(session) => {
                    let window = if uploads { UPLOAD_BYTES as usize } else { 0 };
                    connection.allowance.grant(self.per_request + window);
                    conduct.requests += 1;
                    self.begin(*session, requests);
                }
            }
            if conduct.is_abusive() {
                self.note_violation(Some(Reason::ENHANCE_YOUR_CALM));
                return Some(Reason::ENHANCE_YOUR_CALM);
            }
        }
    }

    fn begin(&self, session: HttpSession, requests: &mut JoinSet<Outcome>) {
        let Ok(permit) = Arc::clone(&self.edge.streams).try_acquire_owned() else {
            return refuse_stream(&self.edge, session);
        };
        let (edge, connection) = (Arc::clone(&self.edge), self.connection.clone());
        requests.spawn(async move { serve_request(&edge, session, &connection, permit).await });
    }

    /// Takes note of a connection that ends for what its client did.
    fn note_violation(&self, reason: Option<Reason>) {
        let peer = self.connection.peer;
        let what = match reason {
            None => return,
            Some(Reason::ENHANCE_YOUR_CALM) => {
                tracing::warn!(?peer, "closed an abusive HTTP/2 connection");
                "abusive HTTP/2 connection"
            }
            Some(reason) => {
                tracing::debug!(?peer, %reason, "closed an HTTP/2 connection");
                "HTTP/2 protocol error"
            }
        };
        self.edge.metrics.unrouted.with_label_values(&[what]).inc();
    }
}

fn options(limits: &Limits) -> H2Options {
    let mut options = default_h2_options();
    let header_size = u32::try_from(limits.header_size.as_u64()).unwrap_or(u32::MAX);
    options
        .max_header_list_size(header_size)
        .initial_window_size(UPLOAD_BYTES)
        .max_concurrent_streams(limits.http2_streams_per_connection)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_local_error_reset_streams(Some(ERROR_RESETS_MAX));
    options
}

/// Drives the connection to the next request. Without room for one it is only driven, so that the
/// requests in flight get on. Cancellation loses nothing.
async fn next(http2: &mut Http2<Stream, Bytes>, digest: &Arc<Digest>, room: bool) -> Event {
    if !room {
        let ended = poll_fn(|context| http2.poll_closed(context)).await;
        return Event::Ended(ended.err().and_then(|error| violation(&error)));
    }
    match HttpSession::from_h2_conn(http2, Arc::clone(digest)).await {
        Ok(Some(H2Accept::Session(session))) => Event::Request(Box::new(session)),
        Ok(Some(H2Accept::Rejected)) => Event::Malformed,
        Ok(None) => Event::Ended(None),
        Err(error) => Event::Ended(error.root_cause().downcast_ref().and_then(violation)),
    }
}

/// What the client did wrong, where that is why a connection ended. Clients drop connections as
/// they please.
fn violation(error: &h2::Error) -> Option<Reason> {
    (error.is_library() && error.is_go_away()).then(|| error.reason()).flatten()
}

/// Says why the connection ends, to a client that still reads.
async fn close(http2: &mut Http2<Stream, Bytes>, reason: Reason, limit: Duration) {
    http2.abrupt_shutdown(reason);
    // A client that does not read does not hear it.
    let _ = timeout(limit, poll_fn(|context| http2.poll_closed(context))).await;
}

/// There is no room: the client may ask again, here or elsewhere (RFC 9113 section 8.7).
fn refuse_stream(edge: &Edge, mut session: HttpSession) {
    edge.metrics.unrouted.with_label_values(&["too many HTTP/2 requests"]).inc();
    session.shutdown_with_reason(Reason::REFUSED_STREAM);
}

/// How a request ended, as far as its connection cares.
enum Outcome {
    Settled,
    Cancelled,
}

/// Serves one request. Dropped without an end, its stream is reset.
async fn serve_request(
    edge: &Edge,
    session: HttpSession,
    connection: &Connection,
    _permit: OwnedSemaphorePermit,
) -> Outcome {
    let serving = edge.serving();
    let plan = Arc::clone(&serving.plan);
    let session = Box::new(ServerSession::new_http2(session));
    let head = session.req_header().as_ref().clone();
    if let Err(malformed) = framing::check_http2(&head) {
        edge.metrics.unrouted.with_label_values(&[malformed.reason]).inc();
        let refusal = reply::plain(malformed.status, malformed.reason);
        return refuse(&plan, session, refusal).await;
    }
    edge.metrics.http2_requests.inc();
    let request = Request::new(serving, connection, &head);
    let client = Edge::client(session, &plan);
    let (client, ending) = edge.answer(client, &head, &request).await;
    let mut session = client.into_session();
    match ending {
        Ending::Answered | Ending::Refused(_) => {
            // It fails where the client reset the stream meanwhile.
            let _ = session.finish_body().await;
            Outcome::Settled
        }
        // The announced length is not reached, and the reset says that it never will be.
        Ending::Cut(_) => {
            session.shutdown_with_reason(Reason::INTERNAL_ERROR);
            Outcome::Settled
        }
        Ending::Gone(_) => {
            session.shutdown_with_reason(Reason::CANCEL);
            Outcome::Cancelled
        }
    }
}

async fn refuse(plan: &Plan, session: Box<ServerSession>, refusal: Reply) -> Outcome {
    let mut client = Edge::client(session, plan);
    // The client may be gone; there is nobody else to tell.
    let _ = client.reply(refusal).await;
    let _ = client.into_session().finish_body().await;
    Outcome::Settled
}
