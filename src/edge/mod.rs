//! The edge: reads a request, asks the gateway, writes the answer, settles the account.
//!
//! It decides nothing about content. What it owns is the connection: TLS, deadlines, framing, how an
//! answer ends, whether the connection lives on, and the one log line.

pub mod admin;
pub mod chunks;
pub mod framing;
pub mod gathering;
pub mod http1;
pub mod http2;
pub mod identity;
pub mod server;
mod settle;
pub mod stream;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use http::request::Parts;
use pingora::protocols::http::ServerSession;
use tokio::sync::{Semaphore, watch};

use crate::dialect::Outcome;
use crate::error::Error;
use crate::gateway::work::Work;
use crate::gateway::{self, Asker, Decision, Import, Question, Redemption, Upload, Verdict};
use crate::plan::{Plan, Route};
use crate::reply::Reply;
use crate::telemetry::Metrics;
use crate::telemetry::access::AccessLog;
use crate::transfer::client::{Client, Gone};
use crate::transfer::download::{self, Undelivered};
use crate::transfer::graph;
use crate::transfer::import;
use crate::transfer::objects::BucketObjects;
use crate::transfer::pieces;
use crate::transfer::redeem::{self, Turnstile};
use crate::transfer::storage::StorageClient;
use crate::transfer::upload::{self, Uploads};
use settle::{Ending, Open};
use stream::Connection;

/// The gateway's HTTP application. Shared by all connections.
pub struct Edge {
    serving: ArcSwap<Serving>,
    replaced: watch::Sender<()>,
    /// Room for HTTP/2 requests, whatever their connection.
    streams: Arc<Semaphore>,
    /// The process's metrics.
    pub metrics: Arc<Metrics>,
    access_log: AccessLog,
}

/// What requests are answered by, until a reload. A request keeps what it began with.
pub struct Serving {
    /// The configuration.
    pub plan: Arc<Plan>,
    /// The way to storage.
    pub storage: StorageClient,
    /// Bounds on uploads.
    pub uploads: Uploads,
    /// Which single-use tokens are being used just now.
    pub turnstile: Turnstile,
}

/// A request whose header was read and found sound.
struct Request {
    id: String,
    serving: Arc<Serving>,
    connection: Connection,
    began: Instant,
}

impl Request {
    fn new(serving: Arc<Serving>, connection: &Connection, head: &Parts) -> Self {
        let peer = connection.peer.map(|peer| peer.ip());
        Self {
            id: identity::request_id(&serving.plan, &head.headers, peer),
            serving,
            connection: connection.clone(),
            began: Instant::now(),
        }
    }
}

impl Edge {
    /// An edge that answers by `plan`.
    #[must_use]
    pub fn new(plan: Plan, metrics: Arc<Metrics>, access_log: AccessLog) -> Self {
        let storage = StorageClient::new(&plan.limits, &plan.timeouts);
        let uploads = Uploads::new(&plan.limits, &plan.timeouts, None);
        let streams = Arc::new(Semaphore::new(plan.limits.http2_streams));
        let serving = ArcSwap::from_pointee(Serving {
            plan: Arc::new(plan),
            storage,
            uploads,
            turnstile: Turnstile::default(),
        });
        Self { serving, replaced: watch::Sender::default(), streams, metrics, access_log }
    }

    /// What new requests are answered by.
    #[must_use]
    pub fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Answers new requests by another plan. Those in flight end as they began.
    pub fn replace(&self, plan: Arc<Plan>) {
        let serving = self.serving();
        let storage = serving.storage.with_timeouts(&plan.timeouts);
        let uploads = Uploads::new(&plan.limits, &plan.timeouts, Some(&serving.uploads));
        let turnstile = serving.turnstile.clone();
        self.serving.store(Arc::new(Serving { plan, storage, uploads, turnstile }));
        self.replaced.send_replace(());
    }

    /// Changes whenever the plan was replaced.
    #[must_use]
    pub fn replacements(&self) -> watch::Receiver<()> {
        self.replaced.subscribe()
    }

    /// Takes a session whose request was read and found sound.
    fn client(session: Box<ServerSession>, plan: &Plan) -> Client {
        Client::new(session, plan.timeouts.header, bytes(plan.limits.send_rate_min))
    }

    /// Answers a request and settles. The client comes back as the answer left it.
    async fn answer(
        &self,
        mut client: Client,
        head: &Parts,
        request: &Request,
    ) -> (Client, Ending) {
        let Serving { plan, storage, .. } = &*request.serving;
        client.set_request_id(&request.id);
        client.set_send_at_once(&request.connection.send_at_once);
        client.set_allowance(&request.connection.allowance);
        let open = Open::new(self, request, head, client.progress());
        let now = SystemTime::now();
        let decision = tokio::select! {
            // An answer that is there at once costs no look at the connection.
            biased;
            decision = gateway::decide(plan, storage, head, now) => Ok(decision),
            gone = client.gone() => Err(gone),
        };
        let (asker, ending) = match decision {
            Err(gone) => (Asker::default(), Ending::Gone(gone)),
            Ok(Decision { asker, verdict }) => {
                (asker, carry_out(&mut client, &request.serving, head, verdict).await)
            }
        };
        open.settle(&asker, &ending);
        (client, ending)
    }
}

