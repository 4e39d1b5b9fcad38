//! The options of a request: what its query says.

use std::borrow::Cow;

use http::request::Parts;

use super::invalid;
use crate::dialect::form_decoded;
use crate::error::Error;

/// The pairs of a query, decoded as those of forms are.
pub(super) struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Query<'q> {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// It is not encoded as queries are.
    pub(super) fn of(head: &'q Parts) -> Result<Self, Error> {
        let query = head.uri.query().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_decoded(name)?, form_decoded(value)?))
        });
        let decoded: Option<Vec<_>> = decoded.collect();
        decoded.map(Self).ok_or_else(|| invalid("the query is not percent-encoded correctly"))
    }

    /// All values of an option.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |pair| pair.0 == name).map(|pair| &*pair.1)
    }

    /// The value of an option, which may have several names.
    ///
    /// # Errors
    /// There are several, so that nobody can tell which is meant.
    pub(super) fn one(&self, names: &[&str]) -> Result<Option<&str>, Error> {
        let mut values = self.0.iter().filter(|pair| names.contains(&&*pair.0));
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(|pair| &*pair.1)),
            (_, Some(_)) => Err(invalid(format!("there is more than one value of {}", names[0]))),
        }
    }

    /// A switch: the words of Go's `ParseBool` in any case. One without a value is on.
    ///
    /// # Errors
    /// As [`Query::one`], or it is no such word.
    pub(super) fn switch(&self, names: &[&str]) -> Result<Option<bool>, Error> {
        let Some(value) = self.one(names)? else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "" | "1" | "t" | "true" => Ok(Some(true)),
            "0" | "f" | "false" => Ok(Some(false)),
            _ => Err(invalid(format!("{} is neither true nor false", names[0]))),
        }
    }

    /// Whether a switch is on.
    ///
    /// # Errors
    /// As [`Query::switch`].
    pub(super) fn is_on(&self, names: &[&str]) -> Result<bool, Error> {
        Ok(self.switch(names)?.unwrap_or_default())
    }

    /// A whole number.
    ///
    /// # Errors
    /// As [`Query::one`], or it is none.
    pub(super) fn number(&self, names: &[&str]) -> Result<Option<i64>, Error> {
        let Some(value) = self.one(names)? else { return Ok(None) };
        let number = value.parse().map_err(|_| invalid(format!("{} is no number", names[0])))?;
        Ok(Some(number))
    }

    /// A number that is not negative.
    ///
    /// # Errors
    /// As [`Query::number`], or it is.
    pub(super) fn count(&self, names: &[&str]) -> Result<Option<u64>, Error> {
        let Some(number) = self.number(names)? else { return Ok(None) };
        let count = u64::try_from(number);
        count.map(Some).map_err(|_| invalid(format!("cannot specify negative {}", names[0])))
    }
}
