//! From [`Config`] to something that runs: names resolved, templates and rules compiled, secrets
//! read. A [`Plan`] in hand is one that works; all that is wrong is reported at once.

mod bounds;
mod buckets;
mod dialects;
mod files;
mod graphs;
mod issuers;
mod listeners;
mod pem;
mod problems;
mod remote_keys;
mod routes;
mod secrets;
mod sections;
mod sign_in;
mod single_use;
mod state;
mod tenants;
mod uploads;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::auth::{Issuer, KeyLogins, Policy, Tenants, VerdictMemory, Wallets};
use crate::bucket::Bucket;
use crate::config::{Config, KuboAdd, Limits, Log, Shutdown, Timeouts};
use crate::content::layout::Layout;
use crate::dialect::Dialect;
use crate::error::{Error, Kind};
use crate::jwks::Source;
use crate::state::Store;
use crate::telemetry::Metrics;
use crate::telemetry::routes::RouteMetrics;
use crate::token::{self, Keys};
use crate::upload::Turns;
pub use files::{Files, ReadFile, Stamp};
pub use listeners::{Admission, HTTP2, Listener};
pub use problems::Problem;
use problems::Problems;

/// Everything requests are answered by. Immutable.
pub struct Plan {
    /// Addresses to serve on.
    pub listeners: Vec<Listener>,
    /// Address of the admin listener.
    pub admin: Option<SocketAddr>,
    /// Peers whose forwarded headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// All buckets, by name.
    pub buckets: BTreeMap<String, Arc<Bucket>>,
    /// All issuers, by name.
    pub issuers: BTreeMap<String, Arc<Issuer>>,
    /// All routes by their path prefix.
    pub routes: HashMap<String, Arc<Route>>,
    /// Where replicas keep what they have to agree on.
    pub state: Option<Arc<Store>>,
    /// Those that are also reached without the slash at the end.
    pub collections: HashMap<String, Arc<Route>>,
    /// Where keys are fetched from, by the issuer's name.
    pub key_sources: BTreeMap<String, Arc<Source>>,
    /// What is remembered of JWTs.
    pub verdicts: Arc<VerdictMemory>,
    /// Bounds on size and number.
    pub limits: Limits,
    /// Bounds on time.
    pub timeouts: Timeouts,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// What is logged.
    pub log: Log,
    /// Things that work and are probably not meant.
    pub warnings: Vec<Problem>,
    /// The files it was made of.
    pub files: Vec<ReadFile>,
}

/// One mount point.
pub struct Route {
    /// The path prefix, ending in `/`; also the route's name in logs and metrics.
    pub path: String,
    /// The protocol spoken here.
    pub dialect: Box<dyn Dialect>,
    /// Where the content is.
    pub bucket: Arc<Bucket>,
    /// From content to key.
    pub layout: Layout,
    /// Who may read and write.
    pub policy: Policy,
    /// What is known of tenants.
    pub tenants: Arc<Tenants>,
    /// Redirect or stream.
    pub delivery: Delivery,
    /// The longest life of a presigned URL.
    pub redirect_ttl: Duration,
    /// Skip hashing where storage's own checksum equals the digest.
    pub trust_storage_checksum: bool,
    /// Ask storage even when the client has the content, or storage had it a moment ago.
    pub revalidate: bool,
    /// Whether tags may be in objects of their own.
    pub legacy_tags: bool,
    /// The largest body of an upload, in bytes.
    pub upload_size: u64,
    /// Whether what was stored first stays.
    pub write_once: bool,
    /// Whether documents are kept in the bucket that several may change, so that it has to be one
    /// that keeps conditions
    /// ([`Fitness::keeps_documents`](crate::bucket::fitness::Fitness::keeps_documents)).
    pub needs_documents: bool,
    /// What single-use tokens need, where the dialect has them.
    pub single_use: Option<Box<SingleUse>>,
    /// What wallets need to sign in, where they may.
    pub sign_in: Option<Box<SignIn>>,
    /// What graphs of blocks need, where the dialect has them.
    pub graphs: Option<Box<Graphs>>,
    /// What uploads in pieces need, where the dialect has them.
    pub pieces: Option<Box<Pieces>>,
    /// What seals the tickets of [`Delivery::Ticket`], and what their URLs begin with.
    pub tickets: Option<Tickets>,
    /// This route's counters.
    pub metrics: RouteMetrics,
}

/// What single-use tokens of a route need.
pub struct SingleUse {
    /// What seals and opens them.
    pub keys: Arc<Keys>,
    /// Where their uses are written down.
    pub store: Arc<Store>,
    /// From the path of an object to its key, where tokens may be made for those.
    pub paths: Option<Layout>,
    /// How long a token is good for whose order does not say.
    pub default_ttl: Duration,
    /// The longest that an order may say.
    pub max_ttl: Duration,
    /// The most uses that an order may say.
    pub max_uses: u32,
    /// For how long after each start a download that broke off may go on.
    pub resume_window: Duration,
    /// How often it may.
    pub resume_attempts: u32,
}

