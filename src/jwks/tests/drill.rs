use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;

/// What the drill's issuer did to a key.
struct Life {
    key_id: String,
    published: Instant,
    removed: Option<Instant>,
}

/// A number below `end` that looks random and is the same in every run.
fn number(seed: impl Hash, end: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    hasher.finish() % end
}

impl Life {
    fn of(number: usize) -> Self {
        Self { key_id: format!("key {number}"), published: Instant::now(), removed: None }
    }
}

/// The issuer's well-being and keys.
struct Issuer {
    world: Arc<World>,
    lives: Vec<Life>,
    well_since: Instant,
    down_until: Option<Instant>,
}

impl Issuer {
    /// Goes down for up to 40 minutes now and then.
    fn have_outages(&mut self, step: u64) {
        let now = Instant::now();
        match self.down_until {
            Some(end) if end <= now => {
                (self.well_since, self.down_until) = (now, None);
                self.world.is(Mood::Well);
            }
            None if number((step, "outage"), 1000) == 0 => {
                let minutes = u32::try_from(number((step, "minutes"), 40)).unwrap();
                self.down_until = Some(now + MINUTE * minutes);
                self.world.is(if step.is_multiple_of(2) { Mood::Failing } else { Mood::Hanging });
            }
            _ => {}
        }
    }

    /// Publishes a new key every half hour or so, and removes the one before the last.
    fn rotate(&mut self, step: u64) {
        if number((step, "rotation"), 360) > 0 {
            return;
        }
        let last = self.lives.len() - 1;
        if let Some(old) = last.checked_sub(1) {
            self.lives[old].removed = Some(Instant::now());
        }
        self.lives.push(Life::of(last + 1));
        let published = self.lives.iter().filter(|life| life.removed.is_none());
        let published: Vec<_> = published.map(|life| life.key_id.as_str()).collect();
        self.world.publish(&published);
    }

    /// Whether this is a right answer for a token of that key. A token that is good may have to
    /// wait, by way of a 503, only in an outage, or where its key is younger than the cooldown.
    #[track_caller]
    fn judge(&self, life: &Life, answer: Result<(), Kind>) {
        let context = format!("{answer:?} for {}", life.key_id);
        let was_down = self.down_until.is_some() || self.well_since.elapsed() < 2 * MINUTE;
        match (answer, life.removed) {
            (Ok(()), None) | (Err(Kind::CredentialRefused), Some(_)) => {}
            (Ok(()), Some(removed)) => {
                let heard = removed.max(self.well_since) + REFRESH + TIMEOUT;
                assert!(self.down_until.is_some() || Instant::now() <= heard, "{context}");
            }
            (Err(Kind::IssuerUnavailable), None) => {
                assert!(was_down || life.published.elapsed() < COOLDOWN + TIMEOUT, "{context}");
            }
            (Err(Kind::IssuerUnavailable), Some(_)) => {}
            _ => panic!("{context}"),
        }
    }
}

/// A day in which the issuer rotates its key every half hour or so and signs with the new one at
/// once, is down now and then, and somebody sends tokens with made-up keys all the time.
#[tokio::test(start_paused = true)]
async fn a_day_of_rotations_outages_and_floods_has_no_wrong_answer() {
    let (world, _task) = World::fresh(&["key 0"]).await;
    let mut issuer = Issuer {
        world: Arc::clone(&world),
        lives: vec![Life::of(0)],
        well_since: Instant::now(),
        down_until: None,
    };
    let (mut good, mut unavailable) = (0_u64, 0_u64);
    for step in 0..24 * 3600 / 5 {
        pass(Duration::from_secs(5)).await;
        issuer.have_outages(step);
        issuer.rotate(step);
        let made_up = world.ask(&format!("made up {step}")).await;
        assert_ne!(made_up, Ok(()));
        for life in &issuer.lives {
            let answer = world.ask(&life.key_id).await;
            issuer.judge(life, answer);
            if life.removed.is_none() {
                good += 1;
                unavailable += u64::from(answer.is_err());
            }
        }
    }
    assert!(issuer.lives.len() > 24, "{} keys", issuer.lives.len());
    assert!(unavailable * 20 < good, "{unavailable} of {good}");
    let fetches = u64::try_from(world.fetches()).unwrap();
    assert!(fetches < 24 * 3600 / COOLDOWN.as_secs() * 2, "{fetches} fetches");
}
