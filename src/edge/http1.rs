//! HTTP/1 on one connection: its requests, one after the other, until it ends.

use std::sync::Arc;

use http::StatusCode;
use pingora::ErrorType;
use pingora::protocols::IO;
use pingora::protocols::http::ServerSession;
use tokio::sync::watch;
use tokio::time::timeout;

use super::framing::{self, Framing, Malformed};
use super::settle::{self, Ending};
use super::stream::{ClientStream, Connection};
use super::{Counted, Edge, Request, bytes};
use crate::plan::Plan;
use crate::reply;
use crate::transfer::client::Client;

/// Serves the requests of one connection until it ends, or is idle when `draining` turns true.
pub async fn serve<S>(edge: &Edge, stream: ClientStream<S>, mut draining: watch::Receiver<bool>)
where
    ClientStream<S>: IO + 'static,
{
    let _counted = Counted::new(&edge.metrics.connections);
    let connection: Connection = stream.connection();
    // Boxed, since it is handed from function to function and more than a kilobyte large.
    let mut session = Box::new(ServerSession::new_http1(Box::new(stream)));
    loop {
        let Some(answered) = serve_request(edge, session, &connection, &mut draining).await else {
            return;
        };
        let Ok(Some(reusable)) = answered.finish().await else { return };
        let (stream, _) = reusable.into_parts();
        session = Box::new(ServerSession::new_http1(stream));
    }
}

/// Serves one request. The session comes back if it may carry another; else it has ended, or is
/// dropped as it is: an unfinished answer must not look finished.
async fn serve_request(
    edge: &Edge,
    mut session: Box<ServerSession>,
    connection: &Connection,
    draining: &mut watch::Receiver<bool>,
) -> Option<Box<ServerSession>> {
    let waiting = edge.serving();
    let head = read_head(&waiting.plan, &mut session, connection, draining).await?;
    // What it waited by may be outdated by now.
    drop(waiting);
    let serving = edge.serving();
    let plan = Arc::clone(&serving.plan);
    let framing = match head {
        Ok(framing) => framing,
        Err(malformed) => {
            refuse_malformed(edge, &plan, session, malformed).await;
            return None;
        }
    };
    if framing == Framing::Chunked || *draining.borrow() {
        session.set_keepalive(None);
    }
    edge.metrics.http1_requests.inc();
    let head = session.req_header().as_ref().clone();
    let request = Request::new(serving, connection, &head);
    let client = Edge::client(session, &plan);
    let (client, ending) = edge.answer(client, &head, &request).await;
    let unread_max = match &ending {
        Ending::Refused(error) => settle::unread_max(&plan, &head, error),
        Ending::Answered => plan.limits.drain_size.as_u64(),
        Ending::Cut(_) | Ending::Gone(_) => return None,
    };
    finish(&plan, client, unread_max).await
}

/// Waits for a request's header and reads it. None: the connection is over, and there is nobody to
/// say anything to.
async fn read_head(
    plan: &Plan,
    session: &mut ServerSession,
    connection: &Connection,
    draining: &mut watch::Receiver<bool>,
) -> Option<Result<Framing, Malformed>> {
    session.set_read_timeout(Some(plan.timeouts.header));
    let size_max = bytes(plan.limits.header_size);
    // One byte more than the limit, so that a header of just that size is seen whole.
    connection.allowance.limit(size_max.saturating_add(1));
    connection.chunks.begin();
    let read = tokio::select! {
        biased;
        read = timeout(plan.timeouts.header, session.read_request()) => read,
        // A connection without a request is what a drain wants to be rid of.
        _ = draining.wait_for(|draining| *draining) => return None,
    };
    connection.allowance.lift();
    match read {
        Err(_) | Ok(Ok(false)) => None,
        Ok(Ok(true)) => Some(check_framing(&session.to_h1_raw(), size_max, connection)),
        Ok(Err(_)) if connection.allowance.is_exhausted() => Some(Err(framing::TOO_LARGE)),
        Ok(Err(error)) if *error.etype() == ErrorType::InvalidHTTPHeader => Some(Err(Malformed {
            status: StatusCode::BAD_REQUEST,
            reason: "the request is not HTTP",
        })),
        Ok(Err(_)) => None,
    }
}

/// Judges the framing of a request whose header was read, and from now on that of its body.
fn check_framing(
    raw: &[u8],
    size_max: usize,
    connection: &Connection,
) -> Result<Framing, Malformed> {
    let framing = framing::check(raw, size_max)?;
    match framing {
        Framing::Length => connection.chunks.end(),
        Framing::Chunked => {
            let scanned = connection.chunks.expect_chunks(raw.len());
            scanned.map_err(|_| {
                // The rest is read only to be thrown away.
                connection.chunks.end();
                framing::BROKEN_CHUNK
            })?;
        }
    }
    Ok(framing)
}

/// Says what is wrong with a request, and ends its connection.
async fn refuse_malformed(
    edge: &Edge,
    plan: &Plan,
    mut session: Box<ServerSession>,
    malformed: Malformed,
) {
    edge.metrics.unrouted.with_label_values(&[malformed.reason]).inc();
    tracing::debug!(reason = malformed.reason, "malformed request");
    session.set_keepalive(None);
    let (mut parts, body) = reply::plain(malformed.status, malformed.reason).into_parts();
    parts.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
    let answer = async {
        session.write_response_header(Box::new(parts.into())).await?;
        session.write_response_body(body, true).await
    };
    // The client may be gone; there is nobody else to tell.
    let _ = timeout(plan.timeouts.drain, answer).await;
    settle::linger(session, plan, plan.limits.drain_size.as_u64()).await;
}

/// Ends an answer that was sent whole. Of a body that was not read, at most so many bytes are.
async fn finish(plan: &Plan, client: Client, unread_max: u64) -> Option<Box<ServerSession>> {
    let mut session = client.into_session();
    // It may have to wait for a client that reads nothing.
    let finished = timeout(plan.timeouts.header, session.finish_body()).await;
    if !matches!(finished, Ok(Ok(()))) {
        return None;
    }
    if session.is_body_done() && session.get_keepalive().is_some() {
        return Some(session);
    }
    settle::linger(session, plan, unread_max).await;
    None
}
