//! Forms with files (RFC 7578), as they come: each part's head, then its bytes (RFC 2046 section 5.1).

use std::mem;

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memmem::{self, Finder};

use super::part::{HEAD_BYTES_MAX, InvalidPart, Part};
use crate::error::Error;
use crate::transfer::body::Body;
use crate::transfer::download::Undelivered;

/// The longest boundary, in bytes (RFC 2046 section 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// The most parts of one form.
pub(super) const PARTS_MAX: usize = 10_000;

/// What may stand before the first part, and after the last, in bytes.
const MARGIN_BYTES_MAX: usize = 8 * 1024;

/// White space that may follow a boundary, in bytes.
const PADDING_BYTES_MAX: usize = 128;

/// What a form goes on with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Another part begins, and the one before it is whole.
    Part(Part),
    /// Bytes of the part; never empty.
    Data(Bytes),
    /// The form is whole.
    End,
}

/// The body is no form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidForm {
    /// Nothing can be told apart with such a boundary.
    #[error("the boundary of a form has 1 to 70 characters that can be seen")]
    Boundary,
    /// There is something else around its parts.
    #[error("there is too much before the first part of a form, or after the last")]
    Margin,
    /// A line begins like a boundary and does not end like one.
    #[error("a line in a form begins with its boundary and is none")]
    Delimiter,
    /// A part's head is no head.
    #[error(transparent)]
    Part(#[from] InvalidPart),
    /// It has more than [`PARTS_MAX`].
    #[error("a form can have no more than {PARTS_MAX} parts")]
    TooManyParts,
    /// The last boundary did not come.
    #[error("the form ends before its last boundary")]
    Incomplete,
}

impl From<InvalidForm> for Error {
    fn from(error: InvalidForm) -> Self {
        Self::InvalidRequest(error.to_string().into())
    }
}

impl From<InvalidForm> for Undelivered {
    fn from(error: InvalidForm) -> Self {
        Error::from(error).into()
    }
}

/// A form that is being read.
pub(super) struct Form<'c> {
    body: Body<'c>,
    parser: Parser,
}

impl<'c> Form<'c> {
    /// A form in a body that has come so far as to say its boundary.
    ///
    /// # Errors
    /// [`InvalidForm::Boundary`].
    pub(super) fn new(body: Body<'c>, boundary: &str) -> Result<Self, InvalidForm> {
        Ok(Self { body, parser: Parser::new(boundary)? })
    }

    /// Tells a client that waits for it to send the form.
    ///
    /// # Errors
    /// The client left.
    pub(super) async fn ask_for_it(&mut self) -> Result<(), Undelivered> {
        Ok(self.body.ask_for_it().await?)
    }

    /// What the form goes on with. Cancellation loses nothing.
    ///
    /// # Errors
    /// As [`Body::chunk`], and where it is no form, or none that is whole.
    pub(super) async fn next(&mut self) -> Result<Event, Undelivered> {
        loop {
            if let Some(event) = self.parser.next()? {
                return Ok(event);
            }
            match self.body.chunk().await? {
                Some(bytes) => self.parser.feed(bytes),
                None => return Ok(self.parser.end()?),
            }
        }
    }
}

/// Where in a form the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first boundary.
    Preamble,
    /// Behind a boundary, in its line.
    Delimiter,
    /// In the head of a part.
    Head,
    /// In its bytes, after so many that belong to the line before.
    Data { skipped: usize },
    /// Behind the last boundary.
    Epilogue { is_new: bool },
}

/// Takes a form apart. It holds what was fed last, and of what came before at most a head.
struct Parser {
    /// The line break that ends a part's bytes, and the boundary.
    delimiter: Finder<'static>,
    place: Place,
    ahead: Bytes,
    parts: usize,
    /// Bytes that stood around the parts.
    margin: usize,
}

impl Parser {
    fn new(boundary: &str) -> Result<Self, InvalidForm> {
        // Some clients use more than RFC 2046 section 5.1.1 has in its list.
        let is_legal = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        let fits = (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len());
        if !fits || !boundary.bytes().all(is_legal) || boundary.ends_with(' ') {
            return Err(InvalidForm::Boundary);
        }
        let delimiter = ["\r\n--", boundary].concat();
        Ok(Self {
            delimiter: Finder::new(delimiter.as_bytes()).into_owned(),
            place: Place::Preamble,
            // So that the first boundary is found like the others.
            ahead: Bytes::from_static(b"\r\n"),
            parts: 0,
            margin: 0,
        })
    }

    /// Takes the next bytes. They are copied only where something may go on in them that began
    /// before: a boundary or a head.
    fn feed(&mut self, bytes: Bytes) {
        if self.ahead.is_empty() {
            self.ahead = bytes;
            return;
        }
        let mut joined = BytesMut::with_capacity(self.ahead.len() + bytes.len());
        joined.extend_from_slice(&self.ahead);
        joined.extend_from_slice(&bytes);
        self.ahead = joined.freeze();
    }

