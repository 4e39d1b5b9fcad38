//! A file that is stored as blocks.

use super::puts::Puts;
use crate::error::Error;
use crate::graph::Block;
use crate::graph::import::{Imported, Importer};
use crate::graph::profile::Profile;

/// The blocks of a file, on their way to storage as its bytes come.
pub(super) struct Blocks {
    importer: Importer,
    chunk_bytes: usize,
    held: Held,
}

/// What of a file is not sent yet.
#[derive(Default)]
struct Held {
    /// The block that was made last: the root, if no other comes.
    last: Option<Block>,
    /// Whether there were others.
    has_others: bool,
}

impl Blocks {
    /// Those of one file.
    pub(super) fn new(profile: Profile) -> Self {
        let chunk_bytes = profile.chunk_bytes();
        Self { importer: Importer::new(profile), chunk_bytes, held: Held::default() }
    }

    /// Takes the next bytes, and begins to store the blocks they complete. Waits for storage where
    /// too many are under way.
    ///
    /// # Errors
    /// As [`Puts::start`].
    pub(super) async fn add(&mut self, bytes: &[u8], puts: &mut Puts<'_>) -> Result<(), Error> {
        // So that no more than one chunk's are in memory.
        for chunk in bytes.chunks(self.chunk_bytes) {
            let mut made = Vec::new();
            self.importer.update(chunk, &mut |block| made.push(block));
            self.held.replace(made, puts).await?;
        }
        Ok(())
    }

    /// Stores the root when all others are stored.
    ///
    /// # Errors
    /// As [`Puts::start`].
    pub(super) async fn finish(self, puts: &mut Puts<'_>) -> Result<Imported, Error> {
        let Self { importer, mut held, .. } = self;
        let mut made = Vec::new();
        let imported = importer.finish(&mut |block| made.push(block));
        held.replace(made, puts).await?;
        if held.has_others {
            puts.finish().await?;
        }
        if let Some(root) = held.last {
            puts.start(root).await?;
        }
        Ok(imported)
    }
}

impl Held {
    /// Holds the last of some blocks, and stores all before it.
    async fn replace(&mut self, made: Vec<Block>, puts: &mut Puts<'_>) -> Result<(), Error> {
        for block in made {
            if let Some(other) = self.last.replace(block) {
                self.has_others = true;
                puts.start(other).await?;
            }
        }
        Ok(())
    }
}
