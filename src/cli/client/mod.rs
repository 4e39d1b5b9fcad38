//! What `casgate put` and `casgate get` are made of: a client of a running gateway, in the dialect
//! `shakenfist`.

pub(super) mod api;
mod body;
mod connection;
pub(super) mod download;
mod failure;
pub(super) mod hashing;
mod patience;
pub(super) mod progress;
mod resume;
pub(super) mod settings;
pub(super) mod upload;

use std::process::ExitCode;

pub(super) use api::Client;
pub(super) use failure::Failure;

use super::{EXIT_USAGE, fail, serve};

/// Runs a command of the client, prints what it gives, and says how the process ends.
pub(super) fn execute(command: impl Future<Output = Result<String, Failure>>) -> ExitCode {
    match serve::block_on(command) {
        Ok(Ok(report)) => match print(&report) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(format_args!("cannot write to standard output: {error}")),
        },
        Ok(Err(failure @ Failure::Usage(_))) => {
            let _ = fail(failure);
            ExitCode::from(EXIT_USAGE)
        }
        Ok(Err(failure)) => fail(failure),
        Err(error) => fail(error),
    }
}

fn print(report: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    std::io::stdout().write_all(report.as_bytes())
}
