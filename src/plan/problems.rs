//! What is wrong in a configuration, while it is found.

use std::fmt;

use super::files::{Files, ReadFile};
use crate::config::Section;

/// Something wrong in the configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place, such as `routes[1].bucket`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => formatter.write_str(&self.message),
            path => write!(formatter, "{path}: {}", self.message),
        }
    }
}

/// The list under construction.
#[derive(Default)]
pub(super) struct Problems {
    fatal: Vec<Problem>,
    warnings: Vec<Problem>,
    /// The files that were read on the way.
    pub(super) files: Files,
}

impl Problems {
    /// None yet, and these files read.
    pub(super) fn after_reading(files: Files) -> Self {
        Self { files, ..Self::default() }
    }

    /// One for which there is no plan.
    pub(super) fn add(&mut self, path: &str, message: impl Into<String>) {
        self.fatal.push(Problem { path: path.to_owned(), message: message.into() });
    }

    /// One that works.
    pub(super) fn warn(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Problem { path: path.to_owned(), message: message.into() });
    }

    /// The value, or a problem at `path`.
    pub(super) fn check<T, E: fmt::Display>(
        &mut self,
        path: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(path, error.to_string())).ok()
    }

    /// The entry, or a problem below `path`.
    pub(super) fn valid<T>(&mut self, path: &str, section: Section<T>) -> Option<T> {
        match section {
            Section::Valid(entry) => Some(entry),
            Section::Invalid(misfit) => {
                let dot = if misfit.path.is_empty() { "" } else { "." };
                self.add(&[path, dot, &misfit.path].concat(), misfit.message);
                None
            }
        }
    }

    /// The warnings and the files that were read, if that is all.
    pub(super) fn finish(self) -> Result<(Vec<Problem>, Vec<ReadFile>), Vec<Problem>> {
        match self.fatal.is_empty() {
            true => Ok((self.warnings, self.files.into_vec())),
            false => Err(self.fatal),
        }
    }
}
