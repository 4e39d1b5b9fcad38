//! A bucket is tried out before it is relied on.

use std::net::SocketAddr;
use std::time::SystemTime;

use casgate::state::{Failure, StateStore as _, Unfit};
use tokio::net::TcpSocket;

use super::super::state::{assert_created, create_one, key, now, record};
use super::{DEADLINE, own, store_in};
use crate::control::stand_in::StandIn;
use crate::support::answer::Answer;
use crate::support::embedded::Embedded;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fit_bucket_is_used_and_tried_once() {
    let server = Embedded::start().await;
    let bucket = own(server.address).bucket();
    let store = store_in(bucket.clone(), DEADLINE);
    let early = create_one(&*store).await.unwrap_err();
    assert!(matches!(early, Failure::NotDone(_)) && !store.is_ready(), "{early}");
    store.start(SystemTime::now).await.unwrap();
    assert!(store.is_ready());
    let (key, record) = (key(), record("spent"));
    assert_created(&*store, &key, &record).await;
    let expected = format!(".casgate/state/{:08}/{}", key.end_hour(), key.as_str());
    assert_eq!(server.keys().await, [expected]);
    // What was found out of it holds for whoever asks next, even if nobody is there to be asked.
    drop(server);
    store_in(bucket, DEADLINE).start(SystemTime::now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_lets_many_be_first_is_refused() {
    for (name, storage) in [
        (
            "create",
            StandIn::start(|request, store| {
                let is_create = request.seen.header("if-none-match").is_some();
                (is_create && request.is_put_of("")).then(|| store.write(request))
            }),
        ),
        (
            "replace",
            StandIn::start(|request, store| {
                let is_replacing = request.seen.header("if-match").is_some();
                (is_replacing && request.is_put_of("")).then(|| store.write(request))
            }),
        ),
    ] {
        let storage = storage.await;
        let store = store_in(storage.bucket.clone(), DEADLINE);
        let Err(Unfit::Unsafe(why)) = store.start(SystemTime::now).await else { panic!("{name}") };
        let expected = format!(
            "the bucket store does not {name} an object as conditions demand: the condition is \
             ignored: an existing object was overwritten"
        );
        assert_eq!(why, expected);
        assert!(!store.is_ready());
        let failure = store.read(&key(), now()).await.unwrap_err();
        assert!(matches!(failure, Failure::NotDone(_)), "{failure}");
    }
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_asked_again() {
    // The port is taken, and nobody listens to it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let store = store_in(own(socket.local_addr().unwrap()).bucket(), DEADLINE);
    let Err(Unfit::Unreachable(why)) = store.start(SystemTime::now).await else { panic!() };
    assert!(why.starts_with("the bucket store cannot be tried out: "), "{why}");

    let storage =
        StandIn::start(|request, _| Some(Answer::error(request.seen, 403, "AccessDenied"))).await;
    let store = store_in(storage.bucket.clone(), DEADLINE);
    let Err(Unfit::Unreachable(why)) = store.start(SystemTime::now).await else { panic!() };
    assert!(why.ends_with("storage answered 403 AccessDenied"), "{why}");
    storage.change(|_, _| None);
    store.start(SystemTime::now).await.unwrap();
    assert!(store.is_ready());
}
