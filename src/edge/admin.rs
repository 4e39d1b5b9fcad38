//! `/healthz`, `/readyz` and `/metrics`, on an address of their own.

use std::sync::Arc;

use http::{Method, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Edge;
use super::stream::ClientStream;
use crate::reply::{self, Reply};
use pingora::protocols::http::ServerSession;
use tokio::time::timeout;

/// Admin connections open at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 64;

/// The largest header of an admin request, in bytes. Bodies are not read.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// What the admin listener tells of.
pub struct Admin {
    /// What serves.
    pub edge: Arc<Edge>,
    /// True from the moment the process was asked to end.
    pub draining: watch::Receiver<bool>,
}

/// Serves until dropped: load balancers ask to the very end.
pub async fn serve(admin: Arc<Admin>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, peer)) => {
                    let stream = ClientStream::new(stream, Some(peer));
                    stream.connection().allowance.limit(HEADER_BYTES_MAX);
                    let session = ServerSession::new_http1(Box::new(stream));
                    let admin = Arc::clone(&admin);
                    connections.spawn(async move { answer(&admin, session).await });
                }
                Err(error) => {
                    tracing::error!(%error, "cannot accept admin connections");
                    tokio::time::sleep(super::server::ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn answer(admin: &Admin, mut session: ServerSession) {
    let limit = admin.edge.serving().plan.timeouts.header;
    if !matches!(timeout(limit, session.read_request()).await, Ok(Ok(true))) {
        return;
    }
    session.set_keepalive(None);
    let head = session.req_header();
    let (mut parts, body) = respond(admin, &head.method, head.uri.path()).into_parts();
    let body = if head.method == Method::HEAD { bytes::Bytes::new() } else { body };
    parts.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
    let written = async {
        session.write_response_header(Box::new(parts.into())).await?;
        session.write_response_body(body, true).await
    };
    // Whoever asked and left is not owed an answer.
    let _ = timeout(limit, written).await;
    session.shutdown().await;
}

fn respond(admin: &Admin, method: &Method, path: &str) -> Reply {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return reply::plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    }
    match path {
        "/healthz" => reply::plain(StatusCode::OK, "ok"),
        // Storage is not asked: when it is down, so it is for every replica, and a fleet without a
        // ready member answers worse than one that says 503 in each dialect.
        "/readyz" if *admin.draining.borrow() => {
            reply::plain(StatusCode::SERVICE_UNAVAILABLE, "draining")
        }
        "/readyz" => reply::plain(StatusCode::OK, "ready"),
        "/metrics" => {
            let text = admin.edge.metrics.render(&admin.edge.serving().plan);
            reply::with_body(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        _ => reply::plain(StatusCode::NOT_FOUND, "not found"),
    }
}
