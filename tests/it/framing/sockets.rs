//! What only real sockets show: answers that a reset would destroy, and connections that wait.

use tokio::net::TcpStream;

use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::gateway::{Gateway, STREAM, Settings};
use crate::support::storage::Storage;

async fn serving(settings: Settings<'_>) -> (Content, Storage, Gateway) {
    let content = Content::of("an artifact");
    let storage = Storage::holding(&content).await;
    let gateway = settings.before(&storage);
    (content, storage, gateway)
}

async fn connect(address: std::net::SocketAddr) -> Client<TcpStream> {
    Client::new(TcpStream::connect(address).await.unwrap())
}

#[tokio::test]
async fn a_refusal_arrives_although_the_client_was_still_sending() {
    let (content, _storage, gateway) = serving(STREAM).await;
    let address = gateway.listen().await;
    let path = content.path();
    let more = "x".repeat(50_000);
    for (request, expected) in [
        (format!("GET {path} HTTP/1.1\r\nHost: a\r\nX: {more}\r\n\r\n"), 431),
        (format!("GET {path} HTTP/1.1\r\nHost : a\r\n\r\n{more}"), 400),
        (format!("GET {path}\r\nHost: a\r\n\r\n{more}"), 400),
        (format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n{more}"), 405),
    ] {
        for _ in 0..10 {
            let mut client = connect(address).await;
            client.send(&request).await;
            assert_eq!(client.response().await.status, expected, "{}", &request[..80]);
        }
    }
}

#[tokio::test]
async fn one_connection_more_than_the_limit_waits_for_another_to_end() {
    let (content, _storage, gateway) =
        serving(Settings { limits: "connections: 1", ..STREAM }).await;
    let address = gateway.listen().await;
    let mut first = connect(address).await;
    first.get(&content.path(), "").await;
    assert_eq!(first.response().await.status, 200);
    let mut second = connect(address).await;
    second.get(&content.path(), "").await;
    first.get(&content.path(), "").await;
    assert_eq!(first.response().await.status, 200);
    assert_eq!(gateway.metric("casgate_connections", &[]), 1);
    drop(first);
    assert_eq!(second.response().await.status, 200);
}

#[tokio::test]
async fn many_at_once_all_get_the_right_bytes() {
    let content = Content::sized(300_000);
    let storage = Storage::holding(&content).await;
    let gateway = STREAM.before(&storage);
    let address = gateway.listen().await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let content = content.clone();
        clients.spawn(async move {
            let mut client = connect(address).await;
            for _ in 0..2 {
                client.get(&content.path(), "").await;
                let response = client.response().await;
                assert!(response.is_whole && response.body == content.bytes);
            }
        });
    }
    assert_eq!(clients.join_all().await.len(), 50);
    assert!(storage.counts().opened < 100, "idle connections are not used again");
}
