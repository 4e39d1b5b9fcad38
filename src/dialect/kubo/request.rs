//! Which command is asked for, and of what.

use http::Method;
use http::request::Parts;

use super::query::Query;
use super::settings::Settings;
use super::{add, gateway, invalid, login, origins, path};
use crate::dialect::{Call, GraphCall, Topic, View};
use crate::error::Error;

/// How well is compressed where nobody says so, as in Go and in zlib.
const GZIP_LEVEL: u32 = 6;

/// A command of Kubo's RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Add,
    BlockGet,
    BlockStat,
    Cat,
    Get,
    Id,
    Version,
}

impl Command {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "add" => Self::Add,
            "block/get" => Self::BlockGet,
            "block/stat" => Self::BlockStat,
            "cat" => Self::Cat,
            "get" => Self::Get,
            "id" => Self::Id,
            "version" => Self::Version,
            _ => return None,
        })
    }

    /// The command that a request is about, wherever the dialect is mounted.
    pub(super) fn of(head: &Parts) -> Option<Self> {
        let path = head.uri.path();
        let below = |version| path.rsplit_once(version).and_then(|(_, name)| Self::named(name));
        below("/api/v0/").or_else(|| below("/api/v1/"))
    }

    /// What its argument is called.
    pub(super) const fn argument(self) -> Option<&'static str> {
        match self {
            Self::Cat | Self::Get => Some("ipfs-path"),
            Self::BlockGet | Self::BlockStat => Some("cid"),
            Self::Add | Self::Id | Self::Version => None,
        }
    }
}

/// Reads a request.
///
/// # Errors
/// [`Error::InvalidRequest`], [`Error::MethodNotAllowed`] and [`Error::NotFound`];
/// [`Error::Forbidden`]: it may be one that a page of somebody else makes a browser send.
pub(super) fn parse(settings: &Settings, head: &Parts, rest: &str) -> Result<Call, Error> {
    // Everybody may ask whether the token may be sent.
    if head.method == Method::OPTIONS {
        return Ok(Call::Preflight);
    }
    let unknown = || Error::NotFound("there is no such command".into());
    match rest.split_once('/') {
        Some(("api", below)) => {
            if head.method != Method::POST {
                return Err(Error::MethodNotAllowed { allow: "OPTIONS, POST" });
            }
            origins::guard(settings, head)?;
            let name = below.strip_prefix("v0/").or_else(|| below.strip_prefix("v1/"));
            command(settings, head, name.and_then(Command::named).ok_or_else(unknown)?)
        }
        Some(("ipfs", below)) => gateway::parse(head, below),
        Some(("auth", below)) if settings.signs_in => login::parse(head, below),
        _ => Err(unknown()),
    }
}

fn command(settings: &Settings, head: &Parts, command: Command) -> Result<Call, Error> {
    let query = Query::of(head)?;
    let (view, gzip) = match command {
        Command::Add => return Ok(Call::Import(Box::new(add::order(head, &query)?))),
        Command::Version => return Ok(Call::About(Topic::Version)),
        Command::Id => return Ok(Call::About(Topic::Caller)),
        Command::Get => get(settings, &query)?,
        Command::Cat => {
            let offset = query.count(&["offset", "o"])?.unwrap_or_default();
            (View::File { offset, length: query.count(&["length", "l"])? }, None)
        }
        Command::BlockGet => (View::Block, None),
        Command::BlockStat => (View::BlockSize, None),
    };
    let mut arguments = query.all("arg");
    let path = match (arguments.next(), arguments.next()) {
        (Some(argument), None) => path::parse(argument)?,
        (None, _) => return Err(invalid(missing(command))),
        (Some(_), Some(_)) => return Err(invalid("there can be one argument only")),
    };
    let call = GraphCall { path, view, gzip, etag: None, with_body: view != View::BlockSize };
    Ok(Call::Graph(Box::new(call)))
}

/// The text in which Kubo says that an argument is missing.
fn missing(command: Command) -> String {
    format!("argument \"{}\" is required", command.argument().unwrap_or_default())
}

/// Whether a request for a command lacks what it cannot do without.
pub(super) fn lacks_argument(command: Command, head: &Parts) -> bool {
    if command == Command::Add {
        return add::boundary(head).is_err();
    }
    let has_none = |query: Query<'_>| query.all("arg").next().is_none();
    command.argument().is_some() && Query::of(head).is_ok_and(has_none)
}

/// Compressed without being asked for as an archive, it is the file; else an archive, where the mount
/// has them.
fn get(settings: &Settings, query: &Query<'_>) -> Result<(View, Option<u32>), Error> {
    let archive = query.is_on(&["archive", "a"])?;
    let compress = query.is_on(&["compress", "C"])?;
    let level = query.number(&["compression-level", "l"])?;
    let view = match archive || (settings.archives && !compress) {
        true => View::Archive,
        false => View::File { offset: 0, length: None },
    };
    if !compress {
        return Ok((view, None));
    }
    let level = level.map_or(Ok(GZIP_LEVEL), u32::try_from).ok();
    let level = level.filter(|level| (1..=9).contains(level));
    let level = level.ok_or_else(|| invalid("compression level must be between 1 and 9"))?;
    Ok((view, Some(level)))
}
