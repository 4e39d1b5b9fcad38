//! Carries out one operation, wherever its key is.

use std::sync::Arc;

use redis::Value;

use super::answer::{Refusal, split};
use super::cluster::Cluster;
use super::dial::{Dialer, introduction};
use super::node::{Node, Place};
use super::request::Request;
use super::sentinel::Sentinels;
use super::settings::{RedisSettings, Topology};
use crate::state::Failure;

/// How often a node of a cluster may send an operation on.
const REDIRECTS_MAX: u8 = 4;

/// Where the servers are.
pub(super) enum Servers {
    /// One primary, whichever that is.
    One(Arc<Node>),
    /// Its sentinels are watched from the first operation on.
    Watched(Arc<Node>, Arc<Sentinels>, std::sync::Once),
    /// Many.
    Cluster(Arc<Cluster>),
}

impl Servers {
    pub(super) fn new(settings: &RedisSettings) -> Self {
        let dialer = Dialer::new(settings.authorities.as_deref(), settings.patience);
        let introduced = introduction(settings.login.as_ref(), settings.database);
        let exclusive = settings.wait.is_some();
        match &settings.topology {
            Topology::Single(address) => {
                let place = Place::Primary(address.clone());
                Self::One(Node::new(place, dialer, introduced, exclusive))
            }
            Topology::Sentinel { sentinels, primary, login } => {
                let to_sentinels = introduction(login.as_ref(), 0);
                let sentinels = Arc::new(Sentinels::new(
                    primary.clone(),
                    sentinels.clone(),
                    dialer.clone(),
                    to_sentinels,
                ));
                let place = Place::Named(Arc::clone(&sentinels));
                let node = Node::new(place, dialer, introduced, exclusive);
                Self::Watched(node, sentinels, std::sync::Once::new())
            }
            Topology::Cluster(seeds) => {
                let cluster = Cluster::new(seeds.clone(), dialer, introduced, exclusive);
                Self::Cluster(Arc::new(cluster))
            }
        }
    }

    /// Carries an operation out. Nothing is ever sent twice that may have been carried out once: only
    /// a server that says that it did nothing is asked again, or another in its place.
    ///
    /// # Errors
    /// [`Failure::NotDone`] and [`Failure::Unknown`] as they say.
    pub(super) async fn run(&self, request: &Request) -> Result<Value, Failure> {
        match self {
            Self::One(node) => run_on_primary(node, request).await,
            Self::Watched(node, sentinels, once) => {
                once.call_once(|| sentinels.watch(node));
                run_on_primary(node, request).await
            }
            Self::Cluster(cluster) => {
                let result = run_in_cluster(cluster, request).await;
                // Whatever went wrong, the next one should know who has what by now.
                result.inspect_err(|_| cluster.look())
            }
        }
    }

    /// All primaries.
    ///
    /// # Errors
    /// [`Failure::NotDone`]: they are not known.
    pub(super) async fn primaries(&self) -> Result<Vec<Arc<Node>>, Failure> {
        match self {
            Self::One(node) | Self::Watched(node, ..) => Ok(vec![Arc::clone(node)]),
            Self::Cluster(cluster) => cluster.primaries().await,
        }
    }

    /// The primary that has a key.
    ///
    /// # Errors
    /// [`Failure::NotDone`]: it is not known.
    pub(super) async fn owner(&self, key: &[u8]) -> Result<Arc<Node>, Failure> {
        match self {
            Self::One(node) | Self::Watched(node, ..) => Ok(Arc::clone(node)),
            Self::Cluster(cluster) => cluster.owner(key).await,
        }
    }
}

async fn run_on_primary(node: &Arc<Node>, request: &Request) -> Result<Value, Failure> {
    run_on(node, request, false).await?.map_err(|refusal| {
        if matches!(refusal, Refusal::Elsewhere(_)) {
            node.forget();
        }
        failure(refusal)
    })
}

async fn run_in_cluster(cluster: &Arc<Cluster>, request: &Request) -> Result<Value, Failure> {
    let mut node = cluster.owner(request.key()).await?;
    let mut asking = false;
    for _ in 0..REDIRECTS_MAX {
        match run_on(&node, request, asking).await? {
            Ok(answer) => return Ok(answer),
            Err(Refusal::Moved(address)) => {
                cluster.look();
                (node, asking) = (cluster.at(&address), false);
            }
            Err(Refusal::Ask(address)) => (node, asking) = (cluster.at(&address), true),
            Err(refusal) => return Err(failure(refusal)),
        }
    }
    Err(Failure::NotDone("the nodes of the cluster do not agree on who has the key".to_owned()))
}

/// Sends an operation to a node, the second time with the script's text if that does not know it.
async fn run_on(
    node: &Arc<Node>,
    request: &Request,
    asking: bool,
) -> Result<Result<Value, Refusal>, Failure> {
    let lease = node.take().await?;
    let mut outcome = Err(Refusal::NoScript);
    for whole in [false, true] {
        let answers = lease.exchange(&request.commands(whole, asking)).await?;
        outcome = split(answers, asking, node.address());
        if !matches!(outcome, Err(Refusal::NoScript)) {
            break;
        }
    }
    lease.finish();
    match outcome {
        Ok((answer, waited)) => {
            if request.has_to_wait(&answer) {
                request.check_wait(waited.as_ref())?;
            }
            Ok(Ok(answer))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::NoScript => Failure::NotDone("the server does not keep scripts".to_owned()),
        Refusal::Elsewhere(text) | Refusal::Other(text) => Failure::NotDone(text),
        Refusal::Moved(address) | Refusal::Ask(address) => {
            Failure::NotDone(format!("{address} has the key: these servers are a cluster"))
        }
        Refusal::Unclear(text) => Failure::Unknown(text),
    }
}
