//! A changed configuration, taken up while requests are served.
//!
//! A reload is all or nothing: a file with a problem changes nothing, and neither does one that
//! needs a restart. Requests in flight end by the plan they began with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use super::background::Background;
use super::check;
use super::fitness;
use crate::edge::Edge;
use crate::plan::{Plan, Problem, ReadFile, Stamp};

/// Reloads at SIGHUP, and when the configuration or a file it names has changed.
pub(super) struct Reloader {
    edge: Arc<Edge>,
    file: PathBuf,
    background: Background,
    hangup: Option<Signal>,
    /// Why the file as it is was refused. It is tried again all the time, since what is wrong may
    /// be in another file.
    refused: Option<Vec<Problem>>,
    /// What was refused for its buckets. They were tried out, and are not each time.
    unfit: Option<Plan>,
}

/// SIGHUP, which from here on is not lost and does not end the process. Call it on a runtime.
pub(super) fn hangup() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!(%error, "SIGHUP cannot be handled"))
        .ok()
}

impl Reloader {
    pub(super) fn new(
        edge: Arc<Edge>,
        file: &Path,
        background: Background,
        hangup: Option<Signal>,
    ) -> Self {
        Self { edge, file: file.to_owned(), background, hangup, refused: None, unfit: None }
    }

    /// Reloads whenever there is reason to. Never completes.
    pub(super) async fn run(mut self) {
        loop {
            let plan = Arc::clone(&self.edge.serving().plan);
            let trying = self.refused.is_some();
            let asked = tokio::select! {
                () = hung_up(self.hangup.as_mut()) => true,
                () = outdated(&plan, trying) => false,
            };
            if asked {
                // Whoever asks is told again what is wrong, and may have mended it.
                self.refused = None;
                self.unfit = None;
                plan.buckets.values().for_each(|bucket| bucket.fitness.forget_unfit());
            }
            self.reload(plan).await;
        }
    }

    async fn reload(&mut self, plan: Arc<Plan>) {
        let compiled = match self.compile(Arc::clone(&plan)).await {
            Ok(next) => self.try_out(next).await,
            Err(problems) => Err(problems),
        };
        let metrics = &self.edge.metrics.reloads;
        match compiled {
            Ok(next) => {
                for warning in &next.warnings {
                    tracing::warn!(place = warning.path, "{}", warning.message);
                }
                let next = Arc::new(next);
                // What both plans know is kept fresh by one set of tasks at a time.
                self.background = Background::default();
                self.background = Background::start(&next).await;
                self.edge.replace(next);
                self.refused = None;
                metrics.applied.inc();
                metrics.up_to_date.set(1);
                tracing::info!(file = %self.file.display(), "the configuration was reloaded");
            }
            Err(problems) => {
                metrics.up_to_date.set(0);
                if self.refused.as_ref() == Some(&problems) {
                    return;
                }
                metrics.refused.inc();
                for problem in &problems {
                    let (place, file) = (&problem.path, self.file.display());
                    tracing::error!(%file, place, "not reloaded: {}", problem.message);
                }
                self.refused = Some(problems);
            }
        }
    }

    /// Passes a plan whose buckets can do what its routes ask of them.
    async fn try_out(&mut self, next: Plan) -> Result<Plan, Vec<Problem>> {
        if let Some(refused) = &self.unfit {
            fitness::recall(&next, refused);
        }
        let mut problems = fitness::try_out(&next).await;
        problems.extend(unreachable_state(&self.edge.serving().plan, &next));
        if problems.is_empty() {
            self.unfit = None;
            return Ok(next);
        }
        self.unfit = Some(next);
        Err(problems)
    }

    async fn compile(&self, plan: Arc<Plan>) -> Result<Plan, Vec<Problem>> {
        let (edge, file) = (Arc::clone(&self.edge), self.file.clone());
        let compiled = spawn_blocking(move || {
            let next = check::load(&file, &edge.metrics, Some(&plan))?;
            let problems = restart_needed(&plan, &next);
            if problems.is_empty() { Ok(next) } else { Err(problems) }
        });
        let panicked =
            |error: JoinError| vec![Problem { path: String::new(), message: error.to_string() }];
        compiled.await.unwrap_or_else(|error| Err(panicked(error)))
    }
}

/// A store that works is not given up for one that cannot be asked.
fn unreachable_state(plan: &Plan, next: &Plan) -> Option<Problem> {
    let works = |plan: &Plan| plan.state.as_ref().map(|state| state.is_ready());
    (works(plan) == Some(true) && works(next) == Some(false)).then(|| Problem {
        path: "state".to_owned(),
        message: "the store cannot be asked with these settings, and can with those before"
            .to_owned(),
    })
}

/// Completes at SIGHUP.
async fn hung_up(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Completes when files of the plan have changed, and then not again for one interval: whoever
/// writes them should be done. With `again`, after an interval without changes in any case.
async fn outdated(plan: &Arc<Plan>, again: bool) {
    let interval: Duration = plan.timeouts.reload_interval;
    let read: Vec<Stamp> = plan.files.iter().map(|file| file.stamp()).collect();
    let mut before = read.clone();
    loop {
        sleep(interval).await;
        // A file system may hang, and must not take a thread of the requests with it.
        let plan = Arc::clone(plan);
        let stamps = move || plan.files.iter().map(ReadFile::current_stamp).collect();
        let Ok(current): Result<Vec<Stamp>, _> = spawn_blocking(stamps).await else { continue };
        if (again || current != read) && current == before {
            return;
        }
        before = current;
    }
}

/// The settings that differ and cannot be changed in a process that serves.
fn restart_needed(plan: &Plan, next: &Plan) -> Vec<Problem> {
    let addresses = |plan: &Plan| -> Vec<_> {
        plan.listeners.iter().map(|listener| listener.address).collect()
    };
    let (before, after) = (&plan.limits, &next.limits);
    // In another store, nothing would be known of what was used.
    let moved = plan
        .state
        .as_ref()
        .is_some_and(|state| next.state.as_ref().is_none_or(|next| !state.is_same_place(next)));
    [
        ("state", moved),
        ("listen", addresses(plan) != addresses(next)),
        ("admin", plan.admin != next.admin),
        ("limits.connections", before.connections != after.connections),
        ("limits.http2_streams", before.http2_streams != after.http2_streams),
        (
            "limits.idle_storage_connections",
            before.idle_storage_connections != after.idle_storage_connections,
        ),
        ("log", plan.log != next.log),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(path, _)| Problem {
        path: path.to_owned(),
        message: "it has changed, which takes a restart".to_owned(),
    })
    .collect()
}
