//! Writers that race for one key.
//!
//! Every writer sends its request up to the last byte of the body and waits for the others; then
//! all bytes go out at once. A server that judges the condition when a request begins has judged
//! all of them by then, and one that judges at the end has to judge all of them at the same time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{Barrier, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::writer::{Answer, Condition, Stop, Upload, Writer, body};

const WRITERS: usize = 12;

/// Completions that race, each with an upload of its own.
const COMPLETIONS: usize = 6;

/// How long a writer waits for the others: a server may not take as many requests at once.
const GATHERING_MAX: Duration = Duration::from_secs(1);

/// How long all wait for the server once they are there: what was sent has to be read and judged.
const HOLD: Duration = Duration::from_millis(40);

/// One writer's body and what it was told.
type Told = (Bytes, Result<Answer, Stop>);

/// Lets writers race with this condition, and returns the entity tag the only winner was given.
pub(super) async fn puts(
    writer: &Arc<Writer>,
    key: &str,
    condition: Condition<'_>,
    body_bytes: usize,
) -> Result<Option<String>, Stop> {
    let start = Arc::new(Barrier::new(WRITERS));
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let (writer, start) = (Arc::clone(writer), Arc::clone(&start));
        let (key, e_tag) = (key.to_owned(), condition.e_tag().map(str::to_owned));
        // Nobody may write what is there, which would leave the entity tag as it is.
        let after = e_tag.as_deref().unwrap_or("nothing");
        let content = body(&format!("writer {number} to {key} after {after}"), body_bytes);
        writers.spawn(async move {
            let condition = e_tag.as_deref().map_or(Condition::IsAbsent, Condition::Is);
            let (held, feeder) = held(content.clone());
            let put = writer.put(&key, condition, held);
            let (answer, ()) = tokio::join!(put, feeder.feed(&start));
            (content, answer)
        });
    }
    only_winner(writer, key, writers.join_all().await).await
}

/// Lets completions race, each of which demands that the key is free.
pub(super) async fn completions(writer: &Arc<Writer>, key: &str) -> Result<(), Stop> {
    let start = Arc::new(Barrier::new(COMPLETIONS));
    let mut writers = JoinSet::new();
    for number in 0..COMPLETIONS {
        let (writer, start, key) = (Arc::clone(writer), Arc::clone(&start), key.to_owned());
        let content = body(&format!("upload {number} to {key}"), 1024);
        writers.spawn(async move {
            let upload = Upload::begin(&writer, &key, content.clone()).await;
            start.wait().await;
            let answer = match upload {
                Ok(upload) => upload.complete(&writer, Condition::IsAbsent).await,
                Err(stop) => Err(stop),
            };
            (content, answer)
        });
    }
    only_winner(writer, key, writers.join_all().await).await.map(|_| ())
}

/// The entity tag of the only winner, whose body has to be the object.
async fn only_winner(writer: &Writer, key: &str, told: Vec<Told>) -> Result<Option<String>, Stop> {
    let racing = told.len();
    let (mut winners, mut failure) = (Vec::new(), None);
    for (content, answer) in told {
        match answer {
            Ok(Answer::Written(e_tag)) => winners.push((content, e_tag)),
            Ok(Answer::Refused) => {}
            Err(stop) => failure = Some(stop),
        }
    }
    // Two winners are one too many, whatever happened to the others.
    if winners.len() > 1 {
        let winners = winners.len();
        let seen = format!("{winners} of {racing} racing writers were told that they were first");
        return Err(Stop::Seen(seen));
    }
    if let Some(stop) = failure {
        return Err(stop);
    }
    let Some((content, e_tag)) = winners.pop() else {
        let seen = format!("none of {racing} racing writers was told that it was first");
        return Err(Stop::Seen(seen));
    };
    if !writer.holds(key, &content).await? {
        let seen = "one of the racing writers was told that it was first, and its object was lost";
        return Err(Stop::Seen(seen.to_owned()));
    }
    Ok(e_tag)
}

/// A body whose last byte is held back, and the hand that holds it.
fn held(content: Bytes) -> (ByteStream, Feeder) {
    let (sender, chunks) = mpsc::channel(1);
    let held = Held { chunks, left: content.len() };
    (ByteStream::from_body_1_x(held), Feeder { content, sender })
}

struct Feeder {
    content: Bytes,
    sender: mpsc::Sender<Bytes>,
}

impl Feeder {
    async fn feed(mut self, start: &Barrier) {
        let last = self.content.split_off(self.content.len().saturating_sub(1));
        // Neither fails but when the request has ended, and then nobody waits for the last byte;
        // the others wait for this writer all the same.
        let _ = self.sender.send(self.content).await;
        let taken = self.sender.reserve().await;
        let _ = timeout(GATHERING_MAX, start.wait()).await;
        if let Ok(room) = taken {
            sleep(HOLD).await;
            room.send(last);
        }
    }
}

struct Held {
    chunks: mpsc::Receiver<Bytes>,
    left: usize,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.chunks.poll_recv(context).map(|chunk| {
            let chunk = chunk?;
            self.left = self.left.saturating_sub(chunk.len());
            Some(Ok(Frame::data(chunk)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
