//! From a path to the block it leads to.

use super::blocks::{Reader, inner, unserved};
use crate::config::KuboAdd;
use crate::content::cid::{Cid, Codec};
use crate::dialect::GraphPath;
use crate::error::Error;
use crate::graph::node::{InvalidNode, Link, Node};

/// The most names of a path. Each is a request to storage.
const NAMES_MAX: usize = 64;

/// Where a path leads.
pub(super) struct Way {
    /// The folders on it, the root first. None of them is the target.
    pub(super) above: Vec<Cid>,
    pub(super) target: Cid,
}

impl Reader {
    /// Follows a path through folders. Symbolic links are not followed.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such name, or the root is not there;
    /// [`Error::InvalidRequest`] where there is something in the way that is not served, or the names
    /// are too many.
    pub(super) async fn follow(&self, path: &GraphPath) -> Result<Way, Error> {
        if path.names.len() > NAMES_MAX {
            return Err(Error::InvalidRequest("the path has more than 64 names".into()));
        }
        let mut way = Way { above: Vec::new(), target: path.root.clone() };
        for name in &path.names {
            let links = self.entries(&way).await?;
            let next = find(links, name)?;
            way.above.push(std::mem::replace(&mut way.target, next));
        }
        Ok(way)
    }

    /// What is in the folder at the end of a way.
    async fn entries(&self, way: &Way) -> Result<Vec<Link>, Error> {
        let cid = &way.target;
        match cid.codec() {
            Codec::Raw => return Err(below_a_file()),
            Codec::DagPb => {}
            Codec::Other(_) => return Err(unserved(InvalidNode::Codec)),
        }
        let held = self.block(cid).await.map_err(|error| match (error, self.adds()) {
            // Folders are stored as blocks also where files are not: this is a file.
            (error @ Error::NotFound(_), KuboAdd::File) => error,
            (error, _) if way.above.is_empty() => error,
            (error, _) => inner(cid, error),
        })?;
        match Node::decode(cid, held.block.bytes().clone()).map_err(unserved)? {
            Node::Folder { links } => Ok(links),
            Node::Shard { .. } => Err(unserved(InvalidNode::Sharded)),
            Node::File { .. } => Err(below_a_file()),
            Node::Symlink { .. } => Err(Error::NotFound("below a symbolic link".into())),
        }
    }
}

fn below_a_file() -> Error {
    Error::NotFound("below a file there is nothing".into())
}

/// The one entry of this name.
fn find(links: Vec<Link>, name: &str) -> Result<Cid, Error> {
    let mut named = links.into_iter().filter(|link| link.name == name);
    let link = named.next().ok_or_else(|| Error::NotFound("no entry of that name".into()))?;
    match named.next() {
        None => Ok(link.cid),
        Some(_) => Err(Error::InvalidRequest("the folder has two entries of that name".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_one_entry() {
        let link = |name: &str, bytes: &[u8]| Link {
            name: name.to_owned(),
            cid: Cid::of_block(Codec::Raw, bytes),
            tsize: 0,
        };
        let links = || vec![link("a", b"1"), link("b", b"2"), link("", b"3"), link("b", b"4")];
        assert_eq!(find(links(), "a").unwrap(), Cid::of_block(Codec::Raw, b"1"));
        assert!(matches!(find(links(), "b"), Err(Error::InvalidRequest(_))));
        for name in ["c", "A", "a/", "/a"] {
            assert!(matches!(find(links(), name), Err(Error::NotFound(_))), "{name}");
        }
    }
}
