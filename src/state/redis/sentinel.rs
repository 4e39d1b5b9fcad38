//! Who the primary is, by those who watch over it
//! (Redis, "Guidelines for Redis clients with support for Redis Sentinel").

use std::sync::{Arc, Mutex, PoisonError};

use redis::{RedisConnectionInfo, Value};
use tokio::time::{sleep, timeout};

use super::dial::Dialer;
use super::link::Link;
use super::node::Node;
use super::settings::Address;

/// The sentinels of a primary.
pub(super) struct Sentinels {
    primary: String,
    dialer: Dialer,
    introduction: RedisConnectionInfo,
    /// The one that answered last is first.
    addresses: Mutex<Vec<Address>>,
    named: Mutex<Option<Address>>,
}

impl Sentinels {
    pub(super) fn new(
        primary: String,
        addresses: Vec<Address>,
        dialer: Dialer,
        introduction: RedisConnectionInfo,
    ) -> Self {
        let (addresses, named) = (Mutex::new(addresses), Mutex::new(None));
        Self { primary, dialer, introduction, addresses, named }
    }

    /// What they call the primary.
    pub(super) fn primary(&self) -> &str {
        &self.primary
    }

    /// Where the primary is: what the first sentinel says that knows it; and whether that is
    /// another one than the last time. Whoever hears that has to give up connections to the other.
    ///
    /// # Errors
    /// Says why the last of them did not.
    pub(super) async fn ask(&self) -> Result<(Address, bool), String> {
        let addresses = lock(&self.addresses).clone();
        let mut failure = "there are no sentinels".to_owned();
        for (index, sentinel) in addresses.iter().enumerate() {
            match self.ask_one(sentinel).await {
                Ok(address) => {
                    lock(&self.addresses)[..=index].rotate_right(1);
                    let before = lock(&self.named).replace(address.clone());
                    let changed = before.is_some_and(|before| before != address);
                    return Ok((address, changed));
                }
                Err(error) => failure = format!("sentinel {error}"),
            }
        }
        Err(failure)
    }

    async fn ask_one(&self, sentinel: &Address) -> Result<Address, String> {
        let link = self.dialer.open(sentinel, &self.introduction).await?;
        let asked = timeout(self.dialer.patience(), name_of_primary(&link, &self.primary)).await;
        let answer = asked.unwrap_or_else(|_| Err("it does not answer".to_owned()));
        answer.map_err(|error| format!("{sentinel}: {error}"))
    }

    /// Makes a node forget its connections when sentinels name another primary, as long as the node
    /// is there. A server that is cut off from the others takes itself for the primary still.
    pub(super) fn watch(self: &Arc<Self>, node: &Arc<Node>) {
        let (sentinels, node) = (Arc::clone(self), Arc::downgrade(node));
        tokio::spawn(async move {
            loop {
                sleep(sentinels.dialer.patience()).await;
                if node.strong_count() == 0 {
                    return;
                }
                if let Ok((primary, true)) = sentinels.ask().await
                    && let Some(node) = node.upgrade()
                {
                    tracing::info!(%primary, "the state store has another primary");
                    node.forget();
                }
            }
        });
    }
}

async fn name_of_primary(link: &Link, primary: &str) -> Result<Address, String> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(primary);
    let answer = link.exchange(&pipeline).await.map_err(|failure| failure.to_string())?.pop();
    match answer.as_ref() {
        Some(Value::Array(parts)) => match parts.as_slice() {
            [Value::BulkString(host), Value::BulkString(port)] => {
                let host = String::from_utf8_lossy(host).into_owned();
                let port = str::from_utf8(port).ok().and_then(|port| port.parse().ok());
                let port = port.ok_or("it names a primary without a port")?;
                Ok(Address { host, port })
            }
            _ => Err("it names the primary in a way nobody knows".to_owned()),
        },
        Some(Value::Nil) => Err(format!("it knows no primary \"{primary}\"")),
        Some(Value::ServerError(error)) => Err(error.to_string()),
        _ => Err("it answers something else".to_owned()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
