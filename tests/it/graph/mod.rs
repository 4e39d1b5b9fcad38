//! Do clients get what a CID says or a failure, however it is stored and whatever storage does?
//!
//! | module | question |
//! | --- | --- |
//! | [`archives`] | Are archives what other programs read, and are those cut that are not whole? |
//! | [`files`] | Is a file the same in blocks and in one object, and is a part of it that part? |
//! | [`limits`] | How much is asked of storage, and what ends with the client? |
//! | [`wrong`] | Can wrong bytes ever look like the right ones? |

mod archives;
mod files;
mod limits;
mod wrong;

use std::collections::HashMap;
use std::sync::Arc;

use casgate::content::cid::{Cid, Codec};
use casgate::graph::Block;
use casgate::graph::encode;
use casgate::graph::import::{Imported, Importer};
use casgate::graph::node::Link;
use casgate::graph::profile::{Leaves, Profile, Version};

use crate::support::answer::Answer;
use crate::support::client::Response;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::server::Seen;
use crate::support::storage::Storage;

/// Files are looked for as blocks first.
const BLOCKS: Settings<'static> = Settings { dialect: "kubo", layout: "{cid}", ..STREAM };

/// Files are looked for as one object first.
const FILES: Settings<'static> = Settings { chainloop: "add: file", ..BLOCKS };

/// `get` answers with archives.
const TAR: Settings<'static> = Settings { chainloop: "body: tar", ..BLOCKS };

/// Chunks so small that a short file has many.
fn small(leaves: Leaves) -> Profile {
    Profile::new(Version::V1, 1000, leaves, 3).unwrap()
}

/// What storage has: bytes, and more header lines.
#[derive(Clone, Default)]
struct Store {
    objects: HashMap<String, (Vec<u8>, Vec<String>)>,
}

impl Store {
    fn key(cid: &Cid) -> String {
        match cid.codec() {
            Codec::Raw => format!("/artifacts/{}", cid.as_str()),
            _ => format!("/artifacts/{}.block", cid.as_str()),
        }
    }

    fn add(&mut self, block: Block) -> Cid {
        let (cid, bytes) = block.into_parts();
        self.objects.insert(Self::key(&cid), (bytes.to_vec(), Vec::new()));
        cid
    }

    /// Stores the bytes of a block under its name, whatever they are.
    fn add_as(&mut self, cid: &Cid, bytes: impl Into<Vec<u8>>) {
        self.objects.insert(Self::key(cid), (bytes.into(), Vec::new()));
    }

    /// Stores a file as blocks.
    fn add_file(&mut self, content: &[u8], profile: Profile) -> Imported {
        let mut blocks = Vec::new();
        let mut importer = Importer::new(profile);
        importer.update(content, &mut |block| blocks.push(block));
        let imported = importer.finish(&mut |block| blocks.push(block));
        blocks.into_iter().for_each(|block| drop(self.add(block)));
        imported
    }

    /// Stores a file as one object; with `profile`, what it is made of stands beside it.
    fn add_object(&mut self, root: &Cid, content: &[u8], profile: Option<Profile>) {
        let lines = profile.map(|profile| format!("x-amz-meta-unixfs: {profile}"));
        let key = format!("/artifacts/{}", root.as_str());
        self.objects.insert(key, (content.to_vec(), lines.into_iter().collect()));
    }

    fn add_folder(&mut self, entries: &[(&str, &Imported)]) -> Imported {
        let link = |(name, entry): &(&str, &Imported)| Link {
            name: (*name).to_owned(),
            cid: entry.root.clone(),
            tsize: entry.tsize,
        };
        let links = entries.iter().map(link).collect();
        let (block, imported) = encode::folder(links, Version::V1).unwrap();
        self.add(block);
        imported
    }

    fn answer(&self, seen: &Seen) -> Answer {
        let path = seen.target.split('?').next().unwrap_or_default();
        match self.objects.get(path) {
            None => Answer::error(seen, 404, "NoSuchKey"),
            Some((bytes, lines)) => {
                let lines: Vec<_> = lines.iter().map(String::as_str).collect();
                Answer::object_with(seen, bytes, &lines)
            }
        }
    }

    async fn serve(&self) -> Storage {
        let store = Arc::new(self.clone());
        Storage::scripted(move |seen| store.answer(seen)).await
    }
}

/// An answer, whatever its body is framed in.
struct Got {
    head: Response,
    body: Vec<u8>,
    /// Whether the body has the end that was announced.
    is_whole: bool,
}

impl Got {
    fn status(&self) -> u16 {
        self.head.status
    }

    #[track_caller]
    fn assert_is(&self, expected: &[u8]) {
        assert_eq!(self.head.status, 200, "{:?}", String::from_utf8_lossy(&self.body));
        assert!(self.is_whole, "{} of {} bytes", self.body.len(), expected.len());
        assert!(self.body == expected, "{} bytes, not {}", self.body.len(), expected.len());
    }

    /// The head was that of a success, and the end is missing.
    #[track_caller]
    fn assert_is_cut(&self) {
        assert_eq!((self.head.status, self.is_whole), (200, false));
    }
}

/// One command on a connection of its own.
async fn post(gateway: &Gateway, command: &str) -> Got {
    ask(gateway, "POST", &format!("api/v0/{command}"), "1.1").await
}

async fn ask(gateway: &Gateway, method: &str, path: &str, version: &str) -> Got {
    let mut client = gateway.connect();
    let head = format!("{method} /download/{path} HTTP/{version}\r\nHost: gateway.test");
    client.send(format!("{head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")).await;
    let head = client.head().await;
    let bytes = client.rest().await;
    let (body, is_whole) = match (head.header("transfer-encoding"), head.header("content-length")) {
        (Some("chunked"), None) => unchunked(&bytes),
        (None, Some(length)) => {
            let length: usize = length.parse().unwrap();
            assert!(bytes.len() <= length, "bytes after the answer");
            let is_whole = bytes.len() == length;
            (bytes, is_whole)
        }
        framing => panic!("{framing:?}"),
    };
    Got { head, body, is_whole }
}

/// The bytes in chunks (RFC 9112 section 7.1), and whether the last chunk is there.
fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") else {
            return (body, false);
        };
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        bytes = &bytes[end + 2..];
        if size == 0 {
            assert_eq!(bytes, b"\r\n", "bytes after the last chunk");
            return (body, true);
        }
        body.extend_from_slice(&bytes[..size.min(bytes.len())]);
        if bytes.len() < size + 2 {
            return (body, false);
        }
        bytes = &bytes[size + 2..];
    }
}
