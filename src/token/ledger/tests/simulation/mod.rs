//! Histories of one token: replicas whose clocks differ, clients, and a store, over a network that
//! delays, loses, repeats and delivers late, while replicas crash and stall between any two steps.
//!
//! The ledger is the real one. The gateway around it is a model that does things in the order in which
//! the gateway does them ([`gateway`]). All that happens follows from a seed: the tasks are polled by
//! hand, and whose turn it is, what goes wrong and what time it is are drawn. What holds of every
//! history is in [`journal`]; that the simulation would notice is shown by mistakes that are made on
//! purpose ([`defect`]).
//!
//! A history that went wrong is told by running the test again with `CASGATE_HISTORY=<its seed>`, and
//! `CASGATE_HISTORIES=<number>` runs another number of them.

mod client;
mod defect;
mod defects;
mod gateway;
mod journal;
mod network;
mod random;
mod scenario;
mod world;

use std::ops::Range;

use defect::Defect;
use journal::{Journal, Progress, Violation};
use random::Random;
use scenario::Scenario;
use world::{Task, World};

/// Runs a history.
fn history(seed: u64, defect: Option<Defect>, is_told: bool) -> Journal {
    let mut random = Random::new(seed);
    let scenario = Scenario::of(&mut random, defect);
    let world = World::new(scenario, random, is_told);
    let mut tasks: Vec<Task<'_>> = Vec::with_capacity(world.scenario.tasks());
    for number in 0..world.scenario.clients {
        tasks.push(Box::pin(client::live(&world, number)));
    }
    if world.scenario.is_revoked {
        tasks.push(Box::pin(client::take_back(&world)));
    }
    world.run(tasks);
    world.judge()
}

/// The first seed whose history goes wrong.
fn first_violation(seeds: Range<u64>) -> Option<(u64, Vec<Violation>)> {
    let mut histories = seeds.map(|seed| (seed, history(seed, None, false).violations));
    histories.find(|(_, violations)| !violations.is_empty())
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn a_million_histories_keep_the_promise() {
    if let Some(seed) = number("CASGATE_HISTORY") {
        assert_eq!(history(seed, None, true).violations, [], "history {seed}");
        return;
    }
    let histories = number("CASGATE_HISTORIES").unwrap_or(1_000_000);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let share = histories.div_ceil(threads);
    let found = std::thread::scope(|scope| {
        let run = |thread| {
            let end = histories.min((thread + 1) * share);
            scope.spawn(move || first_violation(thread * share..end))
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().find_map(|thread| thread.join().expect("it has no defect of its own"))
    });
    assert_eq!(found, None, "run it again with CASGATE_HISTORY=<the first number>");
}

/// A million histories in which nothing happens would prove nothing.
#[test]
fn everything_happens_in_some_histories() {
    let (mut turns, mut tally) = (0, std::collections::BTreeMap::<&str, u32>::new());
    let mut count = |what, happens| *tally.entry(what).or_default() += u32::from(happens);
    for seed in 0..20_000 {
        let journal = history(seed, None, false);
        turns += journal.turns;
        let tries = |progress| journal.attempts.iter().any(|attempt| attempt.progress == progress);
        let lost = |attempt: &journal::Attempt| attempt.has_crashed;
        count("a 200", !journal.wholes.is_empty());
        count("several 200s", journal.wholes.len() > 1);
        count("a 206", !journal.parts.is_empty());
        count("several 206s", journal.parts.len() > 1);
        count("a use in doubt", tries(Progress::InDoubt));
        count("a use lost in a crash", journal.attempts.iter().any(lost));
        count("a token taken back", journal.is_revoked);
        count("a token taken back during a claim", tries(Progress::Revoked));
    }
    println!("{} turns on average; {tally:?}", turns / 20_000);
    assert!(tally.values().all(|histories| *histories >= 20), "{tally:?}");
}
