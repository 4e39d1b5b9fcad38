//! One connection.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;

use super::counted::Written;
use crate::state::Failure;

/// A connection that many may ask at the same time; they are answered in their order. Clones are the
/// same one. It is closed when the last of them is dropped.
///
/// An exchange that is dropped confuses nobody: its answers are waited for and thrown away. One that
/// was not sent by then is not.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
    keeper: AbortHandle,
    doubt: Arc<Notify>,
    written: Written,
}

impl Link {
    /// A link whose driver and keeper run in the background. The keeper closes it when an answer
    /// takes longer than `patience`: nothing else would tell that the way to the server is gone.
    pub(super) fn new(
        connection: MultiplexedConnection,
        driver: impl Future<Output = ()> + Send + 'static,
        written: Written,
        patience: Duration,
    ) -> Self {
        let driver = tokio::spawn(driver);
        let doubt = Arc::new(Notify::new());
        let end = driver.abort_handle();
        let (kept, doubted) = (connection.clone(), Arc::clone(&doubt));
        let keeper = tokio::spawn(async move {
            keep(kept, &doubted, patience).await;
            end.abort();
        });
        let keeper = keeper.abort_handle();
        Self(Arc::new(Inner { connection, driver, keeper, doubt, written }))
    }

    /// Whether it is not known to be closed.
    pub(super) fn is_alive(&self) -> bool {
        !self.0.driver.is_finished()
    }

    /// Sends commands in one piece, and waits for as many answers, errors among them.
    ///
    /// # Errors
    /// The connection ended before all answers came. [`Failure::NotDone`]: before anything was sent.
    /// [`Failure::Unknown`]: the commands may have been carried out.
    pub(super) async fn exchange(&self, commands: &Pipeline) -> Result<Vec<Value>, Failure> {
        let before = self.0.written.bytes();
        let mut unanswered = Unanswered(Some(&self.0.doubt));
        let mut connection = self.0.connection.clone();
        let answers = connection.send_packed_commands(commands, 0, commands.len()).await;
        unanswered.0 = None;
        match answers {
            Ok(answers) if answers.len() == commands.len() => Ok(answers),
            Ok(_) => Err(Failure::Unknown("not as many answers as commands came".to_owned())),
            // Whoever says so has ended, and writes nothing any more.
            Err(error) if self.0.written.bytes() == before => {
                Err(Failure::NotDone(error.to_string()))
            }
            Err(error) => Err(Failure::Unknown(error.to_string())),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.driver.abort();
        self.keeper.abort();
    }
}

/// Makes the keeper look at once if nobody waits for an answer any more.
struct Unanswered<'a>(Option<&'a Notify>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(doubt) = self.0 {
            doubt.notify_one();
        }
    }
}

/// Returns when an answer does not come in time, or never will. Answers come in the order of the
/// commands, so that this one proves that nothing before it waits still.
async fn keep(mut connection: MultiplexedConnection, doubt: &Notify, patience: Duration) {
    let ping = redis::cmd("PING");
    loop {
        // Either there is doubt, or it is time.
        let _ = timeout(patience, doubt.notified()).await;
        match timeout(patience, connection.send_packed_command(&ping)).await {
            // An error in an answer is an answer: not every user may send this command.
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
