//! After the answer: the log line, the metrics, the rest of the request's body.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header;
use http::request::Parts;
use pingora::protocols::http::ServerSession;
use tokio::io::{AsyncReadExt as _, copy, sink};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Edge, Request, identity};
use crate::auth::Tenant;
use crate::error::{Error, Kind, with_causes};
use crate::gateway::Asker;
use crate::plan::Plan;
use crate::telemetry::access::{Line, microseconds, timestamp};
use crate::token;
use crate::transfer::client::{Gone, Progress};

/// What is read at a time of a body that nobody wants.
const LINGER_BUFFER_BYTES: usize = 16 * 1024;

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

/// A request that is being answered. However that ends, it is counted and logged: dropped without
/// [`Open::settle`], it was ended with the process.
pub(super) struct Open<'a> {
    edge: &'a Edge,
    request: &'a Request,
    head: &'a Parts,
    progress: Arc<Progress>,
    settled: bool,
}

impl<'a> Open<'a> {
    pub(super) fn new(
        edge: &'a Edge,
        request: &'a Request,
        head: &'a Parts,
        progress: Arc<Progress>,
    ) -> Self {
        Self { edge, request, head, progress, settled: false }
    }

    /// Counts and logs a request that has ended.
    pub(super) fn settle(mut self, asker: &Asker, ending: &Ending) {
        self.settled = true;
        self.record(asker, ending);
    }

    fn record(&self, asker: &Asker, ending: &Ending) {
        let Self { edge, request, head, progress, .. } = self;
        let plan = &request.serving.plan;
        let routed = plan.route(head.uri.path());
        let route = routed.map(|(route, _)| route);
        let duration = request.began.elapsed();
        let (kind, error) = match ending {
            Ending::Answered => (None, None),
            Ending::Refused(error) | Ending::Cut(error) => {
                (Some(error.kind()), Some(with_causes(error)))
            }
            Ending::Gone(gone) => (None, Some(gone.to_string())),
        };
        match (route, ending) {
            (Some(route), Ending::Gone(_)) => route.metrics.client_gone.inc(),
            (Some(route), _) => route.metrics.requests(kind).inc(),
            (None, _) => edge.metrics.unrouted.with_label_values(&["no route"]).inc(),
        }
        if let Some(route) = route {
            route.metrics.seconds.observe(duration.as_secs_f64());
            route.metrics.sent_bytes.inc_by(progress.sent());
            route.metrics.received_bytes.inc_by(progress.received());
        }
        let cut = matches!(ending, Ending::Cut(_));
        if cut {
            tracing::error!(request_id = request.id, error, "an answer was cut");
        }
        if !edge.access_log.is_on() {
            return;
        }
        let peer = request.connection.peer.map(|peer| peer.ip());
        edge.access_log.write(&Line {
            time: timestamp(SystemTime::now()),
            request_id: &request.id,
            client: identity::client_address(plan, &head.headers, peer),
            method: head.method.as_str(),
            path: match routed {
                Some((route, rest)) => route.loggable(head.uri.path(), rest),
                None => token::loggable(head.uri.path()),
            },
            route: route.map(|route| route.path.as_str()),
            dialect: route.map(|route| route.dialect.name()),
            tenant: asker.tenant.as_ref().map(Tenant::as_str),
            token_id: asker.token_id.map(|id| id.to_string()),
            status: progress.status(),
            kind: match ending {
                Ending::Gone(_) => Some("client_gone"),
                _ => kind.map(Kind::name),
            },
            cut,
            error,
            bytes: progress.sent(),
            received: progress.received(),
            duration_us: microseconds(duration),
            user_agent: head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
        });
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.settled {
            let error = Error::Internal("the request was ended with the process".into());
            self.record(&Asker::default(), &Ending::Cut(error));
        }
    }
}

/// Ends a connection after its last answer: closes our side and reads what the client still sends,
/// within the limits, since closing on unread bytes would reset the connection and take the end of
/// the answer with it.
///
/// Where a body or a next request begins is not asked: the bytes are read and not understood.
pub(super) async fn linger(mut session: Box<ServerSession>, plan: &Plan, bytes_max: u64) {
    let drain = plan.timeouts.drain;
    let read = async {
        // It flushes first, and a client that reads nothing would hold it for ever.
        timeout(drain, session.shutdown()).await.ok()?;
        let ServerSession::H1(session) = *session else { return None };
        let mut stream = session.into_inner();
        if bytes_max <= plan.limits.drain_size.as_u64() {
            let mut bytes = stream.take(bytes_max);
            return timeout(drain, copy(&mut bytes, &mut sink())).await.ok()?.ok();
        }
        let rate_min = plan.limits.receive_rate_min.as_u64().max(1);
        let (mut taken, mut buffer) = (0, vec![0; LINGER_BUFFER_BYTES]);
        let began = Instant::now();
        while taken < bytes_max {
            // What came in time buys no pause: nobody is kept for hours who sends nothing.
            let due = began + drain + Duration::from_secs(taken / rate_min);
            let due = due.min(Instant::now() + plan.timeouts.header.max(drain));
            match timeout_at(due, stream.read(&mut buffer)).await.ok()?.ok()? {
                0 => break,
                read => taken += read as u64,
            }
        }
        Some(taken)
    };
    // Too slow or too much: the connection ends either way.
    let _ = timeout(plan.timeouts.upload.max(drain), read).await;
}

/// How much of a body that is not wanted is read after a refusal, in bytes. Some clients write all
/// of an upload before they look for an answer, and would never see it; those who showed that they
/// are allowed in may do so.
pub(super) fn unread_max(plan: &Plan, head: &Parts, error: &Error) -> u64 {
    let drain_size = plan.limits.drain_size.as_u64();
    match plan.route(head.uri.path()) {
        Some((route, _)) if route.takes_uploads() && error.kind().is_of_known_caller() => {
            route.upload_size.max(drain_size)
        }
        _ => drain_size,
    }
}
