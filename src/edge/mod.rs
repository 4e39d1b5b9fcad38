//! The edge: reads a request, asks the gateway, writes the answer, settles the account.
//!
//! It decides nothing about content. What it owns is the connection: deadlines, framing, how an
//! answer ends, whether the connection lives on, and the one log line.

pub mod admin;
pub mod framing;
pub mod identity;
pub mod server;
mod settle;
pub mod stream;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::StatusCode;
use pingora::ErrorType;
use pingora::protocols::http::ServerSession;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::error::Error;
use crate::gateway::{self, Decision, Verdict};
use crate::plan::Plan;
use crate::reply::{self, Reply};
use crate::telemetry::Metrics;
use crate::telemetry::access::AccessLog;
use crate::transfer::client::{Client, Gone};
use crate::transfer::download::{self, Undelivered};
use crate::transfer::storage::StorageClient;
use framing::{Framing, Malformed};
use settle::{Account, Ending};
use stream::Connection;

/// The gateway's HTTP application. Shared by all connections.
pub struct Edge {
    /// What requests are answered by.
    pub plan: Arc<Plan>,
    /// The way to storage.
    pub storage: StorageClient,
    /// The process's metrics.
    pub metrics: Arc<Metrics>,
    /// The request log.
    pub access_log: AccessLog,
}

/// What became of a connection after one request.
pub enum Next {
    /// It may carry another request.
    Reuse(ServerSession),
    /// It must end; the session may still have an answer to flush.
    Close(ServerSession),
    /// It must be dropped as it is: an unfinished answer must not look finished.
    Drop,
}

/// A request whose header was read and found sound.
struct Request {
    id: String,
    connection: Connection,
    began: Instant,
}

impl Edge {
    /// Waits for a request's header and reads it. None: the connection is over, and there is
    /// nobody to say anything to.
    async fn read_head(
        &self,
        session: &mut ServerSession,
        connection: &Connection,
        draining: &mut watch::Receiver<bool>,
    ) -> Option<Result<Framing, Malformed>> {
        let size_max = usize::try_from(self.plan.limits.header_size.as_u64()).unwrap_or(usize::MAX);
        // One byte more than the limit, so that a header of just that size is seen whole.
        connection.allowance.limit(size_max.saturating_add(1));
        let read = tokio::select! {
            biased;
            read = timeout(self.plan.timeouts.header, session.read_request()) => read,
            // A connection without a request is what a drain wants to be rid of.
            _ = draining.wait_for(|draining| *draining) => return None,
        };
        connection.allowance.lift();
        match read {
            Err(_) | Ok(Ok(false)) => None,
            Ok(Ok(true)) => Some(framing::check(&session.to_h1_raw(), size_max)),
            Ok(Err(_)) if connection.allowance.is_exhausted() => Some(Err(framing::TOO_LARGE)),
            Ok(Err(error)) if *error.etype() == ErrorType::InvalidHTTPHeader => {
                Some(Err(Malformed {
                    status: StatusCode::BAD_REQUEST,
                    reason: "the request is not HTTP",
                }))
            }
            Ok(Err(_)) => None,
        }
    }

    /// Says what is wrong with a request, and ends its connection.
    async fn refuse_malformed(&self, mut session: ServerSession, malformed: Malformed) {
        self.metrics.unrouted.with_label_values(&[malformed.reason]).inc();
        tracing::debug!(reason = malformed.reason, "malformed request");
        session.set_keepalive(None);
        let (mut parts, body) = reply::plain(malformed.status, malformed.reason).into_parts();
        parts.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
        let answer = async {
            session.write_response_header(Box::new(parts.into())).await?;
            session.write_response_body(body, true).await
        };
        // The client may be gone; there is nobody else to tell.
        let _ = timeout(self.plan.timeouts.drain, answer).await;
        settle::discard(session, &self.plan).await;
    }

