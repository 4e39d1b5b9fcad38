//! Uploads in pieces: begun, looked at, cut, dropped, completed.

use std::cell::OnceCell;
use std::sync::Arc;

use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::{Desk, Work};
use crate::bucket::object::Annotations;
use crate::bucket::objects::Objects;
use crate::conditions::Range;
use crate::content::ContentId;
use crate::content::filename::Filename;
use crate::content::upload::UploadId;
use crate::dialect::{LENGTH_DIFFERS, NewUpload, Outcome, UploadCall, UploadHead, UploadOutcome};
use crate::error::Error;
use crate::gateway::{Download, Verdict};
use crate::reply::Visibility;
use crate::upload::{Beginning, Commit, Progress, Refused, Stage};

/// How an upload stands, with what was said of it.
pub struct Told {
    progress: Progress,
    said: Said,
}

/// What is said of an upload when it begins.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Said {
    /// By the client, in the form of its protocol.
    text: String,
    /// The name to save it under.
    filename: Option<String>,
}

impl Said {
    fn read(metadata: &str) -> Result<Self, Error> {
        let unreadable = |_| Error::Internal("an upload's metadata cannot be read".into());
        serde_json::from_str(metadata).map_err(unreadable)
    }
}

impl Told {
    /// Takes note of what was said.
    ///
    /// # Errors
    /// What is in the books is not what was written there.
    pub fn new(progress: Progress) -> Result<Self, Error> {
        let said = Said::read(&progress.metadata)?;
        Ok(Self { progress, said })
    }
}

