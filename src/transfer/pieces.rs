//! Pieces of uploads, from a client to segments in storage.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::body::Body;
use super::client::Client;
use super::download::{BUFFERED_BYTES_MAX, Undelivered};
use super::objects::BucketObjects;
use super::storage::StorageClient;
use super::upload::{Uploads, announced_length, too_late};
use crate::content::upload::UploadId;
use crate::dialect::{
    Call, CatalogCall, Completes, Outcome, PieceOrder, UploadCall, UploadOutcome,
};
use crate::error::Error;
use crate::gateway::Verdict;
use crate::gateway::work::{Desk, Told, Work};
use crate::reply::Reply;
use crate::state::Store;
use crate::upload::{Appending, Piece, Progress, Refused, Stage};

/// How many bytes are read before they are hashed: some tenths of a millisecond.
const HASHED_AT_ONCE: usize = BUFFERED_BYTES_MAX as usize;

/// How long [`HASHED_AT_ONCE`] bytes may take of a client that has room in memory, or that gets it.
const SLOW: Duration = Duration::from_secs(1);

/// A place in memory for a segment, for as long as its client fills it.
struct Room {
    until: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// For the bytes of one step that came there is the time of another.
    fn earn(&mut self) {
        self.until = Instant::now() + SLOW;
    }
}

/// What ends a piece early.
enum Ended {
    /// The books do not have it so.
    Refused(Refused),
    /// The client, or its body, is not as it has to be.
    Undelivered(Undelivered),
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Undelivered> for Ended {
    fn from(undelivered: Undelivered) -> Self {
        Self::Undelivered(undelivered)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Undelivered(error.into())
    }
}

/// Receives a piece of an upload, which may be the one that it begins with, and makes it an object if
/// that was all. Beside the answer there may be why it is a refusal.
///
/// # Errors
/// See [`Undelivered`]. What counts of the piece then is for the protocol to find out.
pub async fn receive(
    client: &mut Client,
    storage: &StorageClient,
    uploads: &Uploads,
    head: &Parts,
    work: &Work,
) -> Result<(Reply, Option<Error>), Undelivered> {
    let objects = BucketObjects::new(storage.clone(), Arc::clone(&work.route.bucket));
    let desk = Desk::new(work, &objects, SystemTime::now)?;
    desk.check_writing()?;
    let receiving = Receiving { uploads, head, desk: &desk };
    let received = timeout(uploads.time_max, receiving.run(client)).await;
    match received {
        Ok(Ok(reply)) => Ok((reply, None)),
        Ok(Err(Ended::Undelivered(undelivered))) => Err(undelivered),
        Ok(Err(Ended::Refused(refused))) => match desk.refused(refused, head)? {
            Verdict::Reply(reply) => {
                let why = "the upload is not as the client, or its piece, takes it to be";
                Ok((reply, Some(Error::Conflict(why))))
            }
            _ => Err(Error::Internal("a refusal that is no answer".into()).into()),
        },
        Err(_) => Err(too_late(client)),
    }
}

/// The place in memory of what a call without a body reads back from storage: the end of an upload,
/// to make it an object, or shorter.
///
/// # Errors
/// There is none in time.
pub async fn room_for(
    uploads: &Uploads,
    work: &Work,
) -> Result<Option<OwnedSemaphorePermit>, Error> {
    let needs_room = match &work.call {
        Call::Upload(asked) => matches!(**asked, UploadCall::Truncate(..)),
        Call::Catalog(asked) => matches!(**asked, CatalogCall::Publish(..)),
        _ => false,
    };
    Ok(if needs_room { Some(uploads.room_for_part().await?) } else { None })
}

/// A piece that is being received.
struct Receiving<'r> {
    uploads: &'r Uploads,
    head: &'r Parts,
    desk: &'r Desk<'r, BucketObjects>,
}

