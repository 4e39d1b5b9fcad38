//! What lies between the gateway and a server.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;

/// What becomes of bytes.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Pass,
    /// The connection ends when the server answers, before the answer.
    CutAnswers,
    /// Nothing comes through any more, in either direction.
    Vanish,
}

/// A way to a server: a relay.
struct Way {
    port: u16,
    /// The fate of connections that are open, and of those to come.
    fate: Arc<Mutex<watch::Sender<Fate>>>,
}

impl Way {
    async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fate = Arc::new(Mutex::new(watch::Sender::new(Fate::Pass)));
        let (server, fates) = (server.address(), Arc::clone(&fate));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let fate = fates.lock().unwrap().subscribe();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(pass(from_client, to_server, fate.clone(), false));
                tokio::spawn(pass(from_server, to_client, fate, true));
            }
        });
        Self { port, fate }
    }

    /// Decides about the connections that are open now. Later ones pass.
    fn decide(&self, fate: Fate) {
        let mut sender = self.fate.lock().unwrap();
        sender.send_replace(fate);
        *sender = watch::Sender::new(Fate::Pass);
    }

    fn settings(&self) -> RedisSettings {
        settings(Topology::Single(address(&format!("127.0.0.1:{}", self.port))))
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fate: watch::Receiver<Fate>,
    is_answer: bool,
) {
    let mut buffer = [0; 4096];
    loop {
        let length = from.read(&mut buffer).await.unwrap_or(0);
        let fate = *fate.borrow();
        match fate {
            Fate::Vanish => std::future::pending().await,
            Fate::CutAnswers if is_answer => return,
            _ if length == 0 => return,
            _ => {}
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn what_was_not_answered_is_not_sent_again() {
    let server = Server::start(&[]).await;
    let way = Way::to(&server).await;
    let wait = Some(Wait { replicas: 0, timeout: DEADLINE / 2, fsync: false });
    for (number, wait) in [None, wait].into_iter().enumerate() {
        // So long that no connection is looked after meanwhile, which would cut it too.
        let settings = RedisSettings { wait, patience: PATIENCE, ..way.settings() };
        let store = started(settings).await;
        let version = match create(&store, &format!("old/{number}"), &record("old")).await {
            Ok(Create::Created(version)) => version,
            other => panic!("{other:?}"),
        };
        let before = server.scripts_run();
        let record = record("new");
        way.decide(Fate::CutAnswers);
        let created = create(&store, &format!("new/{number}"), &record).await;
        assert!(matches!(created, Err(Failure::Unknown(_))), "{created:?}");
        assert_eq!(server.scripts_run(), before + 1);
        assert_eq!(read(&store, &format!("new/{number}")).await, Ok(Some(record.clone())));

        let (old, before) = (key(&format!("old/{number}")), server.scripts_run());
        way.decide(Fate::CutAnswers);
        let replaced = within(store.replace(&old, &version, &record, SystemTime::now())).await;
        assert!(matches!(replaced, Err(Failure::Unknown(_))), "{replaced:?}");
        assert_eq!(server.scripts_run(), before + 1);
        assert_eq!(read(&store, &format!("old/{number}")).await, Ok(Some(record.clone())));

        way.decide(Fate::CutAnswers);
        let there = read(&store, &format!("new/{number}")).await;
        assert!(matches!(there, Err(Failure::NotDone(_))), "{there:?}");
    }
}

#[tokio::test]
async fn a_way_that_vanished_is_given_up() {
    let server = Server::start(&[]).await;
    let way = Way::to(&server).await;
    let store = started(way.settings()).await;
    assert_works(&store, "before").await;
    // Nobody says that it is gone, and it will never be told.
    way.decide(Fate::Vanish);
    let created = create(&store, "vanished", &record("")).await;
    assert!(matches!(created, Err(Failure::Unknown(_))), "{created:?}");
    works_again(&store, "after").await;
    assert_works(&store, "for good").await;
}
