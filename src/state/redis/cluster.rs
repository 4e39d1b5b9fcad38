//! Which node of a cluster has a key (Redis, "Redis cluster specification").
//!
//! The client of the library would send again what it got no answer to. This one follows only a node
//! that says that it did nothing.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{RedisConnectionInfo, Value};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::dial::Dialer;
use super::node::{Node, Place};
use super::settings::Address;
use crate::state::Failure;

const SLOTS: u16 = 16384;

/// The shortest time between two looks at who has what.
const PAUSE: Duration = Duration::from_millis(200);

/// The most nodes that are asked for that in one go.
const ASKED_MAX: usize = 16;

/// The most nodes that are known, whatever a node says of others.
const NODES_MAX: usize = 2000;

/// A cluster, as far as it is known.
pub(super) struct Cluster {
    dialer: Dialer,
    introduction: RedisConnectionInfo,
    exclusive: bool,
    seeds: Vec<Address>,
    map: Mutex<Map>,
    changed: Notify,
}

#[derive(Default)]
struct Map {
    /// Sorted; None until a node was asked.
    ranges: Option<Arc<[Range]>>,
    nodes: HashMap<Address, Arc<Node>>,
    looking: bool,
    looks: usize,
    /// Why the last look failed.
    failure: Option<String>,
}

/// Slots of one primary, the last included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    owner: Address,
}

impl Cluster {
    pub(super) fn new(
        seeds: Vec<Address>,
        dialer: Dialer,
        introduction: RedisConnectionInfo,
        exclusive: bool,
    ) -> Self {
        let (map, changed) = (Mutex::default(), Notify::new());
        Self { dialer, introduction, exclusive, seeds, map, changed }
    }

    /// The primary that has a key, within half of the time that an operation has.
    ///
    /// # Errors
    /// [`Failure::NotDone`]: nobody is known to have it.
    pub(super) async fn owner(self: &Arc<Self>, key: &[u8]) -> Result<Arc<Node>, Failure> {
        let slot = slot_of(key);
        let ranges = self.ranges().await?;
        let found = ranges.partition_point(|range| range.last < slot);
        match ranges.get(found).filter(|range| range.first <= slot) {
            Some(range) => Ok(self.at(&range.owner)),
            None => Err(Failure::NotDone(format!("nobody in the cluster has slot {slot}"))),
        }
    }

    /// All primaries.
    ///
    /// # Errors
    /// [`Failure::NotDone`]: they are not known, or not all slots have one.
    pub(super) async fn primaries(self: &Arc<Self>) -> Result<Vec<Arc<Node>>, Failure> {
        let ranges = self.ranges().await?;
        let had: usize = ranges.iter().map(|range| usize::from(range.last - range.first) + 1).sum();
        if had != usize::from(SLOTS) {
            self.look();
            return Err(Failure::NotDone(format!("the cluster has {had} of {SLOTS} slots")));
        }
        let owners: HashSet<&Address> = ranges.iter().map(|range| &range.owner).collect();
        Ok(owners.into_iter().map(|owner| self.at(owner)).collect())
    }

    /// The node at an address.
    pub(super) fn at(&self, address: &Address) -> Arc<Node> {
        self.node(&mut self.lock(), address)
    }

    async fn ranges(self: &Arc<Self>) -> Result<Arc<[Range]>, Failure> {
        let known = async {
            loop {
                let changed = self.changed.notified();
                {
                    let map = self.lock();
                    match (&map.ranges, &map.failure) {
                        (Some(ranges), _) => return Ok(Arc::clone(ranges)),
                        (None, Some(failure)) if map.looking => return Err(failure.clone()),
                        (None, _) => {}
                    }
                }
                self.look();
                changed.await;
            }
        };
        let known = timeout(self.dialer.patience() / 2, known).await;
        known
            .unwrap_or_else(|_| Err("no node of the cluster said in time who has what".to_owned()))
            .map_err(Failure::NotDone)
    }

    /// Asks who has what, in the background, unless that was just done.
    pub(super) fn look(self: &Arc<Self>) {
        let mut map = self.lock();
        if map.looking {
            return;
        }
        map.looking = true;
        map.failure = None;
        // Those that are known first: seeds may be long gone.
        let mut asked: Vec<Address> = map.nodes.keys().take(ASKED_MAX / 2).cloned().collect();
        asked.extend(self.seeds.iter().filter(|seed| !map.nodes.contains_key(seed)).cloned());
        // One may be cut off from the others, and know less than the next.
        let first = map.looks % asked.len().max(1);
        asked.rotate_left(first);
        map.looks = map.looks.wrapping_add(1);
        drop(map);
        let looking = Looking(Arc::clone(self));
        tokio::spawn(async move {
            looking.0.find_out(asked).await;
            looking.0.changed.notify_waiters();
            sleep(PAUSE).await;
        });
    }

    async fn find_out(&self, asked: Vec<Address>) {
        let mut failure = "there are no nodes".to_owned();
        for address in asked.into_iter().take(ASKED_MAX) {
            match timeout(self.dialer.patience(), self.ask(&address)).await {
                Ok(Ok(ranges)) => {
                    let mut map = self.lock();
                    map.nodes.retain(|known, _| ranges.iter().any(|range| range.owner == *known));
                    map.ranges = Some(ranges.into());
                    map.failure = None;
                    return;
                }
                Ok(Err(error)) => failure = format!("{address}: {error}"),
                Err(_) => failure = format!("{address} does not answer"),
            }
        }
        self.lock().failure = Some(failure);
    }

