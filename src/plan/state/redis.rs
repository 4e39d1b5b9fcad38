//! `state.redis`

use std::fmt::Debug;
use std::time::Duration;

use rustls::pki_types::{ServerName, TrustAnchor};

use super::super::{Problems, pem, secrets};
use crate::config::{self, RedisTopology, SecretSource};
use crate::state::redis::{Address, Login, RedisSettings, RedisStore, Topology, Wait};
use crate::state::{Backend, Whereabouts};

/// The longest prefix, in bytes: it is a part of every key.
const PREFIX_BYTES_MAX: usize = 200;

/// The longest list of servers, of which one is enough.
const SERVERS_MAX: usize = 100;

const AT: &str = "state.redis";

/// The store on these servers, without connecting to them.
pub(super) fn compile(
    redis: config::RedisState,
    deadline: Duration,
    problems: &mut Problems,
) -> Option<(Backend, Whereabouts)> {
    let (place, settings) = settings(redis, deadline, problems)?;
    let whereabouts = whereabouts(place, &settings);
    Some((Backend::Redis(Box::new(RedisStore::new(settings))), whereabouts))
}

/// What a store is made of, and where it is.
fn settings(
    redis: config::RedisState,
    deadline: Duration,
    problems: &mut Problems,
) -> Option<(String, RedisSettings)> {
    let servers = servers(&redis, problems);
    if let Some(wait) = &redis.wait {
        check_wait(wait, deadline, problems);
    }
    if redis.prefix.chars().any(char::is_control) || redis.prefix.len() > PREFIX_BYTES_MAX {
        let message =
            format!("a prefix has no control characters, and at most {PREFIX_BYTES_MAX} bytes");
        problems.add(&format!("{AT}.prefix"), message);
    }
    if redis.topology == RedisTopology::Cluster && redis.database != 0 {
        problems.add(&format!("{AT}.database"), "a cluster has no database but 0");
    }
    let own = login(AT, redis.username, redis.password.as_ref(), problems);
    let authorities = match &redis.tls {
        None => Some(None),
        Some(tls) => authorities(tls, problems).map(Some),
    };
    let place = format!(
        "redis {} {:?} database {} prefix {:?}",
        kind(&redis.topology),
        redis.servers,
        redis.database,
        redis.prefix
    );
    let topology = topology(redis.topology, servers, problems);
    let settings = RedisSettings {
        topology: topology?,
        authorities: authorities?,
        login: own?,
        database: redis.database,
        prefix: redis.prefix,
        wait: redis.wait.map(|wait| Wait {
            replicas: wait.replicas,
            timeout: wait.timeout,
            fsync: wait.fsync,
        }),
        allow_eviction: redis.allow_eviction,
        patience: deadline,
    };
    Some((place, settings))
}

/// The addresses. None: one of them is wrong, or there is not the right number of them.
fn servers(redis: &config::RedisState, problems: &mut Problems) -> Option<Vec<Address>> {
    let at = format!("{AT}.servers");
    let count = redis.servers.len();
    if count == 0 {
        problems.add(&at, "there is none");
        return None;
    }
    if count > SERVERS_MAX {
        problems.add(&at, format!("there are more than {SERVERS_MAX}; one that answers is enough"));
        return None;
    }
    if redis.topology == RedisTopology::Single && count > 1 {
        let message =
            "several servers are sentinels or a cluster; say so with state.redis.topology";
        problems.add(&at, message);
        return None;
    }
    let parsed: Vec<_> = redis
        .servers
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let at = format!("{at}[{index}]");
            let address = problems.check(&at, Address::parse(text))?;
            // Certificates have fewer names than networks.
            if redis.tls.is_some() && ServerName::try_from(address.host.as_str()).is_err() {
                problems.add(&at, format!("no certificate can be for \"{}\"", address.host));
                return None;
            }
            Some(address)
        })
        .collect();
    parsed.into_iter().collect()
}