/// What graphs of blocks need of a route.
pub struct Graphs {
    /// From a content whose CID is the SHA-256 of its bytes to its key. None: the route's layout.
    pub digests: Option<Layout>,
    /// From a block that is no file to its key. None: the route's layout, with `.block` at the end.
    pub blocks: Option<Layout>,
    /// As what files are stored.
    pub add: KuboAdd,
    /// How many bytes a tenant may store. None: there is no bound.
    pub quota: Option<Allowance>,
}

/// How many bytes a tenant may store.
pub struct Allowance {
    /// So many.
    pub bytes: u64,
    /// Where what it stored is written down.
    pub store: Arc<Store>,
    /// The longest that an upload takes.
    pub upload: Duration,
}

/// What uploads in pieces need of a route.
pub struct Pieces {
    /// Where it is written down how far they are.
    pub store: Arc<Store>,
    /// The size of the parts of objects that are made of new ones, in bytes.
    pub segment_bytes: u64,
    /// What they become. None: objects, and nothing else.
    pub catalog: Option<ArtifactCatalog>,
    /// Which of them are being made objects.
    pub turns: Turns,
}

/// Artifacts of a route.
pub struct ArtifactCatalog {
    /// Which of the bucket's catalogs.
    pub name: String,
    /// Whether namespaces know nothing of what others have.
    pub isolated: bool,
    /// The namespace that sees and changes what is of others.
    pub system: Option<String>,
    /// How many versions of a new artifact are kept.
    pub max_versions: u32,
    /// Tokens for keys. None: tokens come from elsewhere.
    pub login: Option<KeyLogins>,
}

/// What wallets need to sign in.
pub struct SignIn {
    /// Who may, and what for.
    pub wallets: Wallets,
    /// Where it is written down what they signed.
    pub store: Arc<Store>,
}

/// What redirects to the gateway itself need.
pub struct Tickets {
    /// What seals and opens them.
    pub keys: Arc<Keys>,
    /// Scheme and host of the gateway as clients see it, without a slash at the end.
    pub public_origin: String,
}

impl Route {
    /// Whether anybody may upload here.
    #[must_use]
    pub fn takes_uploads(&self) -> bool {
        self.policy.lets_write()
    }

    /// The path of a request below this route, as it may be logged.
    #[must_use]
    pub fn loggable<'a>(&'a self, path: &'a str, rest: &'a str) -> Cow<'a, str> {
        match self.dialect.redacted(rest) {
            None => token::loggable(path),
            Some(redacted) => Cow::Owned([self.path.as_str(), redacted].concat()),
        }
    }

    /// Passes where storage is known to do what uploads on this route need.
    ///
    /// # Errors
    /// [`Kind::StorageUnavailable`]: it is not known yet.
    pub fn check_uploads(&self) -> Result<(), Error> {
        if self.write_once && !self.bucket.fitness.creates_once() {
            let detail = match self.bucket.fitness.conditional_writes() {
                None => "whether the bucket keeps what was written first is not known",
                Some(_) => "the bucket does not keep what was written first",
            };
            return Err(Error::storage(Kind::StorageUnavailable, detail));
        }
        Ok(())
    }

    /// Passes where storage is known to do what documents on this route need.
    ///
    /// # Errors
    /// [`Kind::StorageUnavailable`]: it is not known yet.
    pub fn check_documents(&self) -> Result<(), Error> {
        if self.needs_documents && !self.bucket.fitness.keeps_documents() {
            let detail = match self.bucket.fitness.conditional_writes() {
                None => "whether the bucket keeps documents is not known",
                Some(_) => "the bucket does not keep documents",
            };
            return Err(Error::storage(Kind::StorageUnavailable, detail));
        }
        Ok(())
    }
}

/// How content reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// By presigned redirect.
    Redirect,
    /// Through the gateway.
    Stream,
    /// By redirect to the gateway itself, with a ticket instead of the caller's token.
    Ticket,
    /// By redirect from this size in bytes on, else through the gateway.
    RedirectFrom(u64),
}

impl Plan {
    /// Compiles a configuration. Reads the files and environment variables that secrets, keys and
    /// certificates come from, and nothing else.
    ///
    /// # Errors
    /// Every problem of the configuration, not only the first.
    pub fn compile(config: Config, metrics: &Metrics) -> Result<Self, Vec<Problem>> {
        Self::recompile(config, Files::default(), metrics, None)
    }

