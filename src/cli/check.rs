//! `casgate check FILE...`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::EXIT_USAGE;
use crate::config::Config;
use crate::plan::{Files, Plan, Problem};
use crate::telemetry::Metrics;

/// Arguments of `casgate check`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Configuration files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Prints every problem of every file; succeeds if there is none.
pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    let mut sound = true;
    for file in &arguments.files {
        match load(file, &Metrics::new(), None) {
            Ok(plan) => report(file, "warning: ", &plan.warnings),
            Err(problems) => {
                report(file, "", &problems);
                sound = false;
            }
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) }
}

/// Prints problems, one a line, as `FILE: PLACE: MESSAGE`.
pub(super) fn report(file: &Path, prefix: &str, problems: &[Problem]) {
    for problem in problems {
        eprintln!("{}: {prefix}{problem}", file.display());
    }
}

/// Reads and compiles a configuration file, in the place of an earlier plan if there is one; then
/// all files have to be regular ones.
///
/// # Errors
/// Every problem, an unreadable file included.
pub fn load(file: &Path, metrics: &Metrics, earlier: Option<&Plan>) -> Result<Plan, Vec<Problem>> {
    let whole = |message: String| vec![Problem { path: String::new(), message }];
    let mut files = if earlier.is_some() { Files::regular() } else { Files::default() };
    let cannot = |error: &dyn std::fmt::Display| whole(format!("cannot read the file: {error}"));
    let text = files.bytes(file).map_err(|error| cannot(&error))?;
    let text = String::from_utf8(text).map_err(|error| cannot(&error))?;
    let config = Config::parse(&text)
        .map_err(|misfit| vec![Problem { path: misfit.path, message: misfit.message }])?;
    Plan::recompile(config, files, metrics, earlier)
}