fn topology(
    topology: RedisTopology,
    servers: Option<Vec<Address>>,
    problems: &mut Problems,
) -> Option<Topology> {
    match topology {
        RedisTopology::Single => servers?.pop().map(Topology::Single),
        RedisTopology::Cluster => servers.map(Topology::Cluster),
        RedisTopology::Sentinel(sentinel) => {
            let at = format!("{AT}.topology.sentinel");
            let primary = sentinel.primary;
            let is_name =
                !primary.is_empty() && primary.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_name {
                problems.add(&format!("{at}.primary"), "the name of a primary is a word");
            }
            let login = login(&at, sentinel.username, sentinel.password.as_ref(), problems);
            let (sentinels, login) = (servers?, login?);
            is_name.then_some(Topology::Sentinel { sentinels, primary, login })
        }
    }
}

fn kind(topology: &RedisTopology) -> String {
    match topology {
        RedisTopology::Single => "single".to_owned(),
        RedisTopology::Cluster => "cluster".to_owned(),
        RedisTopology::Sentinel(sentinel) => format!("sentinel {:?}", sentinel.primary),
    }
}

/// Who the gateway is, if it says so. The outer None: something is wrong with it.
fn login(
    at: &str,
    username: Option<String>,
    password: Option<&SecretSource>,
    problems: &mut Problems,
) -> Option<Option<Login>> {
    let Some(source) = password else {
        if username.is_some() {
            problems.add(&format!("{at}.username"), "without a password nobody asks for the user");
            return None;
        }
        return Some(None);
    };
    let password = secrets::read(source, &mut problems.files);
    let password = problems.check(&format!("{at}.password"), password);
    if username.as_deref() == Some("") {
        problems.add(&format!("{at}.username"), "it is empty");
        return None;
    }
    Some(Some(Login { username, password: password? }))
}

/// The authorities of a file; none for the system's.
fn authorities(
    tls: &config::RedisTls,
    problems: &mut Problems,
) -> Option<Vec<TrustAnchor<'static>>> {
    match &tls.ca {
        None => Some(Vec::new()),
        Some(path) => {
            let authorities = pem::authorities(path, &mut problems.files);
            problems.check(&format!("{AT}.tls.ca"), authorities)
        }
    }
}

fn check_wait(wait: &config::RedisWait, deadline: Duration, problems: &mut Problems) {
    let at = format!("{AT}.wait");
    if wait.replicas == 0 && !wait.fsync {
        problems.add(&format!("{at}.replicas"), "0 replicas are not waited for; leave `wait` out");
    }
    if wait.timeout < Duration::from_millis(1) || wait.timeout >= deadline {
        let [given, deadline] = [wait.timeout, deadline].map(humantime::format_duration);
        let message = format!("{given} is not between 1ms and timeouts.state ({deadline})");
        problems.add(&format!("{at}.timeout"), message);
    }
}

