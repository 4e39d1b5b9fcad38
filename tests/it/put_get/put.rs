//! Files on their way to a gateway.

use std::fs::{File, FileTimes};
use std::os::unix::fs::FileExt as _;
use std::process::Child;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::fake::{Ask, Fault, hex};
use super::{Desk, PIECE, bytes, run};
use crate::support::within;

/// What the state of nothing at all is.
const NONE: [usize; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_a_version() {
    for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 77] {
        let desk = Desk::new().await;
        let content = bytes(size);
        desk.write("backup.tar", &content);
        let printed = desk.succeed(&["put", "backup.tar"]).await;
        assert!(desk.fake.newest("backup.tar") == content, "{size}");
        for line in [
            "name      backup.tar\n".to_owned(),
            "artifact  of backup.tar\nversion   1\n".to_owned(),
            format!("digest    sha256:{}\n", hex(&Sha256::digest(&content))),
            format!("size      {size} bytes ("),
        ] {
            assert!(printed.contains(&line), "{line} in {printed}");
        }
        assert_eq!(desk.fake.appended().iter().sum::<usize>(), size, "nothing is sent twice");
        assert_eq!(desk.fake.server.counts().opened, 1, "one connection does");
        assert_eq!(desk.remembered(), 0);
        assert_eq!(desk.fake.state().types, [Value::Null]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_sent() {
    let desk = Desk::new().await;
    let content = bytes(100_000);
    desk.fake.holds("old", &content);
    desk.write("new", &content);
    let printed = desk.succeed(&["put", "new", "--type", "other"]).await;
    assert!(printed.contains("sent      none, it was there already\n"), "{printed}");
    assert!(desk.fake.newest("new") == content);
    assert_eq!(desk.fake.appended(), NONE);
    assert_eq!(desk.fake.count(Ask::Begin), 0);
    assert_eq!(desk.fake.state().types, [json!("other")]);
    // It is deleted between the two questions.
    desk.write("other", b"other");
    desk.fake.holds("other", b"other");
    let delete = |state: &mut super::fake::State| {
        state.blobs.retain(|_, bytes| bytes != b"other");
        state.artifacts.remove("other");
    };
    desk.fake.fault(Ask::Publish, Fault::Before(Box::new(delete)));
    desk.succeed(&["put", "other"]).await;
    assert_eq!(desk.fake.newest("other"), b"other");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_name_will_do() {
    let desk = Desk::new().await;
    desk.write("file", b"abc");
    for name in ["größe 🦀", "a b", "100%", "%2f", "a+b&c=d", "..a", "#?;:@[]'\"\\", "sha256:0"]
    {
        desk.succeed(&["put", "file", "--name", name]).await;
        assert_eq!(desk.fake.newest(name), b"abc", "{name}");
    }
    for name in ["", ".", "..", "a/b"] {
        assert_eq!(desk.run(&["put", "file", "--name", name]).await.code, Some(64), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_may_break_anywhere() {
    let desk = Desk::new().await;
    let content = bytes(2 * PIECE + 5);
    desk.write("file", &content);
    for cut in [0, 1, 70_000, PIECE - 1] {
        desk.fake.fault(Ask::Append, Fault::Cut(cut));
        desk.fake.fault(Ask::Append, Fault::Before(Box::new(|_| ())));
    }
    for ask in [Ask::Search, Ask::Begin, Ask::Append, Ask::Size, Ask::Publish, Ask::Blob] {
        desk.fake.fault(ask, Fault::Lost);
    }
    desk.succeed(&["put", "file"]).await;
    assert!(desk.fake.newest("file") == content);
    assert_eq!(desk.fake.state().artifacts["file"].len(), 1, "one version");
    assert_eq!(desk.fake.appended(), [PIECE, PIECE, 5], "what came whole is not sent again");
    assert_eq!(desk.remembered(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_counts_twice_is_taken_back() {
    let desk = Desk::new().await;
    let content = bytes(3 * PIECE + 5);
    desk.write("file", &content);
    desk.fake.fault(Ask::Append, Fault::Twice);
    desk.fake.fault_after(1, Ask::Append, Fault::Twice);
    desk.succeed(&["put", "file"]).await;
    assert!(desk.fake.newest("file") == content);
    assert_eq!(desk.fake.count(Ask::Truncate), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_has_what_nobody_sent_is_put_right() {
    let desk = Desk::new().await;
    let content = bytes(2 * PIECE);
    desk.write("file", &content);
    let meddle = |state: &mut super::fake::State| {
        state.uploads.values_mut().for_each(|upload| upload.push(b'x'));
    };
    desk.fake.fault_after(1, Ask::Append, Fault::Before(Box::new(meddle)));
    desk.succeed(&["put", "file"]).await;
    assert!(desk.fake.newest("file") == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_gateways_are_asked_again() {
    let desk = Desk::new().await;
    let content = bytes(PIECE + 5);
    desk.write("file", &content);
    for ask in [Ask::LogIn, Ask::Search, Ask::Begin, Ask::Append, Ask::Size, Ask::Publish] {
        desk.fake.fault(ask, Fault::Status("503 Service Unavailable"));
        desk.fake.fault(ask, Fault::Status("503 Service Unavailable"));
    }
    for status in ["429 Too Many Requests", "406 Not Acceptable", "409 Conflict"] {
        desk.fake.fault(Ask::Blob, Fault::Status(status));
    }
    desk.succeed(&["put", "file"]).await;
    assert!(desk.fake.newest("file") == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_are_replaced() {
    let desk = Desk::new().await;
    let content = bytes(2 * PIECE);
    desk.write("file", &content);
    desk.fake.fault_after(1, Ask::Append, Fault::Before(Box::new(|state| state.log_out())));
    desk.succeed(&["put", "file"]).await;
    assert!(desk.fake.newest("file") == content);
    assert_eq!(desk.fake.count(Ask::LogIn), 2);

    // A token alone cannot be.
    let mut command = desk.command(&["put", "file"]);
    command.env_remove("CASGATE_KEY").env("CASGATE_TOKEN", "old");
    let done = run(command).await;
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("401 Unauthorized: no such token"), "{}", done.stderr);
    // One that is good needs no key.
    let token = desk.fake.state().bearer_token();
    std::fs::write(desk.folder.path().join("token"), token + "\n").unwrap();
    let mut command = desk.command(&["put", "file", "--token-file", "token"]);
    command.env_remove("CASGATE_KEY").env_remove("CASGATE_NAMESPACE");
    assert_eq!(run(command).await.code, Some(0));
    assert_eq!(desk.fake.count(Ask::LogIn), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_not_tried_again() {
    let desk = Desk::new().await;
    desk.write("file", b"abc");
    for status in ["413 Payload Too Large", "507 Insufficient Storage", "403 Forbidden"] {
        desk.fake.fault(Ask::Append, Fault::Status(status));
        let said = desk.fail(&["put", "file"]).await;
        assert!(said.contains(&format!("the gateway answered {status}: as told")), "{said}");
    }
    assert_eq!(desk.fake.appended(), NONE);
    let mut command = desk.command(&["put", "file"]);
    command.env("CASGATE_KEY", "wrong");
    let said = run(command).await.stderr;
    assert!(said.contains("cannot log in to the namespace \"team\""), "{said}");
    assert!(desk.fail(&["put", "nothing"]).await.contains("nothing: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_and_who_has_to_be_said() {
    let desk = Desk::new().await;
    desk.write("file", b"abc");
    for (missing, said) in [
        ("CASGATE_URL", "--url"),
        ("CASGATE_KEY", "--key-file"),
        ("CASGATE_NAMESPACE", "--namespace"),
    ] {
        let mut command = desk.command(&["put", "file"]);
        command.env_remove(missing);
        let done = run(command).await;
        assert_eq!(done.code, Some(64), "{}", done.stderr);
        assert!(done.stderr.contains(said), "{}", done.stderr);
    }
    assert_eq!(desk.run(&["put", "file", "--url", "gateway"]).await.code, Some(64));
    // Nobody listens there; that is not tried for a minute.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let said = within(desk.fail(&["put", "file", "--url", &url])).await;
    assert!(said.contains("cannot reach"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_upload_is_continued() {
    // The second piece came, was lost, or came without the client hearing of it.
    for (fault, again) in [(Fault::Stall, vec![5]), (Fault::Ignored, vec![PIECE, 5])] {
        let desk = Desk::new().await;
        let content = bytes(2 * PIECE + 5);
        desk.write("file", &content);
        desk.fake.fault_after(1, Ask::Append, fault);
        let child = desk.command(&["put", "file"]).spawn().unwrap();
        // Log in, search, begin, two pieces.
        desk.fake.server.until(|counts| counts.requests == 5).await;
        kill(child);
        assert_eq!(desk.remembered(), 1);
        let before = desk.fake.appended().len();
        desk.succeed(&["put", "file"]).await;
        assert!(desk.fake.newest("file") == content);
        assert_eq!(desk.fake.appended()[before..], again);
        assert_eq!(desk.fake.count(Ask::Begin), 1);
        assert_eq!(desk.remembered(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_upload_is_begun_anew_where_it_cannot_be_continued() {
    for change in [
        |desk: &Desk| desk.write("file", &bytes(PIECE + 6)),
        |desk: &Desk| desk.fake.state().uploads.clear(),
        |desk: &Desk| {
            let folder = desk.folder.path().join("state/casgate/uploads");
            let state = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
            std::fs::write(state, "{}").unwrap();
        },
    ] {
        let desk = Desk::new().await;
        desk.write("file", &bytes(PIECE + 5));
        desk.fake.fault_after(1, Ask::Append, Fault::Ignored);
        let child = desk.command(&["put", "file"]).spawn().unwrap();
        desk.fake.server.until(|counts| counts.requests == 5).await;
        kill(child);
        change(&desk);
        desk.succeed(&["put", "file"]).await;
        assert!(desk.fake.newest("file") == desk.read("file"));
        assert_eq!(desk.fake.count(Ask::Begin), 2);
        assert_eq!(desk.remembered(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_is_not_published() {
    let desk = Desk::new().await;
    desk.write("file", &bytes(PIECE + 5));
    let path = desk.folder.path().join("file");
    let change = move |_: &mut super::fake::State| std::fs::write(&path, "shorter").unwrap();
    desk.fake.fault(Ask::Append, Fault::Before(Box::new(change)));
    let said = desk.fail(&["put", "file"]).await;
    assert!(said.contains("changed while it was uploaded"), "{said}");
    assert_eq!(desk.fake.count(Ask::Publish), 0);
    assert!(desk.fake.state().artifacts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_does_not_show_is_taken_back() {
    let desk = Desk::new().await;
    desk.fake.holds("file", b"an older version");
    desk.write("file", &bytes(PIECE + 5));
    let path = desk.folder.path().join("file");
    let change = move |_: &mut super::fake::State| {
        let file = File::options().write(true).open(&path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.write_all_at(b"x", PIECE as u64).unwrap();
        file.set_times(FileTimes::new().set_modified(modified)).unwrap();
    };
    desk.fake.fault(Ask::Append, Fault::Before(Box::new(change)));
    let said = desk.fail(&["put", "file"]).await;
    assert!(said.contains("no version was kept"), "{said}");
    assert_eq!(desk.fake.newest("file"), b"an older version");
    assert_eq!(desk.fake.count(Ask::DeleteVersion), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_those_who_are_quiet() {
    let desk = Desk::new().await;
    desk.write("file", b"abc");
    let done = desk.run(&["put", "file"]).await;
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("uploaded"), "{}", done.stderr);
    desk.write("file", b"abcd");
    assert_eq!(desk.run(&["put", "file", "--quiet"]).await.stderr, "");
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
