//! Real servers of Redis, which end when they are dropped.

use std::ffi::OsStr;
use std::hash::{BuildHasher as _, RandomState};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::{Connection, FromRedisValue};
use tempfile::TempDir;
use tokio::time::sleep;

use super::within;

/// How often something is looked at that happens in another process.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// Makes a server keep what it confirmed through `kill -9`.
pub(crate) const DURABLE: [&str; 2] = ["appendonly yes", "appendfsync always"];

/// In settings: a port of its own.
const ANOTHER_PORT: &str = "ANOTHER_PORT";

/// Ports that no system gives to a socket by itself: a server that was killed finds its own free.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A port nobody listened on a moment ago. Redis takes no port 0.
fn free_port() -> u16 {
    loop {
        let random = RandomState::new().hash_one(0);
        let port = PORTS.start + (random % u64::from(PORTS.end - PORTS.start)) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A server, a sentinel or a node of a cluster.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    /// The name of the setting for the port: with TLS another one.
    port_setting: &'static str,
    /// Its configuration, its data, its log.
    folder: TempDir,
    mode: &'static [&'static str],
}

impl Server {
    /// A server with these lines of configuration, which forgets everything when it ends.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let own = ["save \"\"", "repl-diskless-sync-delay 0"];
        Self::launch(&[], "port", &[&own, settings].concat()).await
    }

    /// A server that speaks nothing but TLS.
    pub(crate) async fn start_tls(settings: &[&str]) -> Self {
        Self::launch(&[], "tls-port", &[&["port 0"], settings].concat()).await
    }

    /// A sentinel.
    pub(crate) async fn start_sentinel(settings: &[&str]) -> Self {
        Self::launch(&["--sentinel"], "port", settings).await
    }

    async fn launch(
        mode: &'static [&'static str],
        port_setting: &'static str,
        settings: &[&str],
    ) -> Self {
        // Somebody else may get the port in between.
        for _ in 0..20 {
            let folder = folder();
            let port = free_port();
            let mut conf = format!(
                "bind 127.0.0.1\n{port_setting} {port}\ndir {0}\nlogfile {0}/log\n",
                folder.path().display()
            );
            conf += &settings.join("\n").replace(ANOTHER_PORT, &free_port().to_string());
            std::fs::write(folder.path().join("conf"), conf).unwrap();
            let child = spawn(&folder, mode);
            let mut server = Self { child, port, port_setting, folder, mode };
            if server.is_up().await {
                return server;
            }
            let log = server.log();
            assert!(log.contains("Address already in use"), "{log}");
        }
        panic!("there is no free port");
    }

    /// Whether it serves; if not, it has ended.
    async fn is_up(&mut self) -> bool {
        within(async {
            loop {
                if self.child.try_wait().unwrap().is_some() {
                    return false;
                }
                if self.log().contains("Ready to accept connections")
                    || (!self.mode.is_empty() && self.log().contains("Sentinel ID is"))
                {
                    return true;
                }
                sleep(LOOK).await;
            }
        })
        .await
    }

    /// What it wrote into its log since it was started for the first time.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// `host:port`
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, with what it had, and waits until it serves.
    pub(crate) async fn restart(&mut self) {
        std::fs::remove_file(self.folder.path().join("log")).unwrap();
        self.child = spawn(&self.folder, self.mode);
        assert!(self.is_up().await, "{}: {}", self.port_setting, self.log());
    }

    /// Whether it was killed.
    pub(crate) fn is_dead(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Stops it in the middle of whatever it does. Its sockets stay, and take what is sent.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// What it answers to a command of words.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &str) -> T {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// The same where it may refuse.
    pub(crate) fn try_ask<T: FromRedisValue>(&self, command: &str) -> redis::RedisResult<T> {
        let mut words = command.split(' ');
        let mut sent = redis::cmd(words.next().unwrap());
        sent.arg(words.collect::<Vec<_>>());
        sent.query(&mut self.connect()?)
    }

    fn connect(&self) -> redis::RedisResult<Connection> {
        let client = redis::Client::open(format!("redis://{}/", self.address()))?;
        client.get_connection_with_timeout(super::PATIENCE)
    }

    /// A field of `INFO`.
    pub(crate) fn info(&self, field: &str) -> String {
        self.try_info(field).unwrap()
    }

    fn try_info(&self, field: &str) -> redis::RedisResult<String> {
        let info: String = self.try_ask("INFO everything")?;
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(value.unwrap_or_default().to_owned())
    }

    /// Waits until a field of `INFO` is that. Servers close connections when they change roles.
    #[track_caller]
    pub(crate) fn becomes(&self, field: &str, value: &str) -> impl Future<Output = ()> {
        within(async move {
            while !self.try_info(field).is_ok_and(|there| there == value) {
                sleep(LOOK).await;
            }
        })
    }

    /// Waits until what is written has reached so many replicas at once: one that is linked may
    /// begin to listen a second later.
    pub(crate) async fn is_followed_by(&self, replicas: u32) {
        within(async {
            loop {
                let mut connection = self.connect().unwrap();
                // It changes nothing, and replicas hear of it all the same.
                let written = redis::cmd("PUBLISH").arg("tests").arg("").exec(&mut connection);
                let wait = redis::cmd("WAIT").arg(replicas).arg(100).query::<u32>(&mut connection);
                if written.is_ok() && wait.is_ok_and(|reached| reached >= replicas) {
                    return;
                }
                sleep(LOOK).await;
            }
        })
        .await;
    }

    /// How often it carried out a command, within scripts too.
    pub(crate) fn calls(&self, command: &str) -> u32 {
        let statistics = self.info(&format!("cmdstat_{command}"));
        let calls = statistics.strip_prefix("calls=").and_then(|rest| rest.split(',').next());
        calls.map_or(0, |calls| calls.parse().unwrap())
    }

    /// How often it was told to run a script.
    pub(crate) fn scripts_run(&self) -> u32 {
        self.calls("evalsha") + self.calls("eval")
    }
}

