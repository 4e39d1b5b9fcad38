//! What the tests are made with.

pub(crate) mod answer;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod content;
pub(crate) mod embedded;
pub(crate) mod gateway;
pub(crate) mod issuer;
pub(crate) mod metrics;
pub(crate) mod process;
pub(crate) mod radosgw;
pub(crate) mod redis;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod signer;
pub(crate) mod storage;
pub(crate) mod tls;
pub(crate) mod token;

use std::time::Duration;

use tokio::time::timeout;

/// Far longer than anything here takes: it ends a test that hangs, and decides nothing else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The output of a future that has to complete.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        match timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => panic!("still waiting after {PATIENCE:?} at {caller}"),
        }
    }
}

/// Whether this run may take long: `tests/run --full`.
pub(crate) fn is_full() -> bool {
    std::env::var("CASGATE_TESTS_FULL").is_ok_and(|value| !value.is_empty())
}
