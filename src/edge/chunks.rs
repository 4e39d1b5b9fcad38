//! The framing of chunked bodies (RFC 9112 section 7.1), looked at as the bytes come in.
//!
//! Pingora takes an empty line for a chunk of no bytes, which is the end of a body, and looks at
//! neither extensions nor trailers. What it takes for a whole body is stored, so whatever is not
//! exactly a chunked body must not get as far as that.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most bytes of one line that is not content: a size with its extensions, or a trailer.
const LINE_BYTES_MAX: u32 = 4096;

/// The most bytes of all trailers.
const TRAILER_BYTES_MAX: u32 = 16 * 1024;

/// A body that is not chunked as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not made of chunks")]
pub struct Broken;

/// Follows a body from its first byte on.
#[derive(Debug)]
struct Scanner {
    state: State,
    line: u32,
    trailers: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a size, after so many digits.
    Size {
        digits: u8,
        size: u64,
    },
    /// After a size, on its line.
    Extension {
        size: u64,
    },
    /// At the end of that line.
    SizeEnd {
        size: u64,
    },
    /// In the bytes of a chunk, of which so many are left.
    Data {
        left: u64,
    },
    /// After them.
    DataEnd,
    DataEndLine,
    /// In a line after the last chunk.
    Trailer {
        is_empty: bool,
    },
    TrailerEnd {
        is_empty: bool,
    },
    /// After the body.
    Done,
}

const SIZE: State = State::Size { digits: 0, size: 0 };

impl Scanner {
    const fn new() -> Self {
        Self { state: SIZE, line: 0, trailers: 0 }
    }

    /// Takes note of the next bytes.
    fn scan(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let State::Data { left } = self.state {
                let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                bytes = &bytes[taken..];
                let left = left - taken as u64;
                self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
                continue;
            }
            if self.state == State::Done {
                return Ok(());
            }
            self.state = self.after(byte)?;
            bytes = rest;
        }
        Ok(())
    }

    fn after(&mut self, byte: u8) -> Result<State, Broken> {
        self.line += 1;
        if self.line > LINE_BYTES_MAX {
            return Err(Broken);
        }
        let next = match (self.state, byte) {
            (State::Size { digits, size }, digit) if digit.is_ascii_hexdigit() && digits < 16 => {
                let value = char::from(digit).to_digit(16).unwrap_or(0);
                State::Size { digits: digits + 1, size: size << 4 | u64::from(value) }
            }
            (State::Size { digits: 1.., size }, b'\r') | (State::Extension { size }, b'\r') => {
                State::SizeEnd { size }
            }
            (State::Size { digits: 1.., size }, b';' | b' ' | b'\t') => State::Extension { size },
            (State::Extension { size }, other) if is_text(other) => State::Extension { size },
            (State::SizeEnd { size: 0 }, b'\n') => State::Trailer { is_empty: true },
            (State::SizeEnd { size }, b'\n') => State::Data { left: size },
            (State::DataEnd, b'\r') => State::DataEndLine,
            (State::DataEndLine, b'\n') => SIZE,
            (State::Trailer { is_empty }, b'\r') => State::TrailerEnd { is_empty },
            (State::Trailer { .. }, other) if is_text(other) => State::Trailer { is_empty: false },
            (State::TrailerEnd { is_empty: true }, b'\n') => State::Done,
            (State::TrailerEnd { is_empty: false }, b'\n') => State::Trailer { is_empty: true },
            _ => return Err(Broken),
        };
        if matches!(next, State::Trailer { .. }) {
            self.trailers += 1;
            if self.trailers > TRAILER_BYTES_MAX {
                return Err(Broken);
            }
        }
        if byte == b'\n' {
            self.line = 0;
        }
        Ok(next)
    }
}

/// No control characters, of which a line's end is made.
const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Looks at what a connection reads, from the beginning of each request on.
///
/// Which bytes are a body is known only when some of them were read with the header; those of
/// methods that may have one are kept until then.
#[derive(Debug, Default)]
pub struct ChunkWatch {
    phase: AtomicU8,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The request so far.
    bytes: Vec<u8>,
    scanner: Option<Scanner>,
}

/// Nothing is looked at.
const OFF: u8 = 0;
/// A request begins.
const BEGINS: u8 = 1;
/// What is read is the header, and what comes with it.
const HEADER: u8 = 2;
/// What is read is a chunked body.
const BODY: u8 = 3;

impl ChunkWatch {
    /// The next byte is the first of a request.
    pub fn begin(&self) {
        self.phase.store(BEGINS, Ordering::Relaxed);
    }

    /// There is nothing more to look at.
    pub fn end(&self) {
        if self.phase.swap(OFF, Ordering::Relaxed) != OFF {
            *self.lock() = Kept::default();
        }
    }

