//! From [`Config`] to something that runs: names resolved, templates and rules compiled, secrets
//! read. A [`Plan`] in hand is one that works; all that is wrong is reported at once.

mod bounds;
mod buckets;
mod files;
mod issuers;
mod listeners;
mod pem;
mod remote_keys;
mod routes;
mod secrets;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::auth::{Issuer, Policy, VerdictMemory};
use crate::bucket::Bucket;
use crate::config::{Config, Limits, Log, Section, Shutdown, Timeouts};
use crate::content::layout::Layout;
use crate::dialect::Dialect;
use crate::jwks::Source;
use crate::telemetry::{Metrics, RouteMetrics};
pub use files::{Files, ReadFile, Stamp};
pub use listeners::{HTTP2, Listener};

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
    /// Who may read.
    pub policy: Policy,
    /// Redirect or stream.
    pub delivery: Delivery,
    /// The longest life of a presigned URL.
    pub redirect_ttl: Duration,
    /// Skip hashing where storage's own checksum equals the digest.
    pub trust_storage_checksum: bool,
    /// Ask storage even when the client has the content.
    pub revalidate: bool,
    /// This route's counters.
    pub metrics: RouteMetrics,
}

/// How content reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// By presigned redirect.
    Redirect,
    /// Through the gateway.
    Stream,
    /// By redirect from this size in bytes on, else through the gateway.
    RedirectFrom(u64),
}