    /// Serves one request of a connection.
    pub async fn serve(
        &self,
        mut session: ServerSession,
        connection: &Connection,
        draining: &mut watch::Receiver<bool>,
    ) -> Next {
        let limit = usize::try_from(self.plan.limits.send_rate_min.as_u64()).unwrap_or(usize::MAX);
        session.set_min_send_rate(Some(limit));
        session.set_read_timeout(Some(self.plan.timeouts.header));
        let framing = match self.read_head(&mut session, connection, draining).await {
            Some(Ok(framing)) => framing,
            Some(Err(malformed)) => {
                self.refuse_malformed(session, malformed).await;
                return Next::Drop;
            }
            None => return Next::Drop,
        };
        if framing == Framing::Chunked || *draining.borrow() {
            session.set_keepalive(None);
        }
        let head = session.req_header().as_ref().clone();
        let peer = connection.peer.map(|peer| peer.ip());
        let request = Request {
            id: identity::request_id(&self.plan, &head.headers, peer),
            connection: connection.clone(),
            began: Instant::now(),
        };
        let client = Client::new(session, self.plan.timeouts.header);
        self.answer(client, &head, request).await
    }

    /// Answers a request and settles.
    async fn answer(
        &self,
        mut client: Client,
        head: &http::request::Parts,
        request: Request,
    ) -> Next {
        client.set_request_id(&request.id);
        let now = SystemTime::now();
        let decision = tokio::select! {
            // An answer that is there at once costs no look at the connection.
            biased;
            decision = gateway::decide(&self.plan, &self.storage, head, now) => Ok(decision),
            gone = client.gone() => Err(gone),
        };
        let (route, tenant, ending) = match decision {
            Err(gone) => {
                let route = self.plan.route(head.uri.path()).map(|(route, _)| Arc::clone(route));
                (route, None, Ending::Gone(gone))
            }
            Ok(Decision { route, tenant, verdict }) => {
                let ending = self.carry_out(&mut client, head, verdict).await;
                (route, tenant, ending)
            }
        };
        if route.is_none() {
            self.metrics.unrouted.with_label_values(&["no route"]).inc();
        }
        settle::record(
            self,
            &Account { request: &request, head, route: route.as_deref(), tenant, ending: &ending },
            &client,
        );
        match ending {
            Ending::Answered | Ending::Refused(_) => self.finish(client).await,
            Ending::Cut(_) | Ending::Gone(_) => Next::Drop,
        }
    }

    async fn carry_out(
        &self,
        client: &mut Client,
        head: &http::request::Parts,
        verdict: Verdict,
    ) -> Ending {
        let download = match verdict {
            Verdict::Reply(reply) => return self.reply(client, reply, None).await,
            Verdict::Refuse(reply, error) => return self.reply(client, reply, Some(error)).await,
            Verdict::Download(download) => download,
        };
        let route = Arc::clone(&download.route);
        match download::deliver(client, &self.storage, head, *download).await {
            Ok(()) => Ending::Answered,
            Err(Undelivered::Gone(gone)) => Ending::Gone(gone),
            Err(Undelivered::Cut(error)) => Ending::Cut(error),
            Err(Undelivered::Refused(error)) => {
                let reply = gateway::refusal(&route, head, &error);
                self.reply(client, reply, Some(error)).await
            }
        }
    }

    async fn reply(&self, client: &mut Client, reply: Reply, error: Option<Error>) -> Ending {
        let sent: Result<(), Gone> = client.reply(reply).await;
        match (sent, error) {
            (Err(gone), _) => Ending::Gone(gone),
            (Ok(()), Some(error)) => Ending::Refused(error),
            (Ok(()), None) => Ending::Answered,
        }
    }

    /// Ends an answer that was sent whole.
    async fn finish(&self, client: Client) -> Next {
        let mut session = client.into_session();
        // It may have to wait for a client that reads nothing.
        let finished = timeout(self.plan.timeouts.header, session.finish_body()).await;
        if !matches!(finished, Ok(Ok(()))) {
            return Next::Drop;
        }
        if session.is_body_done() && session.get_keepalive().is_some() {
            return Next::Reuse(session);
        }
        // Closing on a client that still sends would reset the connection, and the answer with it.
        settle::drain(&mut session, &self.plan).await;
        Next::Close(session)
    }
}
