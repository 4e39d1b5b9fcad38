//! One at a time: of many who want the same upload made an object, in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::content::upload::UploadId;

/// So many uploads are remembered before those are forgotten that nobody works on.
const REMEMBERED_MAX: usize = 64;

/// Whose turn it is. Others wait for the outcome instead of having storage copy the same again.
/// Replicas do not wait for one another: what they make is the same.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<UploadId, Weak<Turn<()>>>>);

impl Turns {
    /// Waits for the turn; it ends when what comes back is dropped.
    pub async fn take(&self, id: UploadId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= REMEMBERED_MAX {
                turns.retain(|_, turn| turn.strong_count() > 0);
            }
            let there = turns.get(&id).and_then(Weak::upgrade);
            let turn = there.unwrap_or_default();
            turns.insert(id, Arc::downgrade(&turn));
            turn
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};
    use std::time::UNIX_EPOCH;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_for_each_upload() {
        let turns = Turns::default();
        let [one, other] = [1, 2].map(|byte| UploadId::new([byte; 16], UNIX_EPOCH));
        let first = turns.take(one).await;
        let _other = turns.take(other).await;
        let mut second = Box::pin(turns.take(one));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(second.as_mut().poll(&mut context).is_ready());
    }

    #[tokio::test]
    async fn what_nobody_works_on_is_forgotten() {
        let turns = Turns::default();
        for number in 0..=u8::try_from(REMEMBERED_MAX).unwrap() {
            drop(turns.take(UploadId::new([number; 16], UNIX_EPOCH)).await);
        }
        assert!(turns.0.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
