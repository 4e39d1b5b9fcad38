//! Registers by their names, without the ends that names have.

use std::time::SystemTime;

use redis::Value;

use super::request::Request;
use super::servers::Servers;
use super::settings::Wait;
use crate::state::{Create, Failure, Record, Replace, Version, Versioned};

/// The registers of a store.
pub(super) struct Registers<'a> {
    pub(super) servers: &'a Servers,
    pub(super) prefix: &'a str,
    /// What has to have a write, and what is read, before it counts.
    pub(super) wait: Option<Wait>,
}

impl Registers<'_> {
    pub(super) fn key(&self, name: &str) -> Vec<u8> {
        [self.prefix.as_bytes(), name.as_bytes()].concat()
    }

    pub(super) async fn read(
        &self,
        name: &str,
        now: SystemTime,
    ) -> Result<Option<Versioned>, Failure> {
        let request = Request::read(self.key(name), self.wait);
        // Whatever became of a question, it changed nothing.
        let answer = self.servers.run(&request).await.map_err(|failure| match failure {
            Failure::NotDone(text) | Failure::Unknown(text) => Failure::NotDone(text),
        })?;
        Ok(found(answer)?.filter(|seen| seen.record.lives(now)))
    }

    pub(super) async fn create(
        &self,
        name: &str,
        record: &Record,
        now: SystemTime,
    ) -> Result<Create, Failure> {
        let request = Request::create(self.key(name), record, now, self.wait);
        match found(self.servers.run(&request).await?)? {
            None => Ok(Create::Created(Version::of(record.nonce))),
            Some(seen) => Ok(Create::Exists(seen)),
        }
    }

    pub(super) async fn replace(
        &self,
        name: &str,
        seen: &Version,
        record: &Record,
        now: SystemTime,
    ) -> Result<Replace, Failure> {
        let request = Request::replace(self.key(name), seen, record, now, self.wait);
        match was_done(&self.servers.run(&request).await?)? {
            true => Ok(Replace::Replaced(Version::of(record.nonce))),
            false => Ok(Replace::Conflict),
        }
    }

    pub(super) async fn remove(&self, name: &str, seen: &Version) -> Result<bool, Failure> {
        let request = Request::remove(self.key(name), seen, self.wait);
        was_done(&self.servers.run(&request).await?)
    }
}

/// The record in an answer, if there is one.
fn found(answer: Value) -> Result<Option<Versioned>, Failure> {
    match answer {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => {
            let record = Record::from_bytes(&bytes);
            let record = record.map_err(|error| Failure::NotDone(error.to_owned()))?;
            Ok(Some(Versioned { version: Version::of(record.nonce), record }))
        }
        _ => Err(senseless()),
    }
}

fn was_done(answer: &Value) -> Result<bool, Failure> {
    match answer {
        Value::Int(1) => Ok(true),
        Value::Int(0) => Ok(false),
        _ => Err(senseless()),
    }
}

fn senseless() -> Failure {
    Failure::Unknown("the state store gave an answer that is none".to_owned())
}
