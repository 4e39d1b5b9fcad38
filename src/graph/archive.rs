//! Files in a tar archive (POSIX, `pax`), whose bytes need not be known before they are sent: what
//! comes before each, and after.

use bytes::Bytes;
use tar::{EntryType, Header};

/// What an archive ends with.
pub const END: [u8; 1024] = [0; 1024];

/// Everything begins at a multiple of this many bytes.
const RECORD_BYTES: u64 = 512;

/// The longest name, in bytes: no system opens a longer one.
const NAME_BYTES_MAX: usize = 4096;

/// The longest name that fits into a header, in bytes.
const SHORT_NAME_BYTES_MAX: usize = 100;

/// The most bytes that a header has digits for: one less than 8 GiB.
const SHORT_SIZE_MAX: u64 = (8 << 30) - 1;

/// A relative path that leads down: below wherever somebody unpacks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName(String);

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder, which has no bytes.
    Folder,
}

/// The name could lead elsewhere, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name cannot be that of a file")]
pub struct InvalidName;

impl EntryName {
    /// The name of the uppermost entry.
    ///
    /// # Errors
    /// It is empty, `.`, `..`, has a slash or a NUL in it, or is too long.
    pub fn root(segment: &str) -> Result<Self, InvalidName> {
        let leads_elsewhere = matches!(segment, "" | "." | "..") || segment.contains(['/', '\0']);
        if leads_elsewhere || segment.len() > NAME_BYTES_MAX {
            return Err(InvalidName);
        }
        Ok(Self(segment.to_owned()))
    }

    /// The name of what is in this folder.
    ///
    /// # Errors
    /// As [`EntryName::root`].
    pub fn join(&self, segment: &str) -> Result<Self, InvalidName> {
        let Self(segment) = Self::root(segment)?;
        let name = format!("{}/{segment}", self.0);
        if name.len() > NAME_BYTES_MAX {
            return Err(InvalidName);
        }
        Ok(Self(name))
    }

    /// The text, with slashes between folders.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What comes before an entry's bytes: a header, before which, where it has no room for name or
/// size, there is another one that has (POSIX, "pax Extended Header").
#[must_use]
pub fn head(name: &EntryName, size: u64, kind: EntryKind) -> Bytes {
    let name = name.as_str();
    let mut records = String::new();
    // Only ASCII is the same everywhere.
    if name.len() > SHORT_NAME_BYTES_MAX || !name.is_ascii() {
        push_record(&mut records, "path", name);
    }
    if size > SHORT_SIZE_MAX {
        push_record(&mut records, "size", &size.to_string());
    }
    let mut out = Vec::with_capacity(2 * RECORD_BYTES as usize);
    if !records.is_empty() {
        let length = records.len() as u64;
        out.extend_from_slice(header("PaxHeader", length, EntryType::XHeader).as_bytes());
        out.extend_from_slice(records.as_bytes());
        out.resize(out.len() + padding(length), 0);
    }
    let kind = match kind {
        EntryKind::File => EntryType::Regular,
        EntryKind::Folder => EntryType::Directory,
    };
    // A size without room is there in binary too, for whoever reads no other headers.
    out.extend_from_slice(header(name, size, kind).as_bytes());
    out.into()
}

/// How many zeros come after so many bytes.
#[must_use]
pub const fn padding(size: u64) -> usize {
    (size.wrapping_neg() % RECORD_BYTES) as usize
}

/// How many bytes an entry takes, with what comes before and after. None: nobody can count them.
#[must_use]
pub fn entry_bytes(name: &EntryName, size: u64, kind: EntryKind) -> Option<u64> {
    let around = head(name, size, kind).len() + padding(size);
    size.checked_add(around as u64)
}

/// How many bytes an archive of one file has. None: nobody can count them.
#[must_use]
pub fn total(name: &EntryName, size: u64) -> Option<u64> {
    entry_bytes(name, size, EntryKind::File)?.checked_add(END.len() as u64)
}

fn header(name: &str, size: u64, kind: EntryType) -> Header {
    let mut header = Header::new_ustar();
    let length = name.floor_char_boundary(SHORT_NAME_BYTES_MAX);
    let place = &mut header.as_old_mut().name[..length];
    place.copy_from_slice(&name.as_bytes()[..length]);
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    // The same content is the same archive, whenever it is sent.
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}

/// Appends `LENGTH KEY=VALUE\n`, whose length counts its own digits.
fn push_record(records: &mut String, key: &str, value: &str) {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    records.push_str(&length.to_string());
    records.push_str(&rest);
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _};

