//! One place where operations are sent to: its connections, and how new ones are made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Pipeline, RedisConnectionInfo, Value};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::dial::Dialer;
use super::info::Info;
use super::link::Link;
use super::sentinel::Sentinels;
use super::settings::Address;
use crate::backoff::{Spread, doubled};
use crate::state::Failure;

/// The most connections to a node of which each is used by one operation at a time.
const EXCLUSIVE_MAX: usize = 32;

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Where a node is.
pub(super) enum Place {
    /// A server that has to be a primary.
    Primary(Address),
    /// The primary that sentinels name.
    Named(Arc<Sentinels>),
    /// A node of a cluster, which itself says what it has.
    Member(Address),
}

/// A server or the role of one. A connection to it is opened when there is none, by whoever needs it
/// first, and in the background, so that nobody who stops waiting stops it. After a failure there is
/// a pause in which nobody tries.
pub(super) struct Node {
    place: Place,
    dialer: Dialer,
    introduction: RedisConnectionInfo,
    links: Mutex<Links>,
    changed: Notify,
    /// One permit per operation, where connections are not shared.
    exclusive: Option<Arc<Semaphore>>,
    spread: Spread,
}

#[derive(Default)]
struct Links {
    ready: Vec<Link>,
    /// Counts how often all connections became worthless.
    generation: u64,
    dialing: usize,
    failures: u32,
    /// Why there is no connection; for the length of the pause.
    failure: Option<String>,
}

enum Look {
    Taken(Link, u64),
    Failed(String),
    Wait,
}