impl Receiving<'_> {
    async fn run(&self, client: &mut Client) -> Result<Reply, Ended> {
        let Desk { work, .. } = self.desk;
        let Call::Upload(asked) = &work.call else {
            return Err(Error::Internal("a piece of nothing".into()).into());
        };
        let limit = work.route.upload_size;
        let length = match client.announces_body() || client.is_http10() {
            true => announced_length(client, limit)?,
            false => Some(0),
        };
        let (id, order, is_new) = match &**asked {
            UploadCall::Append(id, order) => (*id, *order, false),
            UploadCall::Begin(new) => {
                let progress = self.desk.begin(new).await?;
                let id = progress.id;
                if new.hears_interim {
                    self.tell(client, progress).await?;
                }
                (id, new.first.unwrap_or_default(), true)
            }
            _ => return Err(Error::Internal("a piece of nothing".into()).into()),
        };
        let mut body = Body::new(client, self.uploads.pace(limit));
        let engine = self.desk.engine();
        let owner = self.desk.owner();
        // Whoever is refused for what the books say need not send the piece.
        let (PieceOrder { offset, keeps_part, digest, .. }, bytes) = (order, length);
        let piece = Piece { offset, bytes, length: order.length, keeps_part, digest };
        let appending = match engine.append(id, &owner, piece).await {
            Err(Refused::Elsewhere(progress)) => return Err(self.elsewhere(progress).await.into()),
            appending => appending?,
        };
        body.ask_for_it().await.map_err(Undelivered::from)?;
        let (progress, room) = self.take(appending, &mut body, id, keeps_part).await?;
        let completes = match order.completes {
            Completes::Never => false,
            Completes::AtLength => progress.length == Some(progress.size),
            Completes::Always => true,
        };
        let progress = if completes { self.desk.complete(progress).await? } else { progress };
        drop(room);
        let told = Told::new(progress)?;
        let about = self.desk.head(&told);
        let outcome =
            if is_new { UploadOutcome::Begun(about) } else { UploadOutcome::Grown(about) };
        Ok(work.route.dialect.answer(self.head, &work.call, &Outcome::Upload(outcome)))
    }

    /// Takes a piece to its end, or as much of it as comes, if that counts. What comes back beside is
    /// the place in memory of what was stored, and of what is to be made of it.
    async fn take(
        &self,
        mut appending: Appending<'_, BucketObjects, Store>,
        body: &mut Body<'_>,
        id: UploadId,
        keeps_part: bool,
    ) -> Result<(Progress, Option<Room>), Ended> {
        let metrics = &self.desk.work.route.metrics.pieces;
        let mut room = None;
        let undelivered = match self.fill(&mut appending, body, &mut room).await {
            Ok(()) => {
                let progress = appending.finish().await?;
                metrics.appended.inc();
                return Ok((progress, room));
            }
            Err(Ended::Undelivered(undelivered)) if keeps_part => undelivered,
            Err(ended) => return Err(ended),
        };
        // What a few bytes have to be stored with may be much.
        if appending.reads_back() && room.is_none() {
            room = Some(self.room().await?);
        }
        // There is nobody to tell; whoever asks next finds out.
        match appending.finish_part().await {
            Ok(_) => metrics.cut.inc(),
            Err(Refused::Failed(error)) => {
                let error = crate::error::with_causes(&error);
                tracing::warn!(upload = %id, error, "a part of a piece was not kept");
            }
            Err(_) => {}
        }
        drop(room);
        Err(undelivered.into())
    }

    /// Why an upload cannot be appended to. One that is closed is made an object first: whoever asked
    /// for that may not know that it failed, and takes what is closed for done.
    async fn elsewhere(&self, progress: Progress) -> Refused {
        let is_closed = progress.stage == Stage::Committing && self.desk.pieces.catalog.is_none();
        if !is_closed {
            return Refused::Elsewhere(progress);
        }
        let _room = match self.room().await {
            Ok(room) => room,
            Err(error) => return error.into(),
        };
        match self.desk.complete(progress).await {
            Ok(progress) => Refused::Elsewhere(progress),
            Err(refused) => refused,
        }
    }

    /// Reads the body to its end. What is not stored yet is in the buffer then.
    ///
    /// Memory is for those who fill it: whoever sends slowly has what it sent stored as it is, a
    /// little at a time, and keeps no room from others.
    async fn fill(
        &self,
        appending: &mut Appending<'_, BucketObjects, Store>,
        body: &mut Body<'_>,
        room: &mut Option<Room>,
    ) -> Result<(), Ended> {
        loop {
            // It is hashed here, a little at a time, so that nobody else waits for a whole segment.
            let (buffer, full) = appending.buffer();
            let next = full.min(buffer.len() + HASHED_AT_ONCE);
            let limit = room.as_ref().map_or(SLOW, Room::left);
            let goes_on = body.fill_within(buffer, next, limit).await?;
            let filled = buffer.len();
            if appending.reads_back() && room.is_none() {
                *room = Some(self.room().await?);
            }
            match goes_on {
                Some(false) => return Ok(()),
                None => {
                    appending.store().await?;
                    *room = None;
                }
                Some(true) => {
                    if filled == full {
                        appending.store().await?;
                        // Others may have their turn.
                        *room = None;
                        continue;
                    }
                    match room {
                        Some(room) => room.earn(),
                        None => *room = Some(self.room().await?),
                    }
                }
            }
        }
    }

    async fn room(&self) -> Result<Room, Error> {
        let permit = self.uploads.room_for_part().await?;
        Ok(Room { until: Instant::now() + SLOW, _permit: permit })
    }

    /// Tells the client where the upload is, before its body has come.
    async fn tell(&self, client: &mut Client, progress: Progress) -> Result<(), Ended> {
        let told = Told::new(progress)?;
        if let Some(interim) = self.desk.work.route.dialect.interim(&self.desk.head(&told)) {
            client.write_interim(interim).await.map_err(Undelivered::from)?;
        }
        Ok(())
    }
}
