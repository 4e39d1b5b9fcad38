//! The command line: one file per subcommand.

mod background;
pub mod check;
mod client;
#[cfg(feature = "dev")]
pub mod dev;
#[cfg(feature = "dev")]
pub mod dev_s3;
mod fitness;
pub mod get;
pub mod health;
#[cfg(feature = "dev")]
pub mod jwt;
pub mod key;
pub mod put;
mod reload;
pub mod run;
pub mod schema;
pub mod serve;
mod state;
mod sweep;
pub mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit status of a command that was used wrongly (`EX_USAGE` of sysexits.h): here, a configuration
/// with problems.
pub const EXIT_USAGE: u8 = 64;

/// A gateway in front of S3-compatible object storage.
#[derive(Debug, Parser)]
#[command(name = "casgate", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a configuration
    Run(run::Arguments),
    /// Check configuration files: print every problem, exit 64 if there is one
    Check(check::Arguments),
    /// Ask a running gateway's admin listener whether it is ready
    Health(health::Arguments),
    /// Make, look at or take back single-use links
    Token(Box<token::Arguments>),
    /// Upload a file to a running gateway
    Put(put::Arguments),
    /// Download an artifact, or what has a digest, from a running gateway
    Get(get::Arguments),
    /// Make a key for a namespace, and what the configuration says of it
    Key(key::Arguments),
    /// Print a JSON Schema of the configuration, for editors
    Schema,
    /// Serve a demo, with an embedded S3 server and everything in one folder
    #[cfg(feature = "dev")]
    Dev(dev::Arguments),
    /// Print a token for the demo
    #[cfg(feature = "dev")]
    Jwt(jwt::Arguments),
}

impl Cli {
    /// Does what the command line says.
    #[must_use]
    pub fn execute(self) -> ExitCode {
        match self.command {
            Command::Run(arguments) => run::execute(&arguments),
            Command::Check(arguments) => check::execute(&arguments),
            Command::Health(arguments) => health::execute(&arguments),
            Command::Token(arguments) => token::execute(&arguments),
            Command::Put(arguments) => put::execute(&arguments),
            Command::Get(arguments) => get::execute(&arguments),
            Command::Key(arguments) => key::execute(&arguments),
            Command::Schema => schema::execute(),
            #[cfg(feature = "dev")]
            Command::Dev(arguments) => dev::execute(&arguments),
            #[cfg(feature = "dev")]
            Command::Jwt(arguments) => jwt::execute(&arguments),
        }
    }
}

/// Says on standard error why the process ends.
fn fail(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("casgate: {message}");
    ExitCode::FAILURE
}
