//! Where the bytes of an answer go: to the client, as they are or compressed.

use std::io::{self, Write as _};
use std::mem;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::Error;
use crate::transfer::Cut;
use crate::transfer::client::{Client, Gone};

/// How much is written at once.
const PIECE_BYTES: usize = 64 * 1024;

/// How much of what was compressed waits for more.
const COMPRESSED_BYTES: usize = 16 * 1024;

/// The way to the client.
pub(super) struct Output<'c> {
    client: &'c mut Client,
    gzip: Option<GzEncoder<Vec<u8>>>,
}

impl<'c> Output<'c> {
    /// `gzip` is how well it is compressed, from 1 to 9 (RFC 1952).
    pub(super) fn new(client: &'c mut Client, gzip: Option<u32>) -> Self {
        let encoder = |level: u32| GzEncoder::new(Vec::new(), Compression::new(level.clamp(1, 9)));
        Self { client, gzip: gzip.map(encoder) }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The client left.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        for piece in bytes.chunks(PIECE_BYTES) {
            let Some(encoder) = &mut self.gzip else {
                self.client.write(piece).await.map_err(Cut::Client)?;
                continue;
            };
            encoder.write_all(piece).map_err(defect)?;
            if encoder.get_ref().len() >= COMPRESSED_BYTES {
                let compressed = mem::take(encoder.get_mut());
                self.client.write(&compressed).await.map_err(Cut::Client)?;
            }
        }
        Ok(())
    }

    /// Sends what is left. Without this, what was compressed has no end.
    ///
    /// # Errors
    /// The client left.
    pub(super) async fn finish(self) -> Result<(), Cut> {
        let Some(encoder) = self.gzip else { return Ok(()) };
        let rest = encoder.finish().map_err(defect)?;
        self.client.write(&rest).await.map_err(Cut::Client)
    }

    /// Completes when the client leaves.
    pub(super) async fn gone(&mut self) -> Gone {
        self.client.gone().await
    }
}

fn defect(error: io::Error) -> Cut {
    Cut::Content(Error::Internal(format!("compressing: {error}").into()))
}
