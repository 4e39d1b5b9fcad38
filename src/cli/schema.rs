//! `casgate schema`

use std::io::{self, Write as _};
use std::process::ExitCode;

use schemars::generate::SchemaSettings;

use super::fail;
use crate::config::Config;

/// Prints a JSON Schema (draft 2020-12) of the configuration file. It knows the form only: names
/// that lead nowhere and rules that do not compile are for `casgate check` to find.
pub(super) fn execute() -> ExitCode {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "Configuration of casgate".into());
    match writeln!(io::stdout(), "{:#}", schema.as_value()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("cannot print the schema: {error}")),
    }
}
