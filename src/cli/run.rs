//! `casgate run FILE`

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{EXIT_USAGE, check, fail, fitness, serve};
use crate::telemetry::{Metrics, log};

/// Arguments of `casgate run`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration file
    file: PathBuf,
    /// Print one JSON line with the addresses on standard output once ready
    #[arg(long)]
    json: bool,
}

/// Serves until SIGTERM or SIGINT. A configuration with problems, those of its buckets included,
/// exits 64 before a port is bound.
pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    let metrics = Arc::new(Metrics::new());
    let plan = match check::load(&arguments.file, &metrics, None) {
        Ok(plan) => plan,
        Err(problems) => {
            check::report(&arguments.file, "", &problems);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let log = log::start(plan.log.level);
    for warning in &plan.warnings {
        tracing::warn!(place = warning.path, "{}", warning.message);
    }
    let announce = |addresses: &serve::Addresses| {
        if arguments.json {
            let line = json!({
                "url": addresses.url(),
                "urls": addresses.urls().collect::<Vec<_>>(),
                "admin_url": addresses.admin_url(),
            });
            // Whoever asked for the line and left does not want it any more; `println!` would
            // panic.
            let _ = writeln!(io::stdout(), "{line}");
        }
    };
    let served = serve::block_on(async {
        let mut stop = pin!(serve::stop_signal());
        let problems = tokio::select! {
            problems = fitness::try_out(&plan) => problems,
            () = &mut stop => return Ok(Vec::new()),
        };
        if !problems.is_empty() {
            return Ok(problems);
        }
        let file = &arguments.file;
        serve::serve(plan, Vec::new(), metrics, file, announce, stop).await.map(|()| Vec::new())
    });
    log.finish();
    match served.and_then(|result| result) {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            check::report(&arguments.file, "", &problems);
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => fail(error),
    }
}
