//! Scripted storage that takes uploads, but for what a test has it do.

use crate::support::answer::Answer;
use crate::support::server::{Early, Seen};
use crate::support::storage::Storage;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Put,
    Create,
    Part(usize),
    Complete,
    Abort,
    Other,
}

impl Step {
    pub(super) fn of(seen: &Seen) -> Self {
        let query = seen.target.split_once('?').map_or("", |(_, query)| query);
        let part = query.split('&').find_map(|pair| pair.strip_prefix("partNumber="));
        match (seen.method.as_str(), part) {
            ("PUT", Some(number)) => Self::Part(number.parse().unwrap()),
            ("PUT", None) => Self::Put,
            ("POST", _) if query == "uploads=" => Self::Create,
            ("POST", _) => Self::Complete,
            ("DELETE", _) => Self::Abort,
            _ => Self::Other,
        }
    }
}

/// What S3 answers when all is well.
pub(super) fn well(seen: &Seen) -> Answer {
    let tagged = |etag: &str| {
        let etag = format!("ETag: \"{etag}\"");
        Answer::head_and(
            &["HTTP/1.1 200 OK", "Content-Length: 0", &etag],
            b"",
            crate::support::answer::Then::Keep,
        )
    };
    match Step::of(seen) {
        Step::Put => tagged("whole"),
        Step::Part(number) => tagged(&format!("part {number}")),
        Step::Create => xml("<InitiateMultipartUploadResult><Bucket>artifacts</Bucket>\
             <UploadId>upload-1</UploadId></InitiateMultipartUploadResult>"),
        Step::Complete => xml(
            "<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>",
        ),
        Step::Abort => Answer::status("204 No Content"),
        Step::Other => Answer::error(seen, 404, "NoSuchKey"),
    }
}

/// A 200 with this document.
pub(super) fn xml(document: &str) -> Answer {
    Answer::document("200 OK", "application/xml", format!("<?xml version=\"1.0\"?>\n{document}"))
}

/// Storage where everything is well.
pub(super) async fn storage() -> Storage {
    Storage::scripted(well).await
}

/// Storage that answers one step otherwise.
pub(super) async fn storage_but(
    step: Step,
    answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> Storage {
    Storage::scripted(move |seen| if Step::of(seen) == step { answer(seen) } else { well(seen) })
        .await
}

/// Storage that answers one step after so many bytes of its body.
pub(super) async fn storage_in_haste(
    step: Step,
    after: usize,
    answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> Storage {
    let storage = storage().await;
    storage
        .hurry(move |seen| (Step::of(seen) == step).then(|| Early { after, answer: answer(seen) }));
    storage
}

/// What storage was asked for and answered, in order.
pub(super) fn steps(storage: &Storage) -> Vec<Step> {
    storage.seen().iter().map(Step::of).collect()
}
