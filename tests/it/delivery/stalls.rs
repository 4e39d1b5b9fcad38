//! Storage that sends some of the content, and then nothing for a while.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::support::answer::{Answer, Then};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::gateway::{STREAM, Settings};
use crate::support::storage::Storage;
use crate::support::tls::Dialer;

/// Storage that sends this much of the content, and never the rest.
async fn stalling(content: &Content, sent: usize) -> Storage {
    let content = content.clone();
    Storage::scripted(move |seen| {
        let mut answer = Answer::object(seen, &content.bytes);
        answer.bytes.truncate(answer.bytes.len() - content.bytes.len() + sent);
        answer.then = Then::Stall;
        answer
    })
    .await
}

/// Gets what storage has sent; the limits on time are longer than a test may take.
async fn begin<S: AsyncRead + AsyncWrite + Unpin>(stream: S, content: &Content, sent: usize) {
    let mut client = Client::new(stream);
    client.get(&content.path(), "").await;
    assert_eq!(client.head().await.status, 200, "{sent}");
    assert!(client.bytes(sent).await == content.bytes[..sent], "{sent}");
}

const SIZES: [usize; 4] = [1, 1000, 8 * 1024, 100_000];

#[tokio::test]
async fn what_storage_has_sent_is_passed_on() {
    let content = Content::sized(300_000);
    for sent in SIZES {
        let storage = stalling(&content, sent).await;
        let gateway = Settings { timeouts: "storage_read: 1h", ..STREAM }.before(&storage);
        let address = gateway.listen().await;
        begin(TcpStream::connect(address).await.unwrap(), &content, sent).await;
    }
}

#[tokio::test]
async fn what_storage_has_sent_is_passed_on_over_tls() {
    let content = Content::sized(300_000);
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = authority.write(folder.path(), "tls", &["localhost"]);
    let (certificate, key) = (certificate.display(), key.display());
    let listen = format!(
        "{{ address: '127.0.0.1:0', tls: {{ certificates: \
         [{{ certificate: {certificate}, key: {key} }}] }} }}"
    );
    for sent in SIZES {
        let storage = stalling(&content, sent).await;
        let settings = Settings { listen: &listen, timeouts: "storage_read: 1h", ..STREAM };
        let gateway = settings.before(&storage);
        let address = gateway.listen().await;
        let stream = Dialer::trusting(&authority).dial(address, "localhost").await.unwrap();
        begin(stream, &content, sent).await;
    }
}

/// From a client that has sent more than its request, nobody reads any more.
#[tokio::test]
async fn what_storage_has_sent_is_passed_on_to_clients_that_say_more() {
    let content = Content::sized(300_000);
    for more in ["", "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let storage = stalling(&content, 1000).await;
        let gateway = Settings { timeouts: "storage_read: 1h", ..STREAM }.before(&storage);
        let stream = TcpStream::connect(gateway.listen().await).await.unwrap();
        let mut client = Client::new(stream);
        let length = if more.is_empty() { "Content-Length: 5\r\n" } else { "" };
        let path = content.path();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n{more}")).await;
        assert_eq!(client.head().await.status, 200);
        assert!(client.bytes(1000).await == content.bytes[..1000]);
    }
}