/// Where registers are is for the servers to say, and the rest is how to get there.
fn whereabouts(place: String, settings: &RedisSettings) -> Whereabouts {
    let text = |part: &dyn Debug| format!("{part:?}");
    let own = settings.login.as_ref();
    let theirs = match &settings.topology {
        Topology::Sentinel { login, .. } => login.as_ref(),
        Topology::Single(_) | Topology::Cluster(_) => None,
    };
    let parts = |login: Option<&Login>| {
        text(&login.map(|login| (login.username.clone(), login.password.clone())))
    };
    let access = [
        parts(own),
        parts(theirs),
        text(&settings.authorities),
        text(&settings.wait),
        text(&settings.allow_eviction),
    ];
    Whereabouts::new(place, &access.each_ref().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(2);

    fn compiled(yaml: &str) -> Result<(String, RedisSettings), Vec<String>> {
        // As in a file, where an enumeration is a map of one key.
        let value: serde_json::Value = serde_yaml::from_str(yaml).expect("it is YAML");
        let redis = serde_json::from_value(value).expect("the form is right");
        let mut problems = Problems::default();
        let settings = settings(redis, DEADLINE, &mut problems);
        match problems.finish() {
            Ok(_) => Ok(settings.expect("nothing is wrong with it")),
            Err(problems) => {
                assert!(settings.is_none(), "{problems:?} and all the same a store");
                Err(problems.iter().map(ToString::to_string).collect())
            }
        }
    }

    #[track_caller]
    fn assert_problems(yaml: &str, expected: &[&str]) {
        let problems = compiled(yaml).err().unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn one_server_needs_nothing_else() {
        let (_, settings) = compiled("servers: ['redis:6379']").expect("it is enough");
        assert!(matches!(&settings.topology, Topology::Single(server) if server.port == 6379));
        assert!(settings.authorities.is_none() && settings.login.is_none());
        assert_eq!((settings.prefix.as_str(), settings.patience), ("casgate:", DEADLINE));
    }

    #[test]
    fn everything_is_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("{name}\n")).expect("it is written");
            format!("{{ file: {} }}", path.display())
        };
        let (_, settings) = compiled(&format!(
            "{{ servers: ['a:1', '[::1]:2'], tls: {{}}, username: gate, password: {}, database: 3,
               topology: {{ sentinel: {{ primary: main, password: {} }} }}, prefix: '',
               wait: {{ replicas: 2, timeout: 500ms, fsync: true }}, allow_eviction: true }}",
            secret("ours"),
            secret("theirs")
        ))
        .expect("it is right");
        let Topology::Sentinel { sentinels, primary, login: Some(theirs) } = settings.topology
        else {
            panic!("there are sentinels");
        };
        assert_eq!(
            sentinels.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["a:1", "[::1]:2"]
        );
        assert_eq!((primary.as_str(), theirs.password.as_str()), ("main", "theirs"));
        let ours = settings.login.expect("there is a login");
        assert_eq!((ours.username.as_deref(), ours.password.as_str()), (Some("gate"), "ours"));
        assert!(settings.authorities.is_some_and(|authorities| authorities.is_empty()));
        let timeout = Duration::from_millis(500);
        assert_eq!(settings.wait, Some(Wait { replicas: 2, timeout, fsync: true }));
        assert!(settings.database == 3 && settings.allow_eviction && settings.prefix.is_empty());
    }

    #[test]
    fn problems_are_listed_where_they_are() {
        assert_problems("servers: []", &["state.redis.servers: "]);
        assert_problems("servers: ['a:1', 'b:1']", &["state.redis.servers: "]);
        assert_problems(
            "{ servers: [redis, 'a:1', 'redis://a:1'], topology: cluster, database: 1,
               prefix: \"a\\n\", username: u, tls: { ca: /nowhere },
               wait: { replicas: 0, timeout: 2s } }",
            &[
                "state.redis.servers[0]: ",
                "state.redis.servers[2]: ",
                "state.redis.wait.replicas: ",
                "state.redis.wait.timeout: 2s is not between 1ms and timeouts.state (2s)",
                "state.redis.prefix: ",
                "state.redis.database: ",
                "state.redis.username: ",
                "state.redis.tls.ca: cannot read /nowhere",
            ],
        );
        assert_problems(
            "{ servers: ['a_b:1', 'a..b:1'], tls: {}, password: { env: CASGATE_NO_SUCH_VARIABLE },
               topology: { sentinel: { primary: 'a b', username: '', password: { file: /nowhere } } } }",
            &[
                "state.redis.servers[1]: no certificate",
                "state.redis.password: environment variable CASGATE_NO_SUCH_VARIABLE",
                "state.redis.topology.sentinel.primary: ",
                "state.redis.topology.sentinel.password: cannot read /nowhere",
                "state.redis.topology.sentinel.username: ",
            ],
        );
    }

    #[test]
    fn another_way_is_not_another_place() {
        let compiled = |yaml: &str| compiled(yaml).expect("it is right");
        let place = |yaml| compiled(yaml).0;
        let whereabouts = |yaml| {
            let (place, settings) = compiled(yaml);
            whereabouts(place, &settings)
        };
        let plain = "{ servers: ['a:1'] }";
        let secure = "{ servers: ['a:1'], tls: {}, allow_eviction: true }";
        assert_eq!(place(plain), place(secure));
        assert_ne!(whereabouts(plain), whereabouts(secure));
        assert_eq!(whereabouts(plain), whereabouts(plain));
        for other in [
            "{ servers: ['b:1'] }",
            "{ servers: ['a:1'], database: 1 }",
            "{ servers: ['a:1'], prefix: other }",
            "{ servers: ['a:1'], topology: cluster }",
            "{ servers: ['a:1'], topology: { sentinel: { primary: Single } } }",
        ] {
            assert_ne!(place(plain), place(other), "{other}");
        }
    }
}
