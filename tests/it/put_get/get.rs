//! Content on its way from a gateway.

use sha2::{Digest as _, Sha256, Sha512};

use super::fake::{Ask, Fault, State, hex};
use super::{Desk, bytes};

/// The name of what is in an incomplete file of the first blob.
const PART: &str = "file.01900000-0000-7000-8000-000000000001.part";

async fn desk(content: &[u8]) -> Desk {
    let desk = Desk::new().await;
    desk.fake.holds("file", content);
    desk
}

fn corrupt(state: &mut State) {
    let bytes = state.blobs.values_mut().next().unwrap();
    let last = bytes.last_mut().unwrap();
    *last ^= 1;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_becomes_a_file() {
    for size in [0, 1, 100_000, 3_000_000] {
        let content = bytes(size);
        let desk = desk(&content).await;
        let printed = desk.succeed(&["get", "file"]).await;
        assert!(desk.read("file") == content, "{size}");
        assert_eq!(desk.files(), ["file"]);
        let digest = format!("digest    sha256:{}\n", hex(&Sha256::digest(&content)));
        assert!(printed.contains("file      file\n") && printed.contains(&digest), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_digests_can_be_asked_for() {
    let desk = desk(b"one").await;
    desk.fake.holds("file", b"two");
    desk.fake.holds("größe %2f", b"three");
    desk.succeed(&["get", "file", "-o", "newest"]).await;
    desk.succeed(&["get", "file", "-o", "first", "--version", "1"]).await;
    desk.succeed(&["get", "größe %2f"]).await;
    let sha256 = hex(&Sha256::digest(b"one"));
    desk.succeed(&["get", &format!("sha256:{sha256}")]).await;
    let sha512 = hex(&Sha512::digest(b"one")).to_uppercase();
    desk.succeed(&["get", &format!("sha512:{sha512}"), "-o", "by sha512"]).await;
    for (file, content) in [
        ("newest", "two"),
        ("first", "one"),
        ("größe %2f", "three"),
        (&sha256, "one"),
        ("by sha512", "one"),
    ] {
        assert_eq!(desk.read(file), content.as_bytes(), "{file}");
    }
    for (arguments, said) in [
        (["get", "file", "--version=3", "-oa"], "no version 3"),
        (["get", "nothing", "-o", "a"], "404 Not Found: not found"),
        (["get", &format!("sha256:{}", "0".repeat(64)), "-o", "a"], "nothing has that digest"),
    ] {
        let message = desk.fail(&arguments).await;
        assert!(message.contains(said), "{message}");
    }
    for name in ["", "..", "a/b", "sha256:12"] {
        assert_eq!(desk.run(&["get", name]).await.code, Some(64), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cuts_cost_nothing_that_came() {
    let content = bytes(1_000_000);
    let desk = desk(&content).await;
    for came in [0, 1, 400_000, 599_998] {
        desk.fake.fault(Ask::Data, Fault::Short(came));
    }
    desk.fake.fault(Ask::Data, Fault::Status("503 Service Unavailable"));
    desk.succeed(&["get", "file"]).await;
    assert!(desk.read("file") == content);
    let offsets: Vec<_> = desk.fake.server.seen().into_iter().map(|seen| seen.target).collect();
    let offsets =
        offsets.iter().filter_map(|target| target.split_once("offset=")).map(|(_, at)| at);
    assert_eq!(offsets.collect::<Vec<_>>(), ["0", "0", "1", "400001", "999999", "999999"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_download_is_continued() {
    let content = bytes(1_000_000);
    let desk = desk(&content).await;
    desk.write(PART, &content[..600_000]);
    desk.write("file.01900000-0000-7000-8000-000000000009.part", b"of something else");
    desk.succeed(&["get", "file"]).await;
    assert!(desk.read("file") == content);
    let asked = desk.fake.server.seen().into_iter().next_back().unwrap();
    assert!(asked.target.ends_with("/data?offset=600000"), "{}", asked.target);
    assert_eq!(desk.files().len(), 2);
    // One that is complete but for its name.
    let desk = self::desk(&content).await;
    desk.write(PART, &content);
    desk.succeed(&["get", "file"]).await;
    assert_eq!(desk.fake.count(Ask::Data), 0);
    // One that is longer than it can be.
    let desk = self::desk(b"abc").await;
    desk.write(PART, b"abcdef");
    desk.succeed(&["get", "file"]).await;
    assert_eq!(desk.read("file"), b"abc");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hashes_to_something_else_is_no_file() {
    let desk = desk(&bytes(100_000)).await;
    desk.fake.fault(Ask::Data, Fault::Before(Box::new(corrupt)));
    let said = desk.fail(&["get", "file"]).await;
    assert!(said.contains("does not hash"), "{said}");
    assert_eq!(desk.files(), [] as [String; 0]);
    // What is asked for by a digest is held to that, whatever else the gateway says of it.
    let digest = format!("sha256:{}", hex(&Sha256::digest(desk.fake.newest("file"))));
    desk.fake.fault(Ask::Data, Fault::Before(Box::new(corrupt)));
    desk.fail(&["get", &digest]).await;
    assert_eq!(desk.files(), [] as [String; 0]);
    // A part that somebody else changed costs the next attempt nothing.
    let content = desk.fake.newest("file");
    desk.write(PART, &vec![0; 1000]);
    desk.fail(&["get", "file"]).await;
    desk.succeed(&["get", "file"]).await;
    assert!(desk.read("file") == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_exist_stay() {
    let desk = desk(b"new").await;
    desk.write("file", b"old");
    assert!(desk.fail(&["get", "file"]).await.contains("--force"));
    assert_eq!(desk.fake.server.counts().opened, 0, "nobody is asked");
    assert_eq!(desk.read("file"), b"old");
    // One that somebody makes meanwhile stays too.
    let path = desk.folder.path().join("other");
    let make = move |_: &mut State| std::fs::write(&path, "somebody's").unwrap();
    desk.fake.fault(Ask::Data, Fault::Before(Box::new(make)));
    desk.fail(&["get", "file", "-o", "other"]).await;
    assert_eq!(desk.read("other"), b"somebody's");
    desk.succeed(&["get", "file", "--force"]).await;
    assert_eq!(desk.read("file"), b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_output_gets_the_content_alone() {
    let content = bytes(1_000_000);
    let desk = desk(&content).await;
    desk.fake.fault(Ask::Data, Fault::Short(400_000));
    let done = desk.run(&["get", "file", "-o", "-"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout == content);
    assert_eq!(desk.files(), [] as [String; 0]);
    desk.fake.fault(Ask::Data, Fault::Before(Box::new(corrupt)));
    assert!(desk.fail(&["get", "file", "-o", "-"]).await.contains("does not hash"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_random_and_fit_the_configuration() {
    let desk = Desk::new().await;
    let made = ["one", "two"].map(|name| ["key", "--namespace", "team", "--name", name]);
    let [one, two] = [desk.succeed(&made[0]).await, desk.succeed(&made[1]).await];
    let (key, line) = one.split_once('\n').unwrap();
    assert_eq!(key.len(), 43);
    let sha256 = hex(&Sha256::digest(key));
    let expected = format!("- {{ namespace: \"team\", name: \"one\", sha256: \"{sha256}\" }}\n");
    assert_eq!(line, expected);
    assert_ne!(two.lines().next(), Some(key));
    assert_eq!(desk.run(&["key", "--namespace", "a/b"]).await.code, Some(64));
}
