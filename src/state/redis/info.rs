//! What `INFO` says of a server.

use std::collections::HashMap;

use redis::Value;

use super::link::Link;

/// The fields of an answer, by name.
pub(super) struct Info(HashMap<String, String>);

impl Info {
    /// Asks for a section.
    ///
    /// # Errors
    /// Says what the server said.
    pub(super) async fn read(link: &Link, section: &str) -> Result<Self, String> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("INFO").arg(section);
        match link.exchange(&pipeline).await.map_err(|failure| failure.to_string())?.pop() {
            Some(Value::BulkString(text)) => Ok(Self::parse(&String::from_utf8_lossy(&text))),
            Some(Value::VerbatimString { text, .. }) => Ok(Self::parse(&text)),
            Some(Value::ServerError(error)) => Err(format!("INFO: {error}")),
            _ => Err("INFO was answered with something else".to_owned()),
        }
    }

    fn parse(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| line.trim_end().split_once(':'));
        Self(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