    /// Compiles a configuration that takes the place of an earlier one. Buckets and issuers that
    /// are the same as before are taken over, with all that is known of them: what storage
    /// confirmed, which signatures were good, addresses, keys, credentials. Those that are not keep
    /// of that what is no worse for the change, as it may not be had again just now. `files` has
    /// what the configuration itself was read from.
    ///
    /// # Errors
    /// Every problem, as in [`Plan::compile`].
    pub fn recompile(
        config: Config,
        files: Files,
        metrics: &Metrics,
        earlier: Option<&Self>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::after_reading(files);
        bounds::check(&config.limits, &config.timeouts, &mut problems);
        let public_origin = public_origin(config.public_url.as_deref(), &mut problems);
        let size = config.limits.remembered_verdicts;
        let verdicts = earlier.map(|earlier| &earlier.verdicts).filter(|it| it.size() == size);
        let verdicts = verdicts.map_or_else(
            || Arc::new(VerdictMemory::new(size, metrics.verdict_memory())),
            Arc::clone,
        );

        let mut buckets = sections::compile(
            config.buckets,
            "buckets",
            &mut problems,
            |name, bucket, problems| {
                let bounds = (&config.limits, &config.timeouts);
                buckets::compile(name, bucket, bounds, metrics, problems)
            },
        );
        let mut key_sources = BTreeMap::new();
        let earlier_sources = earlier.map(|earlier| &earlier.key_sources);
        let mut issuers = sections::compile(
            config.issuers,
            "issuers",
            &mut problems,
            |name, issuer, problems| {
                let earlier = earlier_sources.and_then(|sources| sources.get(name));
                let sources = issuers::Sources { compiled: &mut key_sources, earlier };
                issuers::compile(name, issuer, metrics, sources, problems)
            },
        );
        if let Some(earlier) = earlier {
            let known = &earlier.buckets;
            sections::take_over(&mut buckets, known, Bucket::is_same, Bucket::inherit);
            sections::take_over(&mut issuers, &earlier.issuers, Issuer::is_same, |_, _| {});
        }
        let keys = config.tokens.map(|section| {
            let section = problems.valid("tokens", section)?;
            single_use::keys(section, &mut problems)
        });
        let has_state = config.state.is_some();
        let state = config.state.and_then(|section| problems.valid("state", section));
        let state = state::compile(state, &buckets, &config.timeouts, metrics, &mut problems);
        let before = earlier.and_then(|earlier| earlier.state.as_ref());
        let state = state.map(|state| state::succeeding(state, before));
        let tenants = Arc::new(tenants::compile(config.tenants, &mut problems));
        let context = routes::Context {
            public_origin: public_origin.as_deref(),
            limits: &config.limits,
            timeouts: &config.timeouts,
            tenants: &tenants,
            keys: keys.as_ref().map(Option::as_ref),
            state: has_state.then_some(state.as_ref()),
            buckets: &buckets,
            issuers: &issuers,
            verdicts: &verdicts,
            metrics,
        };
        let routes = routes::compile(config.routes, &context, &mut problems);
        let collections =
            routes.values().filter(|route| route.single_use.is_some() || route.pieces.is_some());
        let collections = collections
            .map(|route| (route.path.trim_end_matches('/').to_owned(), Arc::clone(route)))
            .collect();
        let listeners = listeners::compile(&config.listen, &mut problems);
        let (warnings, files) = problems.finish()?;
        Ok(Self {
            listeners,
            admin: config.admin,
            trusted_proxies: config.trusted_proxies,
            buckets: sections::compiled(buckets),
            issuers: sections::compiled(issuers),
            routes,
            collections,
            state,
            key_sources,
            verdicts,
            limits: config.limits,
            timeouts: config.timeouts,
            shutdown: config.shutdown,
            log: config.log,
            warnings,
            files,
        })
    }

    /// The route with the longest prefix of `path`, and the rest of the path below it.
    ///
    /// Compares the bytes the client sent, without decoding: what a policy is bound to here is what
    /// the dialect reads next.
    #[must_use]
    pub fn route<'a>(&self, path: &'a str) -> Option<(&Arc<Route>, &'a str)> {
        if let Some(route) = self.collections.get(path) {
            return Some((route, ""));
        }
        let mut end = path.len();
        while let Some(slash) = path[..end].rfind('/') {
            if let Some(route) = self.routes.get(&path[..=slash]) {
                return Some((route, &path[slash + 1..]));
            }
            end = slash;
        }
        None
    }

    /// Whether forwarded headers of this peer count. An IPv4 address inside of IPv6, as a socket
    /// for both shows it, is the IPv4 address.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&peer))
    }
}

fn public_origin(url: Option<&str>, problems: &mut Problems) -> Option<String> {
    let text = url?;
    let parsed = crate::bucket::endpoint::Origin::parse(text);
    parsed
        .map_err(|message| problems.add("public_url", message))
        .ok()
        .map(|origin| origin.to_string())
}