    /// The header, of so many bytes, has come, and the body is chunked. Of methods that should have
    /// none it is not looked at.
    ///
    /// # Errors
    /// What came of the body is broken already.
    pub fn expect_chunks(&self, header: usize) -> Result<(), Broken> {
        if self.phase.load(Ordering::Relaxed) != HEADER {
            return Ok(());
        }
        let mut kept = self.lock();
        let mut scanner = Scanner::new();
        let scanned = scanner.scan(kept.bytes.get(header..).unwrap_or_default());
        *kept = Kept { bytes: Vec::new(), scanner: Some(scanner) };
        self.phase.store(BODY, Ordering::Relaxed);
        scanned
    }

    /// Takes note of bytes that were read.
    ///
    /// # Errors
    /// They are in a chunked body, and broken.
    pub fn note(&self, bytes: &[u8]) -> io::Result<()> {
        match self.phase.load(Ordering::Relaxed) {
            // PUT, POST, PATCH, PROPFIND.
            BEGINS if bytes.first() == Some(&b'P') => {
                let mut kept = self.lock();
                kept.bytes.clear();
                kept.bytes.extend_from_slice(bytes);
                self.phase.store(HEADER, Ordering::Relaxed);
            }
            BEGINS if !bytes.is_empty() => self.phase.store(OFF, Ordering::Relaxed),
            HEADER => self.lock().bytes.extend_from_slice(bytes),
            BODY => {
                let mut kept = self.lock();
                let scanned = kept.scanner.as_mut().map_or(Ok(()), |scanner| scanner.scan(bytes));
                scanned.map_err(io::Error::other)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body is one, whatever pieces it comes in; None: it has not ended.
    #[track_caller]
    fn is_whole(body: &[u8]) -> Option<bool> {
        let outcomes = [1, 2, 3, 7, body.len().max(1)].map(|size| {
            let mut scanner = Scanner::new();
            let scanned = body.chunks(size).try_for_each(|piece| scanner.scan(piece));
            match (scanned, scanner.state) {
                (Err(Broken), _) => Some(false),
                (Ok(()), State::Done) => Some(true),
                (Ok(()), _) => None,
            }
        });
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        outcomes[0]
    }

    #[test]
    fn bodies_of_chunks_pass() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00005\r\nhello\r\nA\r\n0123456789\r\n000\r\n\r\n",
            "5;name=value\r\nhello\r\n0;x\r\n\r\n",
            "5 ;name=\"v\"\r\nhello\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\n",
            "2\r\n\r\n\r\n1\r\n0\r\n0\r\n\r\nthe next request",
        ] {
            assert_eq!(is_whole(body.as_bytes()), Some(true), "{body:?}");
        }
    }

    #[test]
    fn bodies_that_are_broken_do_not() {
        for body in [
            "\r\n",
            "5\r\nhello\r\n\r\n5\r\nworld\r\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\nhello\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello\r\n0\n\n",
            "+5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "g\r\n",
            ";x\r\n",
            "5;a\nb\r\nhello\r\n",
            "5;a\0b\r\nhello\r\n",
            "00000000000000005\r\nhello\r\n",
            "5\r\nhello\r\n0\r\nTrailer: a\nb\r\n\r\n",
        ] {
            assert_eq!(is_whole(body.as_bytes()), Some(false), "{body:?}");
        }
        let endless = |line: &str| is_whole(line.repeat(5000).as_bytes());
        assert_eq!(endless("0;"), Some(false));
        assert_eq!(is_whole(format!("0\r\n{}", "A: b\r\n".repeat(5000)).as_bytes()), Some(false));
    }

    #[test]
    fn bodies_that_have_not_ended_wait() {
        for body in ["", "5", "5\r\nhel", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "0\r\nA: b\r\n"]
        {
            assert_eq!(is_whole(body.as_bytes()), None, "{body:?}");
        }
    }

    #[test]
    fn what_came_with_the_header_is_looked_at_too() {
        let header = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (body, rest, first, then) in [
            (&b"5\r\nhe"[..], &b"llo\r\n0\r\n\r\n"[..], true, true),
            (b"5\r\nhello\r\n\r\n", b"", false, true),
            (b"", b"5\r\nhello\r\n\r\n", true, false),
        ] {
            let watch = ChunkWatch::default();
            watch.begin();
            let (start, end) = header.split_at(20);
            watch.note(start).unwrap();
            watch.note(&[end, body].concat()).unwrap();
            assert_eq!(watch.expect_chunks(header.len()).is_ok(), first);
            if first {
                assert_eq!(watch.note(rest).is_ok(), then);
            }
        }
    }
}
