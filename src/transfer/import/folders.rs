//! The folders of a form: those that it has parts for, and those that paths lead through.

use std::collections::BTreeMap;
use std::collections::btree_map;

use super::part::Path;
use crate::dialect::Imported;
use crate::error::Error;
use crate::graph::encode::{self, InvalidFolder};
use crate::graph::node::Link;
use crate::graph::profile::Version;
use crate::graph::{Block, import};

/// The most files and folders of a form.
const ENTRIES_MAX: usize = 10_000;

/// The most bytes of all their paths.
const PATHS_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Files and folders that cannot be kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidFolders {
    /// Two have one path.
    #[error("two parts of a form have one path")]
    Duplicate,
    /// There are more than [`ENTRIES_MAX`], or their paths are too long.
    #[error("a form can have no more than 10000 files and folders, with 2 MiB of paths")]
    TooMany,
    /// One has too many entries. Kubo makes several nodes of it, and another identifier.
    #[error("a folder with more than 256 KiB of names and links, as Kubo shards it, is not stored")]
    TooLarge,
}

impl From<InvalidFolders> for Error {
    fn from(error: InvalidFolders) -> Self {
        Self::InvalidRequest(error.to_string().into())
    }
}

/// The folders of a form in the making.
#[derive(Default)]
pub(super) struct Folders {
    top: Folder,
    entries: usize,
    paths_bytes: usize,
}

type Folder = BTreeMap<String, Entry>;

enum Entry {
    File(import::Imported),
    Folder(Folder),
}

/// A folder that is whole.
pub(super) struct Made {
    /// Its node.
    pub(super) block: Block,
    /// What the client hears of it.
    pub(super) imported: Imported,
}

impl Folders {
    /// Whether there is nothing, not even a file in no folder.
    pub(super) const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Takes note of a file that is in no folder.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn count(&mut self, path_bytes: usize) -> Result<(), InvalidFolders> {
        self.entries += 1;
        self.paths_bytes += path_bytes;
        match self.entries > ENTRIES_MAX || self.paths_bytes > PATHS_BYTES_MAX {
            true => Err(InvalidFolders::TooMany),
            false => Ok(()),
        }
    }

    /// Adds a folder, which may be there, and those on the way to it.
    ///
    /// # Errors
    /// There is a file in its place, or there are too many.
    pub(super) fn add_folder(&mut self, path: &Path) -> Result<(), InvalidFolders> {
        self.open(path.names()).map(drop)
    }

    /// Adds a file, and the folders on the way to it.
    ///
    /// # Errors
    /// There is something in its place, or there are too many.
    pub(super) fn add_file(
        &mut self,
        path: &Path,
        file: &import::Imported,
    ) -> Result<(), InvalidFolders> {
        let Some((name, folders)) = path.names().split_last() else { return Ok(()) };
        self.count(path.names().iter().map(|name| name.len() + 1).sum())?;
        match self.open(folders)?.entry(name.clone()) {
            btree_map::Entry::Occupied(_) => Err(InvalidFolders::Duplicate),
            btree_map::Entry::Vacant(place) => {
                place.insert(Entry::File(file.clone()));
                Ok(())
            }
        }
    }

    fn open(&mut self, names: &[String]) -> Result<&mut Folder, InvalidFolders> {
        let mut path_bytes = 0;
        let (mut entries, mut paths_bytes) = (self.entries, self.paths_bytes);
        let mut folder = &mut self.top;
        for name in names {
            path_bytes += name.len() + 1;
            let entry = folder.entry(name.clone()).or_insert_with(|| {
                entries += 1;
                paths_bytes += path_bytes;
                Entry::Folder(Folder::new())
            });
            let Entry::Folder(inner) = entry else { return Err(InvalidFolders::Duplicate) };
            folder = inner;
        }
        (self.entries, self.paths_bytes) = (entries, paths_bytes);
        match entries > ENTRIES_MAX || paths_bytes > PATHS_BYTES_MAX {
            true => Err(InvalidFolders::TooMany),
            false => Ok(folder),
        }
    }

    /// Makes the nodes, each after those of the folders in it; with `wrap`, of a folder around
    /// everything too, which has no name.
    ///
    /// # Errors
    /// One is too large.
    pub(super) fn finish(self, version: Version, wrap: bool) -> Result<Vec<Made>, InvalidFolders> {
        let mut made = Vec::new();
        if wrap {
            finish(self.top, String::new(), version, &mut made)?;
            return Ok(made);
        }
        for (name, entry) in self.top {
            if let Entry::Folder(folder) = entry {
                finish(folder, name, version, &mut made)?;
            }
        }
        Ok(made)
    }
}

