//! What is remembered of an upload, so that a process that is killed can be run again.
//!
//! One small file per upload, which is locked while it goes on: of two processes that upload the same
//! file, the second one remembers nothing. A file that cannot be read counts as none.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::upload::{PIECE_BYTES, Source};
use crate::content::digest::Sha256Digest;

/// The longest file of state that is read, in bytes.
const STATE_BYTES_MAX: usize = 4096;

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remembered {
    /// Its name.
    pub(super) upload: String,
    /// How many bytes the gateway said that it has.
    pub(super) acknowledged: u64,
}

/// The file, as long as this process may write it.
pub(super) struct Memory {
    open: Option<(PathBuf, File)>,
}

#[derive(Serialize, Deserialize)]
struct State {
    upload: String,
    acknowledged: u64,
    piece: u64,
    size: u64,
    modified: u128,
    sha512: String,
}

/// `$XDG_STATE_HOME/casgate/uploads`, or the same below `~/.local/state` (XDG Base Directory
/// Specification 0.8).
pub(super) fn folder() -> Option<PathBuf> {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME");
    let state = state.or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(state?.join("casgate/uploads"))
}

impl Memory {
    /// The memory of uploading the file `path` to a place.
    pub(super) fn open(folder: Option<PathBuf>, place: (&str, Option<&str>), path: &Path) -> Self {
        let open = || {
            let folder = folder?;
            DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
            let key = Sha256Digest::of(format!("{:?}", (place, path)).as_bytes());
            let path = folder.join(format!("{key}.json"));
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path).ok()?;
            file.try_lock().ok()?;
            Some((path, file))
        };
        Self { open: open() }
    }

    /// What is known of an upload of just this content.
    pub(super) fn recall(&self, source: &Source) -> Option<Remembered> {
        let (_, file) = self.open.as_ref()?;
        let mut bytes = vec![0; STATE_BYTES_MAX];
        let length = file.read_at(&mut bytes, 0).ok()?;
        let state: State = serde_json::from_slice(&bytes[..length]).ok()?;
        let is_same = state.size == source.size
            && state.modified == source.modified
            && state.sha512 == source.hashes.sha512.to_string()
            && state.piece == PIECE_BYTES
            && state.acknowledged <= state.size;
        is_same.then_some(Remembered { upload: state.upload, acknowledged: state.acknowledged })
    }

    /// Writes down how far an upload is. Where that fails, nothing is remembered.
    pub(super) fn note(&self, source: &Source, remembered: &Remembered) {
        let Some((_, file)) = &self.open else { return };
        let state = State {
            upload: remembered.upload.clone(),
            acknowledged: remembered.acknowledged,
            piece: PIECE_BYTES,
            size: source.size,
            modified: source.modified,
            sha512: source.hashes.sha512.to_string(),
        };
        // Written before what is left over is cut off: whoever is killed in between has lost little.
        let bytes = serde_json::to_vec(&state).unwrap_or_default();
        if file.write_all_at(&bytes, 0).is_ok() {
            let _ = file.set_len(bytes.len() as u64);
        }
    }

    /// There is nothing to remember any more.
    pub(super) fn forget(&self) {
        if let Some((path, _)) = &self.open {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::progress::Show;
    use super::*;

    #[test]
    fn only_the_same_file_is_remembered_and_by_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "abc").unwrap();
        let source = Source::open(&path, Show::Nothing).unwrap();
        let state = Some(folder.path().join("state"));
        let open = |name| Memory::open(state.clone(), ("https://cas.example/", name), &path);

        let memory = open(Some("a"));
        assert_eq!(memory.recall(&source), None);
        let remembered = Remembered { upload: "u".repeat(36), acknowledged: 2 };
        memory.note(&source, &remembered);
        assert_eq!(memory.recall(&source), Some(remembered.clone()));
        assert_eq!(open(Some("a")).recall(&source), None, "it is locked");
        assert_eq!(open(Some("b")).recall(&source), None, "it is another upload");
        drop(memory);
        assert_eq!(open(Some("a")).recall(&source), Some(remembered.clone()));

        std::fs::write(&path, "abd").unwrap();
        assert_eq!(open(Some("a")).recall(&Source::open(&path, Show::Nothing).unwrap()), None);
        let shorter = Remembered { upload: "u".to_owned(), acknowledged: 1 };
        open(Some("a")).note(&source, &shorter);
        assert_eq!(open(Some("a")).recall(&source), Some(shorter));
        open(Some("a")).forget();
        assert_eq!(open(Some("a")).recall(&source), None);
    }

    #[test]
    fn what_makes_no_sense_counts_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "abc").unwrap();
        let source = Source::open(&path, Show::Nothing).unwrap();
        let memory = Memory::open(Some(folder.path().join("state")), ("u", None), &path);
        let (_, file) = memory.open.as_ref().unwrap();
        for text in ["", "{", "[]", "{\"upload\":3}"] {
            file.set_len(0).unwrap();
            file.write_all_at(text.as_bytes(), 0).unwrap();
            assert_eq!(memory.recall(&source), None, "{text}");
        }
        let nowhere = Memory::open(Some("/dev/null/x".into()), ("u", None), &path);
        nowhere.note(&source, &Remembered { upload: String::new(), acknowledged: 0 });
        assert_eq!(nowhere.recall(&source), None);
    }
}
