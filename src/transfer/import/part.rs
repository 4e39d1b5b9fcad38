//! What a part of a form is, as its head says.

use std::fmt;

/// The longest head of a part, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The most fields of a head.
const FIELDS_MAX: usize = 64;

/// The longest name of an entry, in bytes: what file systems take.
const NAME_BYTES_MAX: usize = 255;

/// How deep folders may be in one another.
pub(super) const DEPTH_MAX: usize = 64;

/// A part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it belongs. None: nobody said.
    pub(super) path: Option<Path>,
    /// What it is.
    pub(super) kind: PartKind,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    /// A file, of whatever type.
    File,
    /// A folder (Kubo, "application/x-directory").
    Folder,
}

/// A way through folders: 1 to [`DEPTH_MAX`] names, of which none leads up or nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

/// A part is none that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidPart {
    /// Its head has more than [`HEAD_BYTES_MAX`] or [`FIELDS_MAX`].
    #[error("the head of a part of a form is too long")]
    TooLong,
    /// Its head is no head.
    #[error("the head of a part of a form cannot be read")]
    Malformed,
    /// Its name leads elsewhere.
    #[error("a file name in a form is no path of names with 1 to 255 bytes, at most 64 of them")]
    Path,
    /// It is a symbolic link.
    #[error("symbolic links are not stored")]
    Symlink,
    /// It is a folder and has no name.
    #[error("a folder in a form has no name")]
    Nameless,
}

impl Part {
    /// Reads the lines of a head, each with its end.
    ///
    /// # Errors
    /// It is none, or that of something that is not stored.
    pub(super) fn parse(head: &[u8]) -> Result<Self, InvalidPart> {
        let head = std::str::from_utf8(head).map_err(|_| InvalidPart::Malformed)?;
        let (mut disposition, mut content_type) = (None, None);
        for (index, line) in head.split_terminator("\r\n").enumerate() {
            if index == FIELDS_MAX {
                return Err(InvalidPart::TooLong);
            }
            let (name, value) = line.split_once(':').ok_or(InvalidPart::Malformed)?;
            if name.is_empty() || name.contains([' ', '\t']) {
                return Err(InvalidPart::Malformed);
            }
            let place = if name.eq_ignore_ascii_case("content-disposition") {
                &mut disposition
            } else if name.eq_ignore_ascii_case("content-type") {
                &mut content_type
            } else {
                continue;
            };
            if place.replace(value.trim_matches([' ', '\t'])).is_some() {
                return Err(InvalidPart::Malformed);
            }
        }
        let filename = disposition.map(filename).transpose()?.flatten();
        let path = filename.map(|name| Path::parse(&unescaped(&name)?)).transpose()?;
        let kind = kind(content_type.unwrap_or_default())?;
        if kind == PartKind::Folder && path.is_none() {
            return Err(InvalidPart::Nameless);
        }
        Ok(Self { path, kind })
    }
}

/// By the words of Kubo's clients.
fn kind(content_type: &str) -> Result<PartKind, InvalidPart> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/symlink") {
        return Err(InvalidPart::Symlink);
    }
    Ok(match essence.eq_ignore_ascii_case("application/x-directory") {
        true => PartKind::Folder,
        false => PartKind::File,
    })
}

/// The parameter `filename` of a Content-Disposition (RFC 2183), unless it is empty.
fn filename(disposition: &str) -> Result<Option<String>, InvalidPart> {
    let mut found = None;
    let mut rest = disposition.trim_start_matches(|letter| letter != ';');
    while let Some(parameter) = rest.strip_prefix(';') {
        let parameter = parameter.trim_start();
        if parameter.is_empty() {
            break;
        }
        let (name, after) = parameter.split_once('=').ok_or(InvalidPart::Malformed)?;
        let (value, after) = parameter_value(after.trim_start())?;
        rest = after.trim_start();
        let is_filename = name.trim().eq_ignore_ascii_case("filename");
        if is_filename && found.replace(value).is_some() {
            return Err(InvalidPart::Malformed);
        }
    }
    if !rest.is_empty() && !rest.starts_with(';') {
        return Err(InvalidPart::Malformed);
    }
    Ok(found.filter(|name| !name.is_empty()))
}

/// A parameter's value, and what follows it.
fn parameter_value(text: &str) -> Result<(String, &str), InvalidPart> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, &quoted[index + 1..])),
            // Some do not escape what separates folders elsewhere.
            '\\' => match letters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            _ => value.push(letter),
        }
    }
    Err(InvalidPart::Malformed)
}

/// What Kubo's clients write like a value in a query, and others as it is.
fn unescaped(name: &str) -> Result<String, InvalidPart> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'%' => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let [high, low, tail @ ..] = tail else { return Ok(name.to_owned()) };
                let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                    return Ok(name.to_owned());
                };
                bytes.push((high * 16 + low) as u8);
                rest = tail;
            }
            b'+' => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| InvalidPart::Path)
}