impl<O: Objects> Desk<'_, O> {
    /// For dialects.
    #[must_use]
    pub fn head<'t>(&self, told: &'t Told) -> UploadHead<'t> {
        let Told { progress, said } = told;
        let is_complete = progress.stage != Stage::Open;
        UploadHead {
            id: progress.id,
            size: progress.size,
            length: progress.length,
            metadata: &said.text,
            is_complete,
            expires: (!is_complete).then_some(progress.expires),
            now: (self.now)(),
            size_max: self.work.route.upload_size,
        }
    }

    pub(super) async fn about_upload(
        &self,
        asked: &UploadCall,
        head: &Parts,
    ) -> Result<Verdict, Error> {
        if let UploadCall::Fetch(id) = asked {
            return self.fetch(*id);
        }
        self.check_writing()?;
        let (engine, owner) = (self.engine(), self.owner());
        let done = match asked {
            UploadCall::Begin(new) => self.begin(new).await.map(UploadOutcomeOf::Begun),
            UploadCall::Truncate(id, size) => {
                engine.truncate(*id, &owner, *size).await.map(UploadOutcomeOf::Truncated)
            }
            UploadCall::Look(id) => self.look(*id).await.map(UploadOutcomeOf::Is),
            UploadCall::Abort(id) => {
                engine.abort(*id, &owner).await.map(|()| UploadOutcomeOf::Dropped)
            }
            UploadCall::Append(..) | UploadCall::Fetch(_) => {
                return Err(Error::Internal("a body that is not waited for".into()));
            }
        };
        let (told, metrics) = (OnceCell::new(), &self.work.route.metrics.pieces);
        let tell = |progress| Told::new(progress).map(|it| self.head(told.get_or_init(|| it)));
        let outcome = match done {
            Ok(UploadOutcomeOf::Dropped) => {
                metrics.dropped.inc();
                UploadOutcome::Dropped
            }
            Ok(UploadOutcomeOf::Begun(progress)) => UploadOutcome::Begun(tell(progress)?),
            Ok(UploadOutcomeOf::Truncated(progress)) => {
                metrics.truncated.inc();
                UploadOutcome::Truncated(tell(progress)?)
            }
            Ok(UploadOutcomeOf::Is(progress)) => UploadOutcome::Is(tell(progress)?),
            Err(refused) => return self.refused(refused, head),
        };
        Ok(self.reply(head, &Outcome::Upload(outcome)))
    }

    /// What a refusal of the engine means to the client: some are answers that say how it is.
    ///
    /// # Errors
    /// All others.
    pub fn refused(&self, refused: Refused, head: &Parts) -> Result<Verdict, Error> {
        let metrics = &self.work.route.metrics.pieces;
        match &refused {
            Refused::Elsewhere(_) => metrics.elsewhere.inc(),
            Refused::Raced => metrics.raced.inc(),
            Refused::Mismatch => metrics.mismatched.inc(),
            Refused::Unknown | Refused::Length | Refused::TooLarge(_) | Refused::Failed(_) => {}
        }
        match refused {
            Refused::Elsewhere(progress) => {
                let told = Told::new(progress)?;
                let outcome = UploadOutcome::Elsewhere(self.head(&told));
                Ok(self.reply(head, &Outcome::Upload(outcome)))
            }
            Refused::Mismatch => Ok(self.reply(head, &Outcome::Upload(UploadOutcome::Mismatch))),
            refused => Err(error_of(refused)),
        }
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn begin(&self, new: &NewUpload) -> Result<Progress, Refused> {
        self.check_writing()?;
        let filename = new.filename.as_ref().map(|name| name.as_str().to_owned());
        let said = Said { text: new.metadata.clone(), filename };
        let unwritable = |_| Error::Internal("an upload's metadata cannot be written".into());
        let metadata = serde_json::to_string(&said).map_err(unwritable)?;
        let beginning = Beginning { length: new.length, metadata };
        let progress = self.engine().begin(&self.owner(), beginning).await?;
        self.work.route.metrics.pieces.begun.inc();
        Ok(progress)
    }

    /// How far an upload is. One that lacks nothing but its end is brought there: whoever asked for
    /// that may have got no answer, and takes it for done.
    async fn look(&self, id: UploadId) -> Result<Progress, Refused> {
        let progress = match self.engine().look(id, &self.owner()).await {
            Err(Refused::Unknown) => return Err(Refused::Unknown),
            progress => progress?,
        };
        let is_whole = match progress.stage {
            Stage::Open => progress.length == Some(progress.size),
            Stage::Committing => true,
            Stage::Done => false,
        };
        match self.pieces.catalog {
            None if is_whole => self.complete(progress).await,
            _ => Ok(progress),
        }
    }

    /// Makes an upload the object that it is to become.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn complete(&self, progress: Progress) -> Result<Progress, Refused> {
        let key = self.key(progress.id)?;
        let engine = self.engine();
        let owner = self.owner();
        let _turn = self.pieces.turns.take(progress.id).await;
        let commit = engine.close(progress.id, &owner, &key).await?;
        if !commit.is_done {
            let annotations = annotations(&commit)?;
            engine.assemble(&commit, &key, &annotations).await?;
            engine.end(&commit, &owner).await?;
        }
        self.work.route.metrics.stored.inc();
        let length = Some(commit.size);
        Ok(Progress { stage: Stage::Done, size: commit.size, length, ..progress })
    }

    /// The object that an upload became.
    fn fetch(&self, id: UploadId) -> Result<Verdict, Error> {
        let Work { route, grant, call } = self.work;
        let content = ContentId::Upload(id, None);
        let places = route.layout.places(grant, &content)?;
        Ok(Verdict::Download(Box::new(Download {
            route: Arc::clone(route),
            places,
            call: call.clone(),
            content: Some(content),
            range: Range::Whole,
            visibility: Visibility::Private,
        })))
    }
}

/// What an upload became of a call.
enum UploadOutcomeOf {
    Begun(Progress),
    Truncated(Progress),
    Is(Progress),
    Dropped,
}

/// What is kept beside the object of an upload.
pub(super) fn annotations(commit: &Commit) -> Result<Annotations, Error> {
    let said = Said::read(&commit.metadata)?;
    let filename = said.filename.as_deref().and_then(Filename::sanitize);
    let filename = filename.as_ref().map(Filename::to_metadata);
    Ok(Annotations { filename, ..Annotations::default() })
}

/// A refusal as the error that it is to any client.
#[must_use]
pub(super) fn error_of(refused: Refused) -> Error {
    match refused {
        Refused::Unknown => Error::NotFound("no such upload".into()),
        Refused::Elsewhere(_) => Error::Conflict("the upload is not as the client takes it to be"),
        Refused::Raced => Error::Conflict("the upload was changed at the same time"),
        Refused::Length => Error::InvalidRequest(LENGTH_DIFFERS.into()),
        Refused::Mismatch => {
            Error::InvalidRequest("the body does not hash to what was said".into())
        }
        Refused::TooLarge(limit) => Error::PayloadTooLarge { limit },
        Refused::Failed(error) => error,
    }
}