    use super::*;

    fn name(text: &str) -> EntryName {
        let mut segments = text.split('/');
        let root = EntryName::root(segments.next().unwrap()).unwrap();
        segments.fold(root, |name, segment| name.join(segment).unwrap())
    }

    fn file(name: &EntryName, content: &[u8]) -> Vec<u8> {
        let size = content.len() as u64;
        let mut out = head(name, size, EntryKind::File).to_vec();
        out.extend(content);
        out.resize(out.len() + padding(size), 0);
        assert_eq!(Some(out.len() as u64), entry_bytes(name, size, EntryKind::File));
        out
    }

    #[test]
    fn files_come_back_from_their_archive() {
        // The last name has a character over the end of its place in a header.
        let long = format!("folder/{}/{}", "long".repeat(30), "é".repeat(60));
        let names = ["x", &"n".repeat(100), &"n".repeat(101), "ä b", &long, &"é".repeat(51)];
        for name in names.map(name) {
            for size in [0, 1, 511, 512, 513, 5000] {
                let content = vec![b'x'; size];
                let mut bytes = file(&name, &content);
                bytes.extend(END);
                assert_eq!(total(&name, size as u64), Some(bytes.len() as u64));
                let mut archive = tar::Archive::new(&*bytes);
                let mut entries = archive.entries().unwrap();
                let mut entry = entries.next().unwrap().unwrap();
                assert_eq!(entry.path_bytes(), name.as_str().as_bytes());
                assert_eq!(entry.header().mode().unwrap(), 0o644);
                assert_eq!(entry.header().mtime().unwrap(), 0);
                let mut again = Vec::new();
                entry.read_to_end(&mut again).unwrap();
                assert!(again == content, "{size}");
                assert!(entries.next().is_none());
            }
        }
    }

    #[test]
    fn a_folder_comes_before_what_is_in_it() {
        let folder = name("folder");
        let mut bytes = head(&folder, 0, EntryKind::Folder).to_vec();
        bytes.extend(file(&folder.join("file").unwrap(), b"hello"));
        bytes.extend(END);
        let mut archive = tar::Archive::new(&*bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            (path, entry.header().entry_type(), entry.header().mode().unwrap())
        });
        assert_eq!(
            entries.collect::<Vec<_>>(),
            [
                ("folder".to_owned(), EntryType::Directory, 0o755),
                ("folder/file".to_owned(), EntryType::Regular, 0o644)
            ]
        );
    }

    #[test]
    fn files_of_any_size_have_a_header() {
        for size in [SHORT_SIZE_MAX, SHORT_SIZE_MAX + 1, 10 << 30, 1 << 50] {
            let head = head(&name("large"), size, EntryKind::File);
            let expected = if size > SHORT_SIZE_MAX { 3 * 512 } else { 512 };
            assert_eq!(head.len(), expected, "{size}");
            let reader = io::Read::chain(&*head, io::repeat(0));
            let mut archive = tar::Archive::new(reader);
            let entry = archive.entries().unwrap().next().unwrap().unwrap();
            assert_eq!(entry.size(), size);
            assert_eq!(entry.header().entry_size().unwrap(), size, "in the header itself");
            assert_eq!(entry.path_bytes(), &b"large"[..]);
        }
        assert_eq!(total(&name("large"), u64::MAX), None);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for text in ["", ".", "..", "/", "a/b", "../a", "/etc", "a\0", &"x".repeat(4097)] {
            assert_eq!(EntryName::root(text), Err(InvalidName), "{text:?}");
            assert_eq!(name("folder").join(text), Err(InvalidName), "{text:?}");
        }
        assert_eq!(name(&"x".repeat(4000)).join(&"y".repeat(96)), Err(InvalidName));
        assert_eq!(name("a/b ..c").as_str(), "a/b ..c");
    }

    #[test]
    fn records_count_their_own_length() {
        let record = |value: &str| {
            let mut records = String::new();
            push_record(&mut records, "path", value);
            records
        };
        assert_eq!(record("x"), "9 path=x\n");
        assert_eq!(record(""), "8 path=\n");
        for length in 0..1200 {
            let record = record(&"x".repeat(length));
            assert_eq!(record.split(' ').next(), Some(&*record.len().to_string()));
        }
    }
}