/// No deeper than a [`Path`] has names.
fn finish(
    folder: Folder,
    path: String,
    version: Version,
    made: &mut Vec<Made>,
) -> Result<import::Imported, InvalidFolders> {
    let mut links = Vec::with_capacity(folder.len());
    for (name, entry) in folder {
        let entry = match entry {
            Entry::File(file) => file,
            Entry::Folder(inner) => {
                let inner_path = match path.is_empty() {
                    true => name.clone(),
                    false => [&path, "/", &name].concat(),
                };
                finish(inner, inner_path, version, made)?
            }
        };
        links.push(Link { name, cid: entry.root, tsize: entry.tsize });
    }
    let (block, whole) = encode::folder(links, version).map_err(|error| match error {
        InvalidFolder::Duplicate => InvalidFolders::Duplicate,
        InvalidFolder::TooLarge => InvalidFolders::TooLarge,
    })?;
    let (cid, blocks_bytes) = (whole.root.clone(), whole.tsize);
    let imported = Imported { name: path, cid, bytes: 0, blocks_bytes };
    made.push(Made { block, imported });
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::cid::{Cid, Codec};

    fn file(bytes: &[u8]) -> import::Imported {
        let size = bytes.len() as u64;
        import::Imported { root: Cid::of_block(Codec::Raw, bytes), size, tsize: size }
    }

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    fn names(made: &[Made]) -> Vec<&str> {
        made.iter().map(|made| made.imported.name.as_str()).collect()
    }

    #[test]
    fn folders_come_after_what_is_in_them() {
        let mut folders = Folders::default();
        folders.add_file(&path("a/b/c.txt"), &file(b"c")).unwrap();
        folders.add_file(&path("a/d.txt"), &file(b"d")).unwrap();
        folders.add_folder(&path("e")).unwrap();
        folders.add_folder(&path("a/b")).unwrap();
        let made = folders.finish(Version::V1, false).unwrap();
        assert_eq!(names(&made), ["a/b", "a", "e"]);
        // The names that Kubo gives to an empty folder.
        let empty = &made[2].imported.cid;
        let expected = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354";
        assert_eq!(empty.as_str(), expected);
        assert_eq!(Version::V0.text(empty), "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn");
    }

    #[test]
    fn a_folder_around_everything_has_no_name() {
        let mut folders = Folders::default();
        folders.add_file(&path("a"), &file(b"a")).unwrap();
        folders.add_file(&path("b/c"), &file(b"c")).unwrap();
        let made = folders.finish(Version::V0, true).unwrap();
        assert_eq!(names(&made), ["b", ""]);
    }

    #[test]
    fn two_things_in_one_place_are_refused() {
        let mut folders = Folders::default();
        folders.add_file(&path("a"), &file(b"a")).unwrap();
        let duplicate = Err(InvalidFolders::Duplicate);
        assert_eq!(folders.add_file(&path("a"), &file(b"b")), duplicate);
        assert_eq!(folders.add_file(&path("a/b"), &file(b"b")), duplicate);
        assert_eq!(folders.add_folder(&path("a")), duplicate);
        folders.add_folder(&path("b")).unwrap();
        assert_eq!(folders.add_file(&path("b"), &file(b"b")), duplicate);
    }

    #[test]
    fn folders_have_limits() {
        let mut folders = Folders::default();
        for number in 0..ENTRIES_MAX {
            folders.add_folder(&path(&number.to_string())).unwrap();
        }
        assert_eq!(folders.add_folder(&path("more")), Err(InvalidFolders::TooMany));

        let mut folders = Folders::default();
        let deep = vec!["x".repeat(255); 64].join("/");
        let mut added = 0;
        while folders.add_folder(&path(&format!("{added}{}", &deep[4..]))).is_ok() {
            added += 1;
        }
        assert!((2..8).contains(&added), "{added}");

        let mut folders = Folders::default();
        for number in 0..2_000 {
            let name = format!("{number}{}", "x".repeat(200));
            folders.add_file(&path(&name), &file(b"a")).unwrap();
        }
        let refused = folders.finish(Version::V1, true).map(drop);
        assert_eq!(refused, Err(InvalidFolders::TooLarge));
    }
}