/// In memory where that can be: no test here cuts the power, and disks that others use are slow.
fn folder() -> TempDir {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => TempDir::new_in(memory),
        _ => TempDir::new(),
    }
    .unwrap()
}

fn spawn(folder: &TempDir, mode: &[&str]) -> Child {
    let conf = folder.path().join("conf");
    let arguments = [conf.as_os_str()].into_iter().chain(mode.iter().map(OsStr::new));
    let mut command = Command::new("redis-server");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("redis-server is not installed (Debian: redis-server)"),
        _ => panic!("redis-server: {error}"),
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A cluster of three primaries without replicas, which takes nobody for failed.
pub(crate) struct Cluster(pub(crate) [Server; 3]);

/// The last slot of each primary; the first one's first slot is 0.
const LAST_SLOTS: [u16; 3] = [5460, 10922, 16383];

impl Cluster {
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let [one, two, three] = tokio::join!(node(settings), node(settings), node(settings)).into();
        let cluster = Self([one, two, three]);
        let mut first = 0;
        for (server, last) in cluster.0.iter().zip(LAST_SLOTS) {
            let () = server.ask(&format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
            first = last + 1;
        }
        for server in &cluster.0[1..] {
            let bus: Vec<String> = server.ask("CONFIG GET cluster-port");
            let (port, bus) = (server.port, &bus[1]);
            let () = cluster.0[0].ask(&format!("CLUSTER MEET 127.0.0.1 {port} {bus}"));
        }
        cluster.becomes_ready().await;
        cluster
    }

    /// A replica of one of the primaries, linked.
    pub(crate) async fn join(&self, primary: usize) -> Server {
        let (replica, primary) = (node(&[]).await, &self.0[primary]);
        let bus: Vec<String> = replica.ask("CONFIG GET cluster-port");
        for server in &self.0 {
            let () = server.ask(&format!("CLUSTER MEET 127.0.0.1 {} {}", replica.port, bus[1]));
        }
        let id: String = primary.ask("CLUSTER MYID");
        within(async {
            while replica.try_ask::<()>(&format!("CLUSTER REPLICATE {id}")).is_err() {
                sleep(LOOK).await;
            }
            // Who has not heard of it does not believe it later.
            let own: String = replica.ask("CLUSTER MYID");
            for server in self.0.iter().chain([&replica]) {
                while !server.ask::<String>("CLUSTER NODES").lines().any(|line| {
                    line.starts_with(&own) && line.contains("slave") && line.contains(&id)
                }) {
                    sleep(LOOK).await;
                }
            }
        })
        .await;
        replica.becomes("master_link_status", "up").await;
        primary.is_followed_by(1).await;
        replica
    }

    /// Waits until all nodes serve all slots.
    pub(crate) async fn becomes_ready(&self) {
        within(async {
            for server in &self.0 {
                while !server.ask::<String>("CLUSTER INFO").contains("cluster_state:ok")
                    || server.ask::<redis::Value>("CLUSTER SLOTS").as_sequence().unwrap().len() < 3
                {
                    sleep(LOOK).await;
                }
            }
        })
        .await;
    }

    /// Addresses of all nodes.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.0.iter().map(Server::address).collect()
    }

    /// The node that has a slot at the beginning.
    pub(crate) fn first_owner(&self, slot: u16) -> usize {
        LAST_SLOTS.iter().position(|last| slot <= *last).unwrap()
    }
}

async fn node(settings: &[&str]) -> Server {
    let bus = format!("cluster-port {ANOTHER_PORT}");
    // A node that is only slow must not be taken for a failed one.
    let own = ["cluster-enabled yes", "cluster-node-timeout 60000", &bus];
    Server::start(&[&own, settings].concat()).await
}