    /// What comes next. None: that depends on bytes that were not fed yet.
    fn next(&mut self) -> Result<Option<Event>, InvalidForm> {
        loop {
            let goes_on = match self.place {
                Place::Preamble => self.skip_preamble()?,
                Place::Delimiter => self.end_delimiter()?,
                Place::Head => match self.take_head()? {
                    Some(part) => return Ok(Some(Event::Part(part))),
                    None => false,
                },
                Place::Data { skipped } => {
                    let (data, goes_on) = self.take_data(skipped);
                    if !data.is_empty() {
                        return Ok(Some(Event::Data(data)));
                    }
                    goes_on
                }
                Place::Epilogue { is_new } => {
                    self.skip_epilogue(is_new)?;
                    false
                }
            };
            if !goes_on {
                return Ok(None);
            }
        }
    }

    /// What the end of the body means.
    fn end(&self) -> Result<Event, InvalidForm> {
        match self.place {
            Place::Epilogue { .. } => Ok(Event::End),
            Place::Preamble | Place::Delimiter | Place::Head | Place::Data { .. } => {
                Err(InvalidForm::Incomplete)
            }
        }
    }

    fn add_margin(&mut self, length: usize) -> Result<(), InvalidForm> {
        self.margin += length;
        match self.margin > MARGIN_BYTES_MAX {
            true => Err(InvalidForm::Margin),
            false => Ok(()),
        }
    }

    fn skip_preamble(&mut self) -> Result<bool, InvalidForm> {
        let (text, goes_on) = self.take_data(0);
        // A form that does not begin has no data.
        if self.place != Place::Delimiter {
            self.place = Place::Preamble;
        }
        self.add_margin(text.len())?;
        Ok(goes_on)
    }

    fn skip_epilogue(&mut self, is_new: bool) -> Result<(), InvalidForm> {
        let text = mem::take(&mut self.ahead);
        let Some(first) = text.first() else { return Ok(()) };
        if is_new && !matches!(first, b' ' | b'\t' | b'\r') {
            return Err(InvalidForm::Delimiter);
        }
        self.place = Place::Epilogue { is_new: false };
        self.add_margin(text.len())
    }

    /// The bytes before the next boundary, and whether something else follows them that is there
    /// already.
    fn take_data(&mut self, skipped: usize) -> (Bytes, bool) {
        let found = self.delimiter.find(&self.ahead);
        let delimiter = self.delimiter.needle();
        let end = found.unwrap_or_else(|| self.ahead.len() - tail(&self.ahead, delimiter));
        if end < skipped && found.is_none() {
            return (Bytes::new(), false);
        }
        let mut data = self.ahead.split_to(end);
        data.advance(skipped.min(end));
        self.place = Place::Data { skipped: 0 };
        if found.is_some() {
            self.ahead.advance(delimiter.len());
            self.place = Place::Delimiter;
        }
        (data, found.is_some())
    }

    /// The rest of the line of a boundary.
    fn end_delimiter(&mut self) -> Result<bool, InvalidForm> {
        if self.ahead.starts_with(b"--") {
            self.ahead.advance(2);
            self.place = Place::Epilogue { is_new: true };
            return Ok(true);
        }
        let is_padding = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let padding = self.ahead.iter().take_while(is_padding).count();
        if padding > PADDING_BYTES_MAX {
            return Err(InvalidForm::Delimiter);
        }
        match &self.ahead[padding..] {
            [b'\r', b'\n', ..] => {
                if self.parts == PARTS_MAX {
                    return Err(InvalidForm::TooManyParts);
                }
                self.parts += 1;
                self.ahead.advance(padding + 2);
                self.place = Place::Head;
                Ok(true)
            }
            [] | [b'\r'] => Ok(false),
            [b'-'] if padding == 0 => Ok(false),
            _ => Err(InvalidForm::Delimiter),
        }
    }

    /// The head of a part, with the line break that ends it left to be skipped: where a part has no
    /// bytes, it may belong to the next boundary.
    fn take_head(&mut self) -> Result<Option<Part>, InvalidForm> {
        let end = match self.ahead.starts_with(b"\r\n") {
            true => Some(0),
            false => memmem::find(&self.ahead, b"\r\n\r\n").map(|end| end + 2),
        };
        // One whose end is not there yet may end in the line break that is.
        let at_least = end.unwrap_or((self.ahead.len() + 1).saturating_sub(2));
        if at_least > HEAD_BYTES_MAX {
            return Err(InvalidPart::TooLong.into());
        }
        let Some(end) = end else { return Ok(None) };
        let head = self.ahead.split_to(end);
        self.place = Place::Data { skipped: 2 };
        Ok(Some(Part::parse(&head)?))
    }
}

/// How many bytes at the end of `text` may be the beginning of `word`.
fn tail(text: &[u8], word: &[u8]) -> usize {
    let longest = text.len().min(word.len() - 1);
    // No more than the first byte of a boundary is a carriage return.
    let from = text.len() - longest;
    memchr::memrchr(b'\r', &text[from..])
        .map(|at| longest - at)
        .filter(|length| word.starts_with(&text[text.len() - length..]))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
