//! A request whose body is on its way to storage.

use pingora::protocols::http::v1::client::HttpSession;
use tokio::time::timeout;

use super::answer::Answer;
use super::failure::Failure;
use super::peer::StoragePeer;
use super::storage::{StorageClient, is_final, read_final_head};
use crate::bucket::Bucket;
use crate::error::Error;

/// A request whose head was sent. Dropped, it takes its connection along, and storage throws away
/// what it got: the announced length is not reached.
pub(super) struct Sending {
    session: Box<HttpSession>,
    client: StorageClient,
    peer: StoragePeer,
}

impl Sending {
    pub(super) fn new(session: HttpSession, client: &StorageClient, peer: &StoragePeer) -> Self {
        Self { session: Box::new(session), client: client.clone(), peer: peer.clone() }
    }

    /// Completes when storage answers before it has the whole body, or the connection breaks; then
    /// there is nothing more to send, and [`Sending::into_answer`] has the rest. Cancellation loses
    /// nothing.
    pub(super) async fn interrupted(&mut self) {
        self.session.read_timeout = None;
        while self.session.read_response().await.is_ok() {
            if self.session.get_status().is_none_or(is_final) {
                return;
            }
        }
    }

    /// Sends bytes of the body.
    ///
    /// # Errors
    /// Storage takes nothing for too long, or the connection broke.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = self.session.write_body(bytes).await;
        sent.map(drop).map_err(|error| Failure::of("sending the body", error))
    }

    /// The answer to a request whose body was sent whole.
    ///
    /// # Errors
    /// No answer in time.
    pub(super) async fn finish(mut self, bucket: &Bucket) -> Result<Answer, Error> {
        let Self { session, client, .. } = &mut self;
        session.read_timeout = Some(client.first_byte);
        let answered = async {
            session.finish_body().await?;
            read_final_head(session).await
        };
        let answered = match timeout(client.first_byte, answered).await {
            Err(_) => Err(Failure::Timeout),
            Ok(Err(error)) => Err(Failure::of("reading the answer", error)),
            Ok(Ok(())) => Ok(()),
        };
        answered.map_err(|failure| failure.counted(bucket))?;
        Ok(self.answer(bucket, false))
    }

    /// The answer to a request whose body could not be sent to its end, if there is one; else what
    /// went wrong.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn into_answer(
        mut self,
        bucket: &Bucket,
        failure: Option<Failure>,
    ) -> Result<Answer, Error> {
        if !self.session.get_status().is_some_and(is_final) {
            self.session.read_timeout = Some(self.client.first_byte);
            let answered =
                timeout(self.client.first_byte, read_final_head(&mut self.session)).await;
            let answered = match answered {
                Err(_) => Err(Failure::Timeout),
                Ok(Err(error)) => Err(Failure::of("reading the answer", error)),
                Ok(Ok(())) => Ok(()),
            };
            answered.map_err(|late| failure.unwrap_or(late).counted(bucket))?;
        }
        Ok(self.answer(bucket, true))
    }

    fn answer(self, bucket: &Bucket, is_early: bool) -> Answer {
        let Self { mut session, client, peer } = self;
        session.read_timeout = Some(client.read);
        Answer::new(*session, &client, &peer, bucket, is_early)
    }
}
