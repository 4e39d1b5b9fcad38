//! Registers in Redis or Valkey, which any number of replicas of the gateway share.
//!
//! A register is one key; its value is [`Record::to_bytes`]. Each operation is one command or one
//! script on that key, which a server carries out with nobody in between, and one round trip unless
//! the server does not know the script yet. Nothing is sent again whose answer was lost.
//!
//! # What is promised
//!
//! As long as a server lives and keeps its memory, it is a linearizable register. What happens when a
//! primary is lost depends on the settings; in all cases what is lost is a write that was confirmed,
//! so that a token that was used can be used again.
//!
//! | setting | a confirmed write is lost if |
//! |---|---|
//! | one server, no `wait` | it restarts without a file of its writes (`appendonly`), or ends, by `kill -9` too, within what `appendfsync` leaves out: by default about two seconds, with `always` nothing |
//! | Sentinel or Cluster, no `wait` | a replica takes over that did not have it yet: replication comes after the answer. A primary that is cut off from the others goes on confirming until the cluster's `cluster-node-timeout`, or until the sentinels name another one and the gateway asks them, every `timeouts.state` |
//! | `wait: { replicas: n }` | another replica than the n that have it takes over, or all that have it in memory are lost at once. With n = all replicas only the latter |
//! | `wait` with `fsync` | another replica than the n takes over, or the disks of the primary and of the n are lost |
//! | a server that evicts (`maxmemory-policy`) | memory gets short; refused at the start, unless allowed |
//!
//! `WAIT` makes no write undone: with fewer replicas than asked for the outcome is
//! [`Failure::Unknown`], and the write is there as long as that primary is. So that nobody takes such
//! a write for confirmed who reads it afterwards, a read under `wait` waits for the replicas too.
//! `min-replicas-to-write` on the servers keeps a primary that is cut off from confirming, and one
//! without replicas from doing what nobody will confirm, which would cost tokens a use.
//!
//! Servers forget a record five minutes after its end, by their own clocks: what they differ among
//! each other and from gateways has to be less.
//!
//! # What a user of the servers (ACL) needs
//!
//! The keys of the prefix; `get`, `set`, `del`, `evalsha`, `eval`, `info`, `ping`; in a cluster
//! `cluster|slots` and `asking`; with `wait` `wait` or `waitaof`, `pttl` and `pexpire`. A user of
//! sentinels: `sentinel|get-master-addr-by-name` and `ping`.

mod answer;
mod cluster;
mod counted;
mod dial;
mod info;
mod link;
mod node;
mod registers;
mod request;
mod sentinel;
mod servers;
mod settings;
mod trial;

use std::time::SystemTime;

use self::registers::Registers;
use self::servers::Servers;
pub use self::settings::{Address, Login, RedisSettings, Topology, Wait};
use super::{Create, Failure, Record, Replace, StateKey, StateStore, Unfit, Version, Versioned};

/// Registers in Redis or Valkey.
pub struct RedisStore {
    servers: Servers,
    settings: RedisSettings,
}

impl RedisStore {
    /// A store on these servers. Nothing is connected yet; the system's authorities are read if they
    /// are needed.
    #[must_use]
    pub fn new(settings: RedisSettings) -> Self {
        Self { servers: Servers::new(&settings), settings }
    }

    /// Sees whether all primaries are reached, and keep what they are given.
    ///
    /// # Errors
    /// [`Unfit::Unsafe`]: one may evict keys, is too old, or does not do what it says.
    /// [`Unfit::Unreachable`]: one cannot be asked, by this user or at all.
    pub async fn start(&self, now: fn() -> SystemTime) -> Result<(), Unfit> {
        trial::run(self, now).await
    }

    fn registers(&self) -> Registers<'_> {
        let RedisSettings { prefix, wait, .. } = &self.settings;
        Registers { servers: &self.servers, prefix, wait: *wait }
    }
}

impl StateStore for RedisStore {
    async fn read(&self, key: &StateKey, now: SystemTime) -> Result<Option<Versioned>, Failure> {
        self.registers().read(key.as_str(), now).await
    }

    async fn create(
        &self,
        key: &StateKey,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        self.registers().create(key.as_str(), record, now).await
    }

    async fn replace(
        &self,
        key: &StateKey,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        self.registers().replace(key.as_str(), seen, record, now).await
    }

    async fn remove(
        &self,
        key: &StateKey,
        seen: &Version,
        _now: SystemTime,
    ) -> Result<(), Failure> {
        self.registers().remove(key.as_str(), seen).await.map(|_| ())
    }
}
