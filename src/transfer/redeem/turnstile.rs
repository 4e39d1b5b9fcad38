//! One at a time: of all requests for a token that this process has at the same time, one asks
//! storage and the ledger, and the others wait for what it finds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::error::Kind;
use crate::token::TokenId;

/// What the first of several requests found out for the others.
#[derive(Clone, Debug)]
pub enum Finding {
    /// So many uses are taken.
    Taken(u32),
    /// Nobody gets anything: what the first was refused for.
    Refused(Kind),
    /// Nothing: its client left. The next one is to try.
    Nothing,
}

/// Which tokens are being used just now.
#[derive(Clone, Debug, Default)]
pub struct Turnstile {
    waiting: Arc<Mutex<HashMap<TokenId, watch::Receiver<Option<Finding>>>>>,
}

/// How a request goes on.
pub enum Turn {
    /// It is the first, and tells the others.
    First(First),
    /// Another was, and this is what it found.
    After(Finding),
}

/// The first of several requests for a token. However it ends, the others hear of it.
pub struct First {
    id: TokenId,
    turnstile: Turnstile,
    found: watch::Sender<Option<Finding>>,
}

impl Turnstile {
    /// Waits for one's turn.
    pub async fn enter(&self, id: TokenId) -> Turn {
        let mut waiting = {
            let mut tokens = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match tokens.get(&id) {
                Some(waiting) => waiting.clone(),
                None => {
                    let (found, waiting) = watch::channel(None);
                    tokens.insert(id, waiting);
                    return Turn::First(First { id, turnstile: self.clone(), found });
                }
            }
        };
        let found = waiting.wait_for(Option::is_some).await;
        Turn::After(found.ok().and_then(|found| found.clone()).unwrap_or(Finding::Nothing))
    }
}

impl First {
    /// Tells the others what was found, and lets the next one in.
    pub fn tell(self, finding: Finding) {
        self.found.send_replace(Some(finding));
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let mut tokens = self.turnstile.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.remove(&self.id);
        drop(tokens);
        // Whoever waits still sees the last value.
        self.found.send_if_modified(|found| {
            found.is_none().then(|| *found = Some(Finding::Nothing)).is_some()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_goes_first_and_tells_the_others() {
        let turnstile = Turnstile::default();
        let id = TokenId::new([1; 16]);
        let Turn::First(first) = turnstile.enter(id).await else { panic!("nobody was there") };
        let others: Vec<_> = (0..3)
            .map(|_| {
                let turnstile = turnstile.clone();
                tokio::spawn(async move { turnstile.enter(id).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(matches!(turnstile.enter(TokenId::new([2; 16])).await, Turn::First(_)));
        first.tell(Finding::Taken(1));
        for other in others {
            assert!(matches!(other.await.unwrap(), Turn::After(Finding::Taken(1))));
        }
        assert!(matches!(turnstile.enter(id).await, Turn::First(_)));
    }

    #[tokio::test]
    async fn one_that_leaves_keeps_nobody() {
        let turnstile = Turnstile::default();
        let id = TokenId::new([1; 16]);
        let first = turnstile.enter(id).await;
        let other = tokio::spawn({
            let turnstile = turnstile.clone();
            async move { turnstile.enter(id).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(matches!(other.await.unwrap(), Turn::After(Finding::Nothing)));
        assert!(turnstile.waiting.lock().unwrap().is_empty());
    }
}
