//! What a history begins with: everything that does not change while it runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::defect::Defect;
use super::random::Random;
use crate::content::layout::Key;
use crate::token::{DownloadToken, Facts, TokenId};

pub(super) const REPLICAS: usize = 3;
const CLIENTS_MAX: u64 = 4;
/// How far the clocks of two machines are apart at most, in milliseconds.
pub(super) const SKEW_MAX: u64 = 240_000;
pub(super) const RESUMES_MAX: u32 = 2;

/// What a scenario is about.
pub(super) struct Scenario {
    pub(super) defect: Option<Defect>,
    pub(super) token: DownloadToken,
    /// How often something goes wrong: once in so many chances. 0: never, and nobody hurries.
    pub(super) faults: u64,
    pub(super) clients: usize,
    /// Whose connection a client is: a download manager has two.
    pub(super) people: [usize; CLIENTS_MAX as usize],
    pub(super) requests: u64,
    pub(super) is_revoked: bool,
    /// How far the clocks of replicas, and the store's own after them, are ahead.
    pub(super) skews: [u64; REPLICAS + 1],
    /// Whether the store forgets by its own clock, like Redis, or by those of whoever asks, like a
    /// bucket, which is swept.
    pub(super) has_own_clock: bool,
}

/// When tokens are issued. Ends of registers are full hours, which is two and a half minutes before
/// one, so that some tokens' records end with the hour.
pub(super) fn issued() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(500_000 * 3600 - 450)
}

impl Scenario {
    pub(super) fn of(random: &mut Random, defect: Option<Defect>) -> Self {
        let faults = [0, 64, 32, 12][random.choice(4)];
        let is_calm = faults == 0;
        let mut skews = [0; REPLICAS + 1];
        if !is_calm {
            skews = skews.map(|_| [0, random.below(SKEW_MAX + 1), SKEW_MAX][random.choice(3)]);
        }
        let ttl = if is_calm { 3600 } else { [10, 60, 150][random.choice(3)] };
        let window = [0, if is_calm { 300 } else { 30 }, 120][random.choice(3)];
        let token = token(1 + random.below(3) as u32, ttl, window);
        let clients = 1 + random.choice(CLIENTS_MAX as usize);
        // The first two may be the same person's.
        let second = random.choice(2);
        Self {
            defect,
            token,
            faults,
            clients,
            people: [0, second, 2, 3],
            requests: 1 + random.below(4),
            is_revoked: !is_calm && random.one_in(3),
            skews,
            has_own_clock: random.one_in(2),
        }
    }

    /// How many tasks there are: one for each client, and one that takes the token back.
    pub(super) fn tasks(&self) -> usize {
        self.clients + usize::from(self.is_revoked)
    }

    /// The token's last millisecond, since it was issued.
    pub(super) fn expiry(&self) -> u64 {
        let life = self.token.facts().expires.duration_since(issued()).unwrap_or_default();
        u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}

fn token(uses: u32, ttl: u64, window: u64) -> DownloadToken {
    let facts = Facts {
        route: "/".to_owned(),
        tenant: None,
        bucket: "b".to_owned(),
        key: Key::of_sealed("k".to_owned()).expect("a key"),
        etag: None,
        digest: None,
        filename: None,
        content_type: None,
        issued: issued(),
        expires: issued() + Duration::from_secs(ttl),
        uses,
        resume_window: Duration::from_secs(window),
        confirm: false,
    };
    DownloadToken::for_test(TokenId::new([7; 16]), facts)
}
