//! After the answer: the log line, the metrics, the rest of the request's body.

use std::time::SystemTime;

use http::header;
use http::request::Parts;
use pingora::protocols::http::ServerSession;
use tokio::io::{AsyncReadExt as _, copy, sink};
use tokio::time::timeout;

use super::{Edge, Request, identity};
use crate::auth::Tenant;
use crate::error::Error;
use crate::plan::{Plan, Route};
use crate::telemetry::access::{Line, microseconds, timestamp};
use crate::transfer::client::{Client, Gone};

/// How a request ended.
pub(super) enum Ending {
    /// As asked.
    Answered,
    /// With a refusal, sent whole.
    Refused(Error),
    /// In the middle of an answer, by us.
    Cut(Error),
    /// By the client.
    Gone(Gone),
}

/// What is known of a request when it is over.
pub(super) struct Account<'a> {
    pub(super) request: &'a Request,
    pub(super) head: &'a Parts,
    pub(super) route: Option<&'a Route>,
    pub(super) tenant: Option<Tenant>,
    pub(super) ending: &'a Ending,
}

/// Counts a request and logs it.
pub(super) fn record(edge: &Edge, account: &Account<'_>, client: &Client) {
    let Account { request, head, route, tenant, ending } = account;
    let duration = request.began.elapsed();
    let (kind, error) = match ending {
        Ending::Answered => (None, None),
        Ending::Refused(error) | Ending::Cut(error) => (Some(error.kind()), Some(chain(error))),
        Ending::Gone(gone) => (None, Some(gone.to_string())),
    };
    if let Some(route) = route {
        match ending {
            Ending::Gone(_) => route.metrics.client_gone.inc(),
            _ => route.metrics.requests(kind).inc(),
        }
        route.metrics.seconds.observe(duration.as_secs_f64());
        route.metrics.sent_bytes.inc_by(client.sent());
    }
    if matches!(ending, Ending::Cut(_)) {
        tracing::error!(request_id = request.id, error, "an answer was cut");
    }
    if !edge.access_log.is_on() {
        return;
    }
    let peer = request.connection.peer.map(|peer| peer.ip());
    edge.access_log.write(&Line {
        time: timestamp(SystemTime::now()),
        request_id: &request.id,
        client: identity::client_address(&edge.plan, &head.headers, peer),
        method: head.method.as_str(),
        path: head.uri.path(),
        route: route.map(|route| route.path.as_str()),
        dialect: route.map(|route| route.dialect.name()),
        tenant: tenant.as_ref().map(Tenant::as_str),
        status: client.status().map_or(0, |status| status.as_u16()),
        kind: match ending {
            Ending::Gone(_) => Some("client_gone"),
            _ => kind.map(crate::error::Kind::name),
        },
        cut: matches!(ending, Ending::Cut(_)),
        error,
        bytes: client.sent(),
        duration_us: microseconds(duration),
        user_agent: head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
    });
}

/// An error with its causes.
fn chain(error: &Error) -> String {
    use std::error::Error as _;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Ends a connection whose request made no sense. Where its body would end is anybody's guess, so
/// bytes are read, within the limits, and not understood; Pingora reads bodies of requests only.
pub(super) async fn discard(mut session: ServerSession, plan: &Plan) {
    let read = async {
        // It flushes first, and a client that reads nothing would hold it for ever.
        session.shutdown().await;
        let ServerSession::H1(session) = session else { return };
        let mut bytes = session.into_inner().take(plan.limits.drain_size.as_u64());
        let _ = copy(&mut bytes, &mut sink()).await;
    };
    // Too slow or too much: the connection ends either way.
    let _ = timeout(plan.timeouts.drain, read).await;
}

/// Reads what a client still sends after its answer, within the limits, so that it gets to read
/// that answer before the connection ends.
pub(super) async fn drain(session: &mut ServerSession, plan: &Plan) {
    let size_max = usize::try_from(plan.limits.drain_size.as_u64()).unwrap_or(usize::MAX);
    let read = async {
        let mut read = 0;
        while let Ok(Some(bytes)) = session.read_request_body().await {
            read += bytes.len();
            if read > size_max {
                return;
            }
        }
    };
    // Too slow or too much: the connection ends either way.
    let _ = timeout(plan.timeouts.drain, read).await;
}