async fn carry_out(
    client: &mut Client,
    serving: &Serving,
    head: &Parts,
    verdict: Verdict,
) -> Ending {
    let storage = &serving.storage;
    match verdict {
        Verdict::Reply(answer) => reply(client, answer, None).await,
        Verdict::Refuse(refusal, error) => reply(client, refusal, Some(error)).await,
        Verdict::Download(download) => {
            let route = Arc::clone(&download.route);
            match download::deliver(client, storage, head, *download).await {
                Ok(()) => Ending::Answered,
                Err(undelivered) => explain(client, head, &route, undelivered).await,
            }
        }
        Verdict::Redemption(redemption) => {
            Box::pin(redeem(client, serving, head, *redemption)).await
        }
        // In a box, since in the same memory as a download they would make all requests larger.
        Verdict::Upload(upload) => Box::pin(take_upload(client, serving, head, *upload)).await,
        Verdict::Graph(read) => {
            let route = Arc::clone(&read.route);
            match Box::pin(graph::deliver(client, storage, head, *read)).await {
                Ok(()) => Ending::Answered,
                Err(undelivered) => explain(client, head, &route, undelivered).await,
            }
        }
        Verdict::Import(import) => Box::pin(take_import(client, serving, head, *import)).await,
        Verdict::Append(work) => Box::pin(take_piece(client, serving, head, *work)).await,
        Verdict::Work(work) => Box::pin(do_work(client, serving, head, *work)).await,
        Verdict::Question(question) => {
            Box::pin(take_question(client, serving, head, *question)).await
        }
    }
}

async fn redeem(
    client: &mut Client,
    serving: &Serving,
    head: &Parts,
    redemption: Redemption,
) -> Ending {
    let Serving { storage, turnstile, .. } = serving;
    let route = Arc::clone(&redemption.route);
    match redeem::deliver(client, storage, turnstile, head, redemption).await {
        Ok(()) => Ending::Answered,
        Err(undelivered) => explain(client, head, &route, undelivered).await,
    }
}

async fn take_upload(
    client: &mut Client,
    serving: &Serving,
    head: &Parts,
    upload: Upload,
) -> Ending {
    let route = &upload.route;
    match upload::receive(client, &serving.storage, &serving.uploads, &upload).await {
        Ok(outcome) => {
            let answer = route.dialect.answer(head, &upload.call, &outcome);
            reply(client, answer, None).await
        }
        Err(undelivered) => explain(client, head, route, undelivered).await,
    }
}

async fn take_import(
    client: &mut Client,
    serving: &Serving,
    head: &Parts,
    import: Import,
) -> Ending {
    let route = &import.route;
    match import::receive(client, &serving.storage, &serving.uploads, &import).await {
        Ok(imported) => {
            let answer = route.dialect.answer(head, &import.call, &Outcome::Imported(&imported));
            reply(client, answer, None).await
        }
        Err(undelivered) => explain(client, head, route, undelivered).await,
    }
}

async fn take_piece(client: &mut Client, serving: &Serving, head: &Parts, work: Work) -> Ending {
    let Serving { storage, uploads, .. } = serving;
    match pieces::receive(client, storage, uploads, head, &work).await {
        Ok((answer, refusal)) => reply(client, answer, refusal).await,
        Err(undelivered) => explain(client, head, &work.route, undelivered).await,
    }
}

async fn do_work(client: &mut Client, serving: &Serving, head: &Parts, work: Work) -> Ending {
    let _room = match pieces::room_for(&serving.uploads, &work).await {
        Ok(room) => room,
        Err(error) => return explain(client, head, &work.route, error.into()).await,
    };
    let objects = BucketObjects::new(serving.storage.clone(), Arc::clone(&work.route.bucket));
    let verdict = tokio::select! {
        biased;
        verdict = gateway::work::answer(&work, &objects, head, SystemTime::now) => verdict,
        gone = client.gone() => return Ending::Gone(gone),
    };
    // Work leads to no other.
    carry_out(client, serving, head, verdict).await
}

async fn take_question(
    client: &mut Client,
    serving: &Serving,
    head: &Parts,
    question: Question,
) -> Ending {
    let body = match upload::read_small(client, &serving.uploads, question.body_max).await {
        Ok(body) => body,
        Err(undelivered) => return explain(client, head, &question.route, undelivered).await,
    };
    let (storage, now) = (&serving.storage, SystemTime::now());
    let verdict = tokio::select! {
        biased;
        verdict = gateway::answer_question(question, storage, head, &body.bytes, now) => verdict,
        gone = client.gone() => return Ending::Gone(gone),
    };
    // A question leads to no other.
    carry_out(client, serving, head, verdict).await
}

/// Ends a request that could not be carried out.
async fn explain(
    client: &mut Client,
    head: &Parts,
    route: &Route,
    undelivered: Undelivered,
) -> Ending {
    match undelivered {
        Undelivered::Gone(gone) => Ending::Gone(gone),
        Undelivered::Cut(error) => Ending::Cut(error),
        Undelivered::Refused(error) => {
            let refusal = gateway::refusal(route, head, &error);
            reply(client, refusal, Some(error)).await
        }
    }
}

async fn reply(client: &mut Client, reply: Reply, error: Option<Error>) -> Ending {
    let sent: Result<(), Gone> = client.reply(reply).await;
    match (sent, error) {
        (Err(gone), _) => Ending::Gone(gone),
        (Ok(()), Some(error)) => Ending::Refused(error),
        (Ok(()), None) => Ending::Answered,
    }
}

/// Counts a connection for as long as it is open, whatever ends it.
struct Counted<'a>(&'a prometheus::IntGauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a prometheus::IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A limit of bytes as a number of them in memory.
fn bytes(size: bytesize::ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}
