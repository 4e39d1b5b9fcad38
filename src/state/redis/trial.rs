//! Whether servers keep what a ledger is built on.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::info::Info;
use super::node::Node;
use super::registers::Registers;
use super::settings::Wait;
use super::{Create, Failure, RedisStore, Replace, Unfit};
use crate::state::{Nonce, Record};

/// The oldest version that is known to work, and the first one with `WAITAOF`.
const VERSION_MIN: (u32, u32) = (6, 2);
const VERSION_WAITAOF: (u32, u32) = (7, 2);

/// How long what a trial writes is kept, if it cannot be removed.
const PROBE_LIFE: Duration = Duration::from_secs(60);

/// The most names that are tried to find one for each primary of a cluster. What has so few slots
/// that none of them leads there has hardly any keys; and with braces in the prefix all keys are at
/// one primary.
const NAMES_MAX: u32 = 10_000;

/// Looks at every primary, and writes to it.
pub(super) async fn run(store: &RedisStore, now: fn() -> SystemTime) -> Result<(), Unfit> {
    let primaries = store.servers.primaries().await.map_err(unreachable)?;
    for node in &primaries {
        look_at(store, node).await?;
    }
    // Replicas need not be there yet, but the command for them has to be.
    let wait = store.settings.wait.map(|wait| Wait { replicas: 0, ..wait });
    let registers = Registers { wait, ..store.registers() };
    let run = Nonce::new(random_bytes()?);
    let mut reached: Vec<Arc<Node>> = Vec::new();
    for number in 0..NAMES_MAX {
        if reached.len() == primaries.len() {
            break;
        }
        let name = format!("trial/{run:?}-{number}");
        let node = store.servers.owner(&registers.key(&name)).await.map_err(unreachable)?;
        if !reached.iter().any(|known| known.name() == node.name()) {
            write(&registers, &name, now()).await?;
            reached.push(node);
        }
    }
    Ok(())
}

async fn look_at(store: &RedisStore, node: &Arc<Node>) -> Result<(), Unfit> {
    let name = node.name();
    let lease = node.take().await.map_err(unreachable)?;
    let asked = timeout(store.settings.patience, Info::read(lease.link(), "default")).await;
    let asked = asked.unwrap_or_else(|_| Err("it does not answer".to_owned()));
    let info = asked.map_err(|error| Unfit::Unreachable(format!("{name}: {error}")))?;
    lease.finish();
    let judged = judge(&info, store.settings.wait, store.settings.allow_eviction);
    let warnings = judged.map_err(|reason| Unfit::Unsafe(format!("{name} {reason}")))?;
    for warning in warnings {
        tracing::warn!(server = name, "the state store {warning}");
    }
    Ok(())
}

/// What speaks against a server, and what is worth a warning.
fn judge(info: &Info, wait: Option<Wait>, allow_eviction: bool) -> Result<Vec<String>, String> {
    let mut warnings = Vec::new();
    let text = info.get("redis_version").unwrap_or("unknown");
    let version = version(text).ok_or_else(|| format!("has version {text}, which says nothing"))?;
    if version < VERSION_MIN {
        return Err(format!("has version {text}; it takes 6.2"));
    }
    let number = |name: &str| info.get(name).and_then(|value| value.parse::<u64>().ok());
    match (number("maxmemory"), info.get("maxmemory_policy")) {
        (_, Some("noeviction")) => {}
        (Some(0), Some(policy)) => warnings.push(format!(
            "has no maxmemory now; with one, its maxmemory-policy {policy} would make used tokens \
             usable again"
        )),
        (maxmemory, policy) => {
            let maxmemory = maxmemory.map_or("unknown".to_owned(), |bytes| bytes.to_string());
            let reason = format!(
                "has maxmemory {maxmemory} and maxmemory-policy {}: when memory gets short it throws \
                 keys away, and used tokens are usable again; set maxmemory-policy noeviction, or \
                 state.redis.allow_eviction",
                policy.unwrap_or("unknown")
            );
            if !allow_eviction {
                return Err(reason);
            }
            warnings.push(reason);
        }
    }
    let has_file = info.get("aof_enabled") == Some("1");
    if let Some(wait) = wait {
        if wait.fsync && version < VERSION_WAITAOF {
            return Err(format!("has version {text}; wait.fsync (WAITAOF) takes 7.2"));
        }
        if wait.fsync && !has_file {
            return Err("has appendonly no, which wait.fsync cannot wait for".to_owned());
        }
        let replicas = number("connected_slaves").unwrap_or(0);
        if replicas < u64::from(wait.replicas) {
            warnings.push(format!(
                "has {replicas} of the {} replicas that writes wait for",
                wait.replicas
            ));
        }
    }
    if !has_file {
        warnings.push(
            "has appendonly no: tokens that were used shortly before it restarts are usable again"
                .to_owned(),
        );
    }
    Ok(warnings)
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// Writes, reads, replaces and removes a record, and sees whether the server heeds all conditions.
async fn write(registers: &Registers<'_>, name: &str, now: SystemTime) -> Result<(), Unfit> {
    let record = |value: &str| -> Result<Record, Unfit> {
        let nonce = Nonce::new(random_bytes()?);
        Ok(Record { nonce, end: now + PROBE_LIFE, value: value.as_bytes().to_vec() })
    };
    let (first, second) = (record("first")?, record("second")?);
    let disobeys = |what: &str| Err(Unfit::Unsafe(format!("the state store {what}")));
    let Create::Created(version) = tried(registers.create(name, &first, now).await)? else {
        return disobeys("has what nobody wrote");
    };
    match tried(registers.create(name, &second, now).await)? {
        Create::Exists(seen) if seen.version == version => {}
        _ => return disobeys("does not keep what was written first"),
    }
    let Replace::Replaced(newer) = tried(registers.replace(name, &version, &second, now).await)?
    else {
        return disobeys("does not replace what it has");
    };
    if tried(registers.replace(name, &version, &first, now).await)? != Replace::Conflict {
        return disobeys("replaces what it has not");
    }
    match tried(registers.read(name, now).await)? {
        Some(seen) if seen.version == newer && seen.record.value == second.value => {}
        _ => return disobeys("does not have what was written last"),
    }
    if tried(registers.remove(name, &version).await)?
        || !tried(registers.remove(name, &newer).await)?
    {
        return disobeys("does not remove what it should");
    }
    Ok(())
}

/// A trial that fails with an error says nothing about the server but that it cannot be used now.
fn tried<T>(result: Result<T, Failure>) -> Result<T, Unfit> {
    result.map_err(unreachable)
}

fn unreachable(failure: Failure) -> Unfit {
    Unfit::Unreachable(failure.to_string())
}

fn random_bytes() -> Result<[u8; 16], Unfit> {
    let mut bytes = [0; 16];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_| Unfit::Unreachable("there are no random numbers".to_owned()))?;
    Ok(bytes)
}
