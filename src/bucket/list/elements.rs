//! The elements of an XML document, as far as S3 writes any: no document types, and no entities but
//! those that XML itself has.

use std::borrow::Cow;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// An element of this name, without a prefix.
    Begin(&'a str),
    /// Text.
    Text(Cow<'a, str>),
    /// The end of an element of this name.
    End(&'a str),
}

/// Reads one after the other. Whether they are nested is for the caller to see.
pub(super) struct Elements<'a> {
    rest: &'a str,
    /// An element without content, whose end is not written.
    empty: Option<&'a str>,
}

impl<'a> Elements<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text, empty: None }
    }

    /// The next; None at the end of the text.
    ///
    /// # Errors
    /// It is no XML, or none that S3 writes.
    pub(super) fn next(&mut self) -> Result<Option<Event<'a>>, &'static str> {
        if let Some(name) = self.empty.take() {
            return Ok(Some(Event::End(name)));
        }
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            if let Some(end) = self.rest.find('<').or(Some(self.rest.len())).filter(|&it| it > 0) {
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Ok(Some(Event::Text(unescaped(text)?)));
            }
            if self.rest.starts_with("<?") {
                self.until("?>")?;
            } else if self.rest.starts_with("<!--") {
                self.until("-->")?;
            } else if let Some(literal) = self.rest.strip_prefix("<![CDATA[") {
                let (text, rest) = literal.split_once("]]>").ok_or(BROKEN)?;
                self.rest = rest;
                return Ok(Some(Event::Text(Cow::Borrowed(text))));
            } else {
                return self.tag().map(Some);
            }
        }
    }

    /// Skips what ends like that.
    fn until(&mut self, end: &str) -> Result<(), &'static str> {
        (_, self.rest) = self.rest.split_once(end).ok_or(BROKEN)?;
        Ok(())
    }

    fn tag(&mut self) -> Result<Event<'a>, &'static str> {
        let tag = &self.rest[1..];
        let mut quote = None;
        let end = tag.bytes().position(|byte| {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), _) if open == byte => quote = None,
                _ => {}
            }
            byte == b'>' && quote.is_none()
        });
        let (tag, rest) = tag.split_at(end.ok_or(BROKEN)?);
        self.rest = &rest[1..];
        if let Some(name) = tag.strip_prefix('/') {
            return Ok(Event::End(local(name.trim_ascii_end())?));
        }
        let content = tag.strip_suffix('/');
        let name = content.unwrap_or(tag);
        let name = local(name.split_ascii_whitespace().next().unwrap_or_default())?;
        self.empty = content.map(|_| name);
        Ok(Event::Begin(name))
    }
}

const BROKEN: &str = "a list that is no XML";

/// A name without its prefix.
fn local(name: &str) -> Result<&str, &'static str> {
    let name = name.rsplit_once(':').map_or(name, |(_, local)| local);
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if is_name && name.bytes().all(legal) { Ok(name) } else { Err(BROKEN) }
}

/// Text with what its entities and character references stand for.
fn unescaped(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if !text.contains('&') {
        return Ok(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once('&') {
        plain.push_str(before);
        let (name, after) = reference.split_once(';').ok_or(BROKEN)?;
        plain.push(referred(name).ok_or(BROKEN)?);
        rest = after;
    }
    plain.push_str(rest);
    Ok(Cow::Owned(plain))
}

/// The character that a reference names. Those that XML 1.0 forbids are taken too: some storage
/// writes keys with them like that.
fn referred(name: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let legal = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        char::from_u32(u32::from_str_radix(digits, radix).ok().filter(|_| legal)?)
    };
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#')? {
            hexadecimal if hexadecimal.starts_with('x') => number(&hexadecimal[1..], 16),
            decimal => number(decimal, 10),
        },
    }
}