impl Path {
    /// Reads names with `/` between them, and at most one before them.
    ///
    /// # Errors
    /// It is no such path.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPart> {
        let names: Vec<_> =
            text.strip_prefix('/').unwrap_or(text).split('/').take(DEPTH_MAX + 1).collect();
        let is_name = |name: &&str| {
            !matches!(*name, "" | "." | "..")
                && name.len() <= NAME_BYTES_MAX
                && !name.contains('\0')
        };
        if names.len() > DEPTH_MAX || !names.iter().all(is_name) {
            return Err(InvalidPart::Path);
        }
        Ok(Self(names.into_iter().map(str::to_owned).collect()))
    }

    /// The names, of which there is at least one.
    pub(super) fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(disposition: &str) -> Result<Option<String>, InvalidPart> {
        let head = format!("Content-Disposition: {disposition}\r\n");
        Part::parse(head.as_bytes()).map(|part| part.path.map(|path| path.to_string()))
    }

    #[test]
    fn names_are_read_as_clients_write_them() {
        for (disposition, expected) in [
            (r#"form-data; name="file""#, None),
            (r#"form-data; name="file"; filename="""#, None),
            (r#"form-data; name="file"; filename="a.txt""#, Some("a.txt")),
            ("form-data; name=file; filename=a.txt", Some("a.txt")),
            (r#"form-data; filename="a%20b%2Fc"; name=x;"#, Some("a b/c")),
            (r#"form-data; FileName="a+b""#, Some("a b")),
            (r#"form-data; filename="100%""#, Some("100%")),
            (r#"form-data; filename="a\"b\\c\d;e""#, Some("a\"b\\c\\d;e")),
            (r#"form-data; filename="/a/b""#, Some("a/b")),
            ("form-data; filename=\"\u{e4}%C3%A4\"", Some("\u{e4}\u{e4}")),
            ("form-data", None),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(path_of(disposition), Ok(expected), "{disposition}");
        }
        for disposition in [
            r#"form-data; filename="a"#,
            r#"form-data; filename"#,
            r#"form-data; filename="a"; filename="b""#,
            r#"form-data; filename="a" b"#,
        ] {
            assert_eq!(path_of(disposition), Err(InvalidPart::Malformed), "{disposition}");
        }
    }

    #[test]
    fn no_name_leads_up_or_nowhere() {
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        let deep = vec!["a"; DEPTH_MAX + 1].join("/");
        for name in ["..", "a/../b", ".", "a//b", "a/", "/", "//a", "a%00", "%ff", &long, &deep] {
            let disposition = format!("form-data; filename=\"{name}\"");
            assert_eq!(path_of(&disposition), Err(InvalidPart::Path), "{name}");
        }
        assert!(Path::parse(&long[1..]).is_ok());
        assert!(Path::parse(&deep[2..]).is_ok());
    }

    #[test]
    fn types_say_what_is_a_folder() {
        let kind = |content_type| {
            let name = "content-disposition: form-data; filename=a\r\n";
            Part::parse(format!("{name}CONTENT-type: {content_type}\r\n").as_bytes())
                .map(|part| part.kind)
        };
        assert_eq!(kind("application/x-directory"), Ok(PartKind::Folder));
        assert_eq!(kind("Application/X-Directory; a=b"), Ok(PartKind::Folder));
        for content_type in ["application/octet-stream", "text/plain; charset=utf-8", ""] {
            assert_eq!(kind(content_type), Ok(PartKind::File), "{content_type}");
        }
        assert_eq!(kind("application/symlink"), Err(InvalidPart::Symlink));
        assert_eq!(Part::parse(b""), Ok(Part { path: None, kind: PartKind::File }));
        let nameless = Part::parse(b"Content-Type: application/x-directory\r\n");
        assert_eq!(nameless, Err(InvalidPart::Nameless));
    }

    #[test]
    fn heads_have_limits() {
        let fields = "a: b\r\n".repeat(FIELDS_MAX);
        assert!(Part::parse(fields.as_bytes()).is_ok());
        assert_eq!(Part::parse((fields + "a: b\r\n").as_bytes()), Err(InvalidPart::TooLong));
        for head in ["a\r\n", ": b\r\n", "a : b\r\n", " a: b\r\n"] {
            assert_eq!(Part::parse(head.as_bytes()), Err(InvalidPart::Malformed), "{head}");
        }
        let twice = "content-type: a\r\n".repeat(2);
        assert_eq!(Part::parse(twice.as_bytes()), Err(InvalidPart::Malformed));
    }
}
