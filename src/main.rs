//! The `casgate` program.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    casgate::cli::Cli::parse().execute()
}