    async fn ask(&self, address: &Address) -> Result<Vec<Range>, String> {
        let lease = self.at(address).take().await.map_err(|failure| failure.to_string())?;
        let mut pipeline = redis::pipe();
        pipeline.cmd("CLUSTER").arg("SLOTS");
        let answer =
            lease.link().exchange(&pipeline).await.map_err(|failure| failure.to_string())?.pop();
        lease.finish();
        match answer {
            Some(Value::ServerError(error)) => Err(error.to_string()),
            Some(Value::Array(entries)) => {
                parse(&entries, address).ok_or_else(|| "CLUSTER SLOTS makes no sense".to_owned())
            }
            _ => Err("CLUSTER SLOTS was answered with something else".to_owned()),
        }
    }

    fn node(&self, map: &mut Map, address: &Address) -> Arc<Node> {
        if let Some(node) = map.nodes.get(address) {
            return Arc::clone(node);
        }
        let place = Place::Member(address.clone());
        let (dialer, introduction) = (self.dialer.clone(), self.introduction.clone());
        let node = Node::new(place, dialer, introduction, self.exclusive);
        if map.nodes.len() < NODES_MAX {
            map.nodes.insert(address.clone(), Arc::clone(&node));
        }
        node
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look that is under way, or was just done.
struct Looking(Arc<Cluster>);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.lock().looking = false;
        self.0.changed.notify_waiters();
    }
}

/// Reads entries of `CLUSTER SLOTS`: first slot, last slot, the primary, its replicas. Each server is
/// host, port, identity and more; without a host it is the one that was asked.
fn parse(entries: &[Value], asked: &Address) -> Option<Vec<Range>> {
    let slot = |value: &Value| match value {
        Value::Int(slot) => u16::try_from(*slot).ok().filter(|slot| *slot < SLOTS),
        _ => None,
    };
    let mut ranges = Vec::new();
    for entry in entries {
        let Value::Array(entry) = entry else { return None };
        let [first, last, Value::Array(primary), ..] = entry.as_slice() else { return None };
        let host = match primary.first()? {
            Value::BulkString(host) if host.is_empty() || host == b"?" => asked.host.clone(),
            Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
            Value::Nil => asked.host.clone(),
            _ => return None,
        };
        let Value::Int(port) = primary.get(1)? else { return None };
        let owner = Address { host, port: u16::try_from(*port).ok()? };
        let range = Range { first: slot(first)?, last: slot(last)?, owner };
        if range.first > range.last {
            return None;
        }
        ranges.push(range);
    }
    ranges.sort_by_key(|range| range.first);
    let overlap = ranges.windows(2).any(|pair| pair[0].last >= pair[1].first);
    (!overlap).then_some(ranges)
}

/// The slot of a key: CRC-16/XMODEM of it, or of what is between its first braces.
fn slot_of(key: &[u8]) -> u16 {
    let position = |bytes: &[u8], wanted| bytes.iter().position(|&byte| byte == wanted);
    let tag = position(key, b'{').and_then(|open| {
        let rest = &key[open + 1..];
        position(rest, b'}').filter(|&length| length > 0).map(|length| &rest[..length])
    });
    let sum = tag.unwrap_or(key).iter().fold(0_u16, |sum, &byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| {
            (sum << 1) ^ if sum & 0x8000 == 0 { 0 } else { 0x1021 }
        })
    });
    sum % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        // The check value of CRC-16/XMODEM; the others are what `CLUSTER KEYSLOT` answers.
        assert_eq!(slot_of(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b""), 0);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{foo}bar"), slot_of(b"foo"));
        assert_eq!(slot_of(b"a{foo}{bar}"), slot_of(b"foo"));
        assert_ne!(slot_of(b"{}foo"), slot_of(b"foo"));
        assert_ne!(slot_of(b"{foo"), slot_of(b"foo"));
    }

    fn entry(first: i64, last: i64, host: Value, port: i64) -> Value {
        let primary = Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".into())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary])
    }

    #[test]
    fn only_a_map_that_makes_sense_is_taken() {
        let asked = Address { host: "seed".to_owned(), port: 1 };
        let host = || Value::BulkString(b"10.0.0.1".into());
        let read = |entries: &[Value]| parse(entries, &asked);
        let good = [entry(100, 16383, Value::Nil, 7), entry(0, 99, host(), 6379)];
        let ranges = read(&good).expect("it makes sense");
        let owners: Vec<_> = ranges.iter().map(|range| range.owner.to_string()).collect();
        assert_eq!(owners, ["10.0.0.1:6379", "seed:7"]);
        for bad in [
            entry(0, 16384, host(), 1),
            entry(-1, 5, host(), 1),
            entry(5, 4, host(), 1),
            entry(0, 1, host(), 65536),
            entry(0, 1, Value::Int(1), 1),
            entry(99, 100, host(), 1),
            Value::Nil,
        ] {
            let entries = [entry(0, 99, host(), 1), bad.clone()];
            assert_eq!(read(&entries), None, "{bad:?}");
        }
    }
}
