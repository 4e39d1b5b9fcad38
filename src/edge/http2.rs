//! HTTP/2 on one connection: many requests at once, within limits.
//!
//! The protocol itself is the `h2` crate's, with its bounds on floods of resets, settings, pings,
//! empty frames and header blocks. What is added here: deadlines, a bound on the requests in flight
//! that counts those whose client gave up, and an end for connections that only give up
//! (CVE-2023-44487) or no longer read.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

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
use super::{Counted, Edge, Request, framing};
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

/// What the client did with its connection so far.
struct Conduct {
    requests: u32,
    cancelled: u32,
    malformed: u32,
}

impl Conduct {
    /// Whether the connection is for nothing but trouble: it gave up most of what it asked for.
    fn is_abusive(&self) -> bool {
        self.malformed > MALFORMED_MAX
            || (self.cancelled >= CANCELLED_MIN && self.cancelled > self.requests / 2)
    }
}

/// What happened next on a connection.
enum Event {
    Request(Box<HttpSession>),
    /// A request that was refused below us.
    Malformed,
    /// Nothing was asked for too long.
    Idle,
    /// The connection ended.
    Ended,
}

/// Serves one connection until it ends; when `draining` turns true, until its requests are done.
pub async fn serve<S>(
    edge: &Arc<Edge>,
    stream: ClientStream<S>,
    mut draining: watch::Receiver<bool>,
) where
    ClientStream<S>: IO + 'static,
{
    let _counted = Counted::new(&edge.metrics.connections);
    let connection = stream.connection();
    let plan = Arc::clone(&edge.serving().plan);
    let (idle, stall) = (plan.timeouts.header, plan.timeouts.header);
    let shaken = timeout(idle, handshake(Box::new(stream), Some(options(&plan.limits)))).await;
    let Ok(Ok(mut http2)) = shaken else { return };
    let room = plan.limits.http2_streams_per_connection as usize;
    drop(plan);

    let digest = Arc::new(Digest::default());
    let mut conduct = Conduct { requests: 0, cancelled: 0, malformed: 0 };
    let mut requests = JoinSet::new();
    let mut idle_since = Instant::now();
    let mut stopping = false;
    let mut look = tokio::time::interval((stall / 4).max(Duration::from_millis(10)));
    loop {
        let (has_room, is_idle) = (requests.len() < room, requests.is_empty());
        let event = tokio::select! {
            biased;
            () = async { drop(draining.wait_for(|draining| *draining).await) }, if !stopping => {
                http2.graceful_shutdown();
                stopping = true;
                continue;
            }
            Some(ended) = requests.join_next() => {
                conduct.cancelled += u32::from(matches!(ended, Ok(Outcome::Cancelled)));
                idle_since = Instant::now();
                if conduct.is_abusive() { break }
                continue;
            }
            event = next(&mut http2, &digest, has_room) => event,
            () = sleep_until(idle_since + idle), if is_idle => Event::Idle,
            _ = look.tick() => {
                // Nothing was taken off our hands for too long: resets would not be either.
                if connection.stall.lasts(stall) { break }
                continue;
            }
        };
        match event {
            Event::Ended => break,
            Event::Idle => {
                close(&mut http2, Reason::NO_ERROR, stall).await;
                return;
            }
            Event::Malformed => conduct.malformed += 1,
            Event::Request(session) => {
                conduct.requests += 1;
                let Ok(permit) = Arc::clone(&edge.streams).try_acquire_owned() else {
                    refuse_stream(edge, *session);
                    continue;
                };
                let (edge, connection) = (Arc::clone(edge), connection.clone());
                requests.spawn(
                    async move { serve_request(&edge, *session, &connection, permit).await },
                );
            }
        }
        if conduct.is_abusive() {
            break;
        }
    }
    if conduct.is_abusive() {
        edge.metrics.unrouted.with_label_values(&["abusive HTTP/2 connection"]).inc();
        tracing::warn!(peer = ?connection.peer, "closing an abusive HTTP/2 connection");
        close(&mut http2, Reason::ENHANCE_YOUR_CALM, stall).await;
    }
    // The requests notice that their connection is gone, and are counted and logged as such.
    drop(http2);
    while requests.join_next().await.is_some() {}
}

fn options(limits: &Limits) -> H2Options {
    let mut options = default_h2_options();
    let header_size = u32::try_from(limits.header_size.as_u64()).unwrap_or(u32::MAX);
    options
        .max_header_list_size(header_size)
        .max_concurrent_streams(limits.http2_streams_per_connection)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_local_error_reset_streams(Some(ERROR_RESETS_MAX));
    options
}

/// Drives the connection to the next request. Without room for one it is only driven, so that the
/// requests in flight get on. Cancellation loses nothing.
async fn next(http2: &mut Http2<Stream, bytes::Bytes>, digest: &Arc<Digest>, room: bool) -> Event {
    if !room {
        // An error ends the connection like its end does.
        let _ = poll_fn(|context| http2.poll_closed(context)).await;
        return Event::Ended;
    }
    match HttpSession::from_h2_conn(http2, Arc::clone(digest)).await {
        Ok(Some(H2Accept::Session(session))) => Event::Request(Box::new(session)),
        Ok(Some(H2Accept::Rejected)) => Event::Malformed,
        // Clients drop connections as they please.
        Ok(None) | Err(_) => Event::Ended,
    }
}

/// Says why the connection ends, to a client that still reads.
async fn close(http2: &mut Http2<Stream, bytes::Bytes>, reason: Reason, limit: Duration) {
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
    let session = ServerSession::new_http2(session);
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

async fn refuse(plan: &Plan, session: ServerSession, refusal: Reply) -> Outcome {
    let mut client = Edge::client(session, plan);
    // The client may be gone; there is nobody else to tell.
    let _ = client.reply(refusal).await;
    let _ = client.into_session().finish_body().await;
    Outcome::Settled
}
