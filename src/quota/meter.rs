//! What one upload stores, reported as it comes.

use std::time::SystemTime;

use super::{Quota, Refused, Reservation};
use crate::auth::Tenant;
use crate::error::Error;
use crate::state::{Nonce, StateStore};
use crate::token::sixteen_bytes;

/// How many bytes are set aside at a time where nobody said how many will come.
const STEP_BYTES: u64 = 8 * 1024 * 1024;

/// Counts the bytes of an upload against the quota of a tenant, and asks the store once in a while
/// only. It is settled once for each content that it is about, before the last write of that.
pub struct Meter<'a, S> {
    quota: Quota<'a, S>,
    tenant: Tenant,
    clock: fn() -> SystemTime,
    /// None: nothing is set aside.
    open: Option<Reservation>,
    /// How many bytes of that are used.
    taken: u64,
}

impl<'a, S: StateStore> Meter<'a, S> {
    /// Counts from 0.
    #[must_use]
    pub const fn new(quota: Quota<'a, S>, tenant: Tenant, clock: fn() -> SystemTime) -> Self {
        Self { quota, tenant, clock, open: None, taken: 0 }
    }

    /// Sets aside what will come at least, so that an upload that is too large is refused before it
    /// begins.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn announce(&mut self, bytes: u64) -> Result<(), Error> {
        Ok(self.set_aside(bytes).await??)
    }

    /// Counts bytes that are about to be stored.
    ///
    /// # Errors
    /// See [`Refused`]: they must not be.
    pub async fn take(&mut self, bytes: u64) -> Result<(), Error> {
        let taken = self.taken.checked_add(bytes).ok_or(Refused::OverQuota)?;
        let aside = self.open.as_ref().map_or(0, Reservation::bytes);
        let missing = taken.saturating_sub(aside);
        if missing > 0 {
            match self.set_aside(missing.max(STEP_BYTES)).await? {
                // What comes may fit though a whole step does not.
                Err(Refused::OverQuota) if missing < STEP_BYTES => {
                    self.set_aside(missing).await??;
                }
                result => result?,
            }
        }
        self.taken = taken;
        Ok(())
    }

    /// Writes down what was counted so far, and gives back what was not used. From then on it counts
    /// from 0 again.
    ///
    /// # Errors
    /// See [`Refused`]: what was counted must not be made a content.
    pub async fn settle(&mut self) -> Result<(), Error> {
        let stored = std::mem::take(&mut self.taken);
        self.close(stored).await
    }

    /// Gives everything back that is set aside, as nothing will come of it. Where that fails, it ends
    /// by itself.
    pub async fn cancel(mut self) {
        if let Err(error) = self.close(0).await {
            tracing::debug!(%error, "what an upload set aside will end by itself");
        }
    }

    async fn close(&mut self, stored: u64) -> Result<(), Error> {
        let Some(reservation) = self.open.take() else { return Ok(()) };
        Ok(self.quota.settle(reservation, stored, write()?, (self.clock)()).await?)
    }

    /// Sets more aside than there is.
    async fn set_aside(&mut self, bytes: u64) -> Result<Result<(), Refused>, Error> {
        let (write, now) = (write()?, (self.clock)());
        Ok(match &mut self.open {
            Some(reservation) => self.quota.extend(reservation, bytes, write, now).await,
            None => match self.quota.reserve(&self.tenant, bytes, write, now).await {
                Ok(reservation) => {
                    self.open = Some(reservation);
                    Ok(())
                }
                Err(refused) => Err(refused),
            },
        })
    }
}

fn write() -> Result<Nonce, Error> {
    sixteen_bytes().map(Nonce::new)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::error::Kind;
    use crate::state::flaky::{Fate, Flaky};

    const MIB: u64 = 1024 * 1024;
    const LIMIT: u64 = 20 * MIB;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn meter(store: &Flaky) -> Meter<'_, Flaky> {
        let quota = Quota::new(store, "/px/", LIMIT, Duration::from_secs(3600));
        Meter::new(quota, Tenant::parse("acme").unwrap(), now)
    }

    fn kind(result: Result<(), Error>) -> Result<(), Kind> {
        result.map_err(|error| error.kind())
    }

    /// Whether exactly so many bytes can be stored still.
    async fn assert_room(store: &Flaky, bytes: u64) {
        let mut more = meter(store);
        assert_eq!(kind(more.announce(bytes + 1).await), Err(Kind::TenantOverLimit), "{bytes}");
        assert_eq!(kind(more.announce(bytes).await), Ok(()), "{bytes}");
        more.cancel().await;
    }

    #[tokio::test]
    async fn what_is_taken_counts_when_it_is_settled() {
        let store = Flaky::default();
        let mut upload = meter(&store);
        for _ in 0..9 {
            upload.take(MIB).await.unwrap();
        }
        assert_room(&store, 4 * MIB).await;
        upload.settle().await.unwrap();
        assert_room(&store, 11 * MIB).await;
        // Another file of the same form.
        upload.take(1).await.unwrap();
        assert_room(&store, 3 * MIB).await;
        upload.settle().await.unwrap();
        assert_room(&store, 11 * MIB - 1).await;
    }

    #[tokio::test]
    async fn the_last_byte_fits_and_no_more() {
        let store = Flaky::default();
        let mut upload = meter(&store);
        upload.take(13 * MIB).await.unwrap();
        upload.take(7 * MIB - 1).await.unwrap();
        upload.take(1).await.unwrap();
        assert_eq!(kind(upload.take(1).await), Err(Kind::TenantOverLimit));
        upload.settle().await.unwrap();
        assert_room(&store, 0).await;
    }

    #[tokio::test]
    async fn what_is_announced_is_refused_before_it_comes() {
        let store = Flaky::default();
        let mut upload = meter(&store);
        upload.announce(LIMIT - 10).await.unwrap();
        assert_eq!(kind(meter(&store).announce(11).await), Err(Kind::TenantOverLimit));
        // What was announced may be a little less than what comes.
        upload.take(LIMIT).await.unwrap();
        upload.cancel().await;
        assert_room(&store, LIMIT).await;
    }

    #[tokio::test]
    async fn whoever_cannot_settle_is_told() {
        for fate in [Fate::NotDone, Fate::LostBefore, Fate::Late, Fate::LostAfterWithReads] {
            let store = Flaky::default();
            let mut upload = meter(&store);
            upload.take(1).await.unwrap();
            store.next(fate);
            assert_eq!(kind(upload.settle().await), Err(Kind::StateUnavailable), "{fate:?}");
        }
        let store = Flaky::default();
        let mut upload = meter(&store);
        upload.take(MIB).await.unwrap();
        store.next(Fate::LostAfter);
        assert_eq!(kind(upload.settle().await), Ok(()));
        assert_room(&store, LIMIT - MIB).await;
    }

    #[tokio::test]
    async fn nothing_costs_nothing() {
        let store = Flaky::of(&[Fate::NotDone; 3]);
        let mut upload = meter(&store);
        upload.take(0).await.unwrap();
        upload.settle().await.unwrap();
        upload.cancel().await;
    }
}
