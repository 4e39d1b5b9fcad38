//! `casgate run FILE`

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{EXIT_USAGE, check, fail, serve};
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

/// Serves until SIGTERM or SIGINT. A configuration with problems exits 64 before a port is bound.
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
        serve::serve(plan, metrics, &arguments.file, announce, serve::stop_signal()).await
    });
    log.finish();
    match served.and_then(|result| result) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}