impl Node {
    /// A node without a connection. With `exclusive` no two operations share one.
    pub(super) fn new(
        place: Place,
        dialer: Dialer,
        introduction: RedisConnectionInfo,
        exclusive: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            place,
            dialer,
            introduction,
            links: Mutex::default(),
            changed: Notify::new(),
            exclusive: exclusive.then(|| Arc::new(Semaphore::new(EXCLUSIVE_MAX))),
            spread: Spread::random(),
        })
    }

    /// A connection for one operation, within half of the time that an operation has.
    ///
    /// # Errors
    /// [`Failure::NotDone`]: there is none.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Lease, Failure> {
        let taken = timeout(self.dialer.patience() / 2, self.find()).await;
        taken
            .unwrap_or_else(|_| Err(format!("no connection to {} in time", self.name())))
            .map_err(Failure::NotDone)
    }

    async fn find(self: &Arc<Self>) -> Result<Lease, String> {
        let permit = match &self.exclusive {
            None => None,
            Some(permits) => {
                let permit = Arc::clone(permits).acquire_owned().await;
                Some(permit.map_err(|error| error.to_string())?)
            }
        };
        let mut dialed = false;
        loop {
            let changed = self.changed.notified();
            match self.look(&mut dialed) {
                Look::Taken(link, generation) => {
                    return Ok(Lease { node: Arc::clone(self), link, generation, permit });
                }
                Look::Failed(failure) => return Err(failure),
                Look::Wait => changed.await,
            }
        }
    }

    /// Looks for a connection, and makes one be opened where there is none.
    fn look(self: &Arc<Self>, dialed: &mut bool) -> Look {
        let mut links = self.lock();
        links.ready.retain(Link::is_alive);
        let generation = links.generation;
        let found = match &self.exclusive {
            Some(_) => links.ready.pop(),
            None => links.ready.last().cloned(),
        };
        if let Some(link) = found {
            return Look::Taken(link, generation);
        }
        if let Some(failure) = &links.failure {
            return Look::Failed(failure.clone());
        }
        if links.dialing == 0 || (self.exclusive.is_some() && !*dialed) {
            *dialed = true;
            links.dialing += 1;
            let dialing = Dialing { node: Arc::clone(self), generation, outcome: None };
            tokio::spawn(dialing.run());
        }
        Look::Wait
    }

    /// Gives up all connections: they lead to a server that is not the right one any more.
    /// Returns which generation comes next.
    pub(super) fn forget(&self) -> u64 {
        let mut links = self.lock();
        links.generation += 1;
        links.ready.clear();
        links.generation
    }

    /// The address, or what is known of it, for the log.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::Primary(address) | Place::Member(address) => address.to_string(),
            Place::Named(sentinels) => format!("the primary \"{}\"", sentinels.primary()),
        }
    }

    /// Where a member of a cluster is, or a server that is asked directly.
    pub(super) const fn address(&self) -> Option<&Address> {
        match &self.place {
            Place::Primary(address) | Place::Member(address) => Some(address),
            Place::Named(_) => None,
        }
    }

    async fn dial(&self, generation: &mut u64) -> Result<Link, String> {
        match &self.place {
            Place::Member(address) => self.dialer.open(address, &self.introduction).await,
            Place::Primary(address) => self.dial_primary(address).await,
            Place::Named(sentinels) => {
                let (primary, changed) = sentinels.ask().await?;
                if changed {
                    tracing::info!(%primary, "the state store has another primary");
                    *generation = self.forget();
                }
                self.dial_primary(&primary).await
            }
        }
    }

    /// Sentinels may be late to notice who is what, and so may an address; the server itself knows.
    async fn dial_primary(&self, address: &Address) -> Result<Link, String> {
        let link = self.dialer.open(address, &self.introduction).await?;
        let asked = timeout(self.dialer.patience(), Info::read(&link, "replication")).await;
        let info = asked.unwrap_or_else(|_| Err("it does not answer".to_owned()));
        let info = info.map_err(|error| format!("{address}: {error}"))?;
        match info.get("role") {
            Some("master") => Ok(link),
            role => Err(format!("{address} is no primary but {}", role.unwrap_or("unknown"))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is being opened. Whoever waits for it hears of its end, whatever that is.
struct Dialing {
    node: Arc<Node>,
    generation: u64,
    outcome: Option<Result<Link, String>>,
}

impl Dialing {
    async fn run(mut self) {
        self.outcome = Some(self.node.dial(&mut self.generation).await);
        let node = Arc::clone(&self.node);
        drop(self);
        let pause = {
            let links = node.lock();
            if links.failure.is_none() {
                return;
            }
            doubled(links.failures, PAUSE_FIRST, PAUSE_MAX)
        };
        let _end = PauseEnd(&node);
        sleep(node.spread.over(pause)).await;
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        let mut links = self.node.lock();
        links.dialing -= 1;
        match self.outcome.take() {
            Some(Ok(link)) if links.generation == self.generation => {
                if links.failures > 0 {
                    tracing::info!(server = self.node.name(), "the state store is reached again");
                }
                links.failures = 0;
                links.failure = None;
                if links.ready.len() < EXCLUSIVE_MAX {
                    links.ready.push(link);
                }
            }
            Some(Err(error)) => {
                if links.failures == 0 {
                    tracing::warn!(server = self.node.name(), %error, "no connection to the state store");
                }
                links.failures = links.failures.saturating_add(1);
                links.failure = Some(error);
            }
            // It is worth nothing, or its task was ended.
            Some(Ok(_)) | None => {}
        }
        drop(links);
        self.node.changed.notify_waiters();
    }
}

/// The end of a pause, also of one that is cut short.
struct PauseEnd<'a>(&'a Node);

impl Drop for PauseEnd<'_> {
    fn drop(&mut self) {
        self.0.lock().failure = None;
    }
}

/// A connection in the hands of one operation. Where connections are not shared it is closed when
/// that is dropped without [`Lease::finish`]: an answer may be on its way still.
pub(super) struct Lease {
    node: Arc<Node>,
    link: Link,
    generation: u64,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Sends commands, and waits for their answers.
    ///
    /// # Errors
    /// As [`Link::exchange`] has them.
    pub(super) async fn exchange(&self, commands: &Pipeline) -> Result<Vec<Value>, Failure> {
        let at = |error| format!("{}: {error}", self.node.name());
        self.link.exchange(commands).await.map_err(|failure| match failure {
            Failure::NotDone(error) => Failure::NotDone(at(error)),
            Failure::Unknown(error) => Failure::Unknown(at(error)),
        })
    }

    /// The connection itself, for questions that change nothing.
    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    /// Gives the connection back: nothing is on its way.
    pub(super) fn finish(self) {
        let Self { node, link, generation, permit } = self;
        if permit.is_some() {
            let mut links = node.lock();
            if links.generation == generation && links.ready.len() < EXCLUSIVE_MAX {
                links.ready.push(link);
            }
            drop(links);
            node.changed.notify_waiters();
        }
    }
}