/// Something wrong in the configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place, such as `routes[1].bucket`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => formatter.write_str(&self.message),
            path => write!(formatter, "{path}: {}", self.message),
        }
    }
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

    /// Compiles a configuration that takes the place of an earlier one. Buckets and issuers that are
    /// the same as before are taken over, with all that is known of them: what storage confirmed,
    /// which signatures were good, addresses, keys, credentials. `files` has what the configuration
    /// itself was read from.
    ///
    /// # Errors
    /// Every problem, as in [`Plan::compile`].
    pub fn recompile(
        config: Config,
        files: Files,
        metrics: &Metrics,
        earlier: Option<&Self>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems { files, ..Problems::default() };
        bounds::check(&config.limits, &config.timeouts, &mut problems);
        let public_origin = public_origin(config.public_url.as_deref(), &mut problems);
        let size = config.limits.remembered_verdicts;
        let verdicts = earlier.map(|earlier| &earlier.verdicts).filter(|it| it.size() == size);
        let verdicts = verdicts.map_or_else(|| Arc::new(VerdictMemory::new(size)), Arc::clone);

        let mut buckets =
            sections(config.buckets, "buckets", &mut problems, |name, bucket, problems| {
                buckets::compile(name, bucket, &config.limits, metrics, problems)
            });
        let mut key_sources = BTreeMap::new();
        let earlier_sources = earlier.map(|earlier| &earlier.key_sources);
        let mut issuers =
            sections(config.issuers, "issuers", &mut problems, |name, issuer, problems| {
                let earlier = earlier_sources.and_then(|sources| sources.get(name));
                let sources = issuers::Sources { compiled: &mut key_sources, earlier };
                issuers::compile(name, issuer, metrics, sources, problems)
            });
        if let Some(earlier) = earlier {
            take_over(&mut buckets, &earlier.buckets, Bucket::is_same);
            take_over(&mut issuers, &earlier.issuers, Issuer::is_same);
        }
        let context = routes::Context {
            public_origin: public_origin.as_deref(),
            buckets: &buckets,
            issuers: &issuers,
            verdicts: &verdicts,
            metrics,
        };
        let mut routes = HashMap::new();
        let mut paths = HashSet::new();
        if config.routes.is_empty() {
            problems.add("routes", "there is none, so nothing could be served");
        }
        for (index, section) in config.routes.into_iter().enumerate() {
            let at = format!("routes[{index}]");
            let Some(route) = problems.valid(&at, section) else { continue };
            if !paths.insert(route.path.clone()) {
                let message = format!("\"{}\" is the path of an earlier route", route.path);
                problems.add(&format!("{at}.path"), message);
            }
            if let Some(route) = routes::compile(&at, route, &context, &mut problems) {
                routes.insert(route.path.clone(), Arc::new(route));
            }
        }
        if config.listen.is_empty() {
            problems.add("listen", "there is no address to serve on");
        }
        let mut listeners = Vec::new();
        for (index, listener) in config.listen.iter().enumerate() {
            listeners.extend(listeners::compile(
                &format!("listen[{index}]"),
                listener,
                &mut problems,
            ));
        }
        let (warnings, files) = problems.finish()?;
        Ok(Self {
            listeners,
            admin: config.admin,
            trusted_proxies: config.trusted_proxies,
            buckets: compiled(buckets),
            issuers: compiled(issuers),
            routes,
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

/// Entries by name; None where an entry exists and is wrong, so that nobody who refers to it is
/// told that it does not exist.
type Compiled<T> = BTreeMap<String, Option<Arc<T>>>;

fn sections<C, T>(
    sections: BTreeMap<String, Section<C>>,
    what: &str,
    problems: &mut Problems,
    mut compile: impl FnMut(&str, C, &mut Problems) -> Option<T>,
) -> Compiled<T> {
    sections
        .into_iter()
        .map(|(name, section)| {
            let at = format!("{what}.{name}");
            let entry =
                problems.valid(&at, section).and_then(|entry| compile(&name, entry, problems));
            (name, entry.map(Arc::new))
        })
        .collect()
}

/// Puts entries of an earlier plan in the place of those that are the same.
fn take_over<T>(
    entries: &mut Compiled<T>,
    earlier: &BTreeMap<String, Arc<T>>,
    is_same: impl Fn(&T, &T) -> bool,
) {
    for (name, entry) in entries {
        if let (Some(entry), Some(earlier)) = (entry, earlier.get(name))
            && is_same(entry, earlier)
        {
            *entry = Arc::clone(earlier);
        }
    }
}

/// The entries of sections without problems.
fn compiled<T>(sections: Compiled<T>) -> BTreeMap<String, Arc<T>> {
    sections.into_iter().filter_map(|(name, entry)| Some((name, entry?))).collect()
}

fn public_origin(url: Option<&str>, problems: &mut Problems) -> Option<String> {
    let text = url?;
    let parsed = crate::bucket::endpoint::Origin::parse(text);
    parsed
        .map_err(|message| problems.add("public_url", message))
        .ok()
        .map(|origin| origin.to_string())
}

/// The list under construction.
#[derive(Default)]
struct Problems {
    fatal: Vec<Problem>,
    warnings: Vec<Problem>,
    files: Files,
}

impl Problems {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        self.fatal.push(Problem { path: path.to_owned(), message: message.into() });
    }

    fn warn(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Problem { path: path.to_owned(), message: message.into() });
    }

    /// The value, or a problem at `path`.
    fn check<T, E: fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(path, error.to_string())).ok()
    }

    fn valid<T>(&mut self, path: &str, section: Section<T>) -> Option<T> {
        match section {
            Section::Valid(entry) => Some(entry),
            Section::Invalid(misfit) => {
                let dot = if misfit.path.is_empty() { "" } else { "." };
                self.add(&[path, dot, &misfit.path].concat(), misfit.message);
                None
            }
        }
    }

    /// The warnings and the files that were read, if that is all.
    fn finish(self) -> Result<(Vec<Problem>, Vec<ReadFile>), Vec<Problem>> {
        match self.fatal.is_empty() {
            true => Ok((self.warnings, self.files.into_vec())),
            false => Err(self.fatal),
        }
    }
}

/// "no bucket is called ..., there are ...": the message for a name that leads nowhere.
fn unknown<T>(what: &str, name: &str, known: &Compiled<T>) -> String {
    let mut message = format!("no {what} is called \"{name}\"");
    if !known.is_empty() {
        let names: Vec<_> = known.keys().map(String::as_str).collect();
        message.push_str(&format!(" (there is {})", names.join(", ")));
    }
    message
}
