//! Connections from before a reload that changes who may connect.

use super::{Served, listener, yaml};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::storage::Storage;
use crate::support::tls::Dialer;
use crate::support::within;

/// Reloads with this listener, and with time limits that no test waits for.
fn patient(served: &Served, listen: &str) {
    let yaml = yaml(&served.endpoint, &served.folder, listen);
    served.gateway.reload(&yaml.replace("header: 2s", "header: 1h"));
}

#[tokio::test]
async fn who_has_no_certificate_does_not_stay_where_one_is_asked_for() {
    let content = Content::sized(2_000_000);
    let storage = Storage::holding(&content).await;
    let served = Served::before(&storage, "");
    patient(&served, &listener(served.folder.path(), ""));
    let address = served.gateway.listen().await;
    let dialer = Dialer::trusting(&served.authority);
    let mut idle = Client::new(dialer.dial(address, "localhost").await.unwrap());
    idle.get("/nowhere", "").await;
    assert_eq!(idle.response().await.status, 404);
    let mut busy = Client::new(dialer.dial(address, "localhost").await.unwrap());
    busy.get(&content.path(), "").await;
    let mut body = busy.bytes(1000).await;

    let clients = Authority::new();
    let file = served.folder.path().join("clients.crt");
    std::fs::write(&file, clients.pem()).unwrap();
    let asking = listener(served.folder.path(), &format!("client_ca: {}", file.display()));
    patient(&served, &asking);
    assert_eq!(idle.rest().await, b"", "it ends without a request");
    // An answer that was begun is finished.
    body.extend(busy.rest().await);
    assert!(body.ends_with(&content.bytes));

    // The same with other certificates: those who were let in by the ones before have to go.
    let known = dialer.clone().known_as(&clients.issue(&["a client"]));
    let mut client = Client::new(known.dial(address, "localhost").await.unwrap());
    client.get("/nowhere", "").await;
    assert_eq!(client.response().await.status, 404);
    patient(&served, &asking);
    client.get("/nowhere", "").await;
    assert_eq!(client.response().await.status, 404, "the same are still let in");
    std::fs::write(&file, Authority::new().pem()).unwrap();
    patient(&served, &asking);
    assert_eq!(client.rest().await, b"");
}

/// A session that is taken up again carries the certificate of the first one, or none.
#[tokio::test]
async fn no_session_is_taken_up_again_across_such_a_reload() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let served = Served::before(&storage, "");
    let address = served.gateway.listen().await;
    // Keeps the tickets of its sessions.
    let dialer = Dialer::trusting(&served.authority);
    for _ in 0..2 {
        let mut client = Client::new(dialer.dial(address, "localhost").await.unwrap());
        client.get(&content.path(), "Connection: close\r\n").await;
        assert_eq!(client.response().await.status, 200);
        client.rest().await;
    }
    let file = served.folder.path().join("clients.crt");
    std::fs::write(&file, Authority::new().pem()).unwrap();
    let asking = listener(served.folder.path(), &format!("client_ca: {}", file.display()));
    patient(&served, &asking);
    let Ok(stream) = dialer.dial(address, "localhost").await else { return };
    let mut client = Client::new(stream);
    client.get(&content.path(), "").await;
    assert_eq!(within(client.rest()).await, b"");
}
