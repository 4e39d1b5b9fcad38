//! Which certificate a client gets, and since when.

use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{Served, yaml};
use crate::support::client::Client;
use crate::support::content::Content;
use crate::support::storage::Storage;
use crate::support::tls::Dialer;

/// The certificate a client gets that asks for this name. It need not be for that name.
async fn certificate_for(address: SocketAddr, name: &str) -> CertificateDer<'static> {
    let stream = Dialer::trusting_everybody().dial(address, name).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn clients_get_the_certificate_for_the_name() {
    let storage = Storage::holding(&Content::sized(10)).await;
    let served = Served::before(&storage, "");
    let folder = served.folder.path();
    let mut entries = String::new();
    let mut certificates = Vec::new();
    for (name, names) in [
        ("first", &["first.test", "also-first.test"][..]),
        ("second", &["second.test"]),
        ("wild", &["*.wild.test"]),
        ("exact", &["a.wild.test"]),
    ] {
        let (certificate, key) = served.authority.write(folder, name, names);
        let (at, key) = (certificate.display(), key.display());
        entries.push_str(&format!("{{ certificate: {at}, key: {key} }}, "));
        certificates.push(CertificateDer::from_pem_file(certificate).unwrap());
    }
    let listen = format!("{{ address: '127.0.0.1:0', tls: {{ certificates: [{entries}] }} }}");
    served.gateway.reload(&yaml(&served.endpoint, &served.folder, &listen));
    let address = served.gateway.listen().await;
    for (name, expected) in [
        ("first.test", 0),
        ("also-first.test", 0),
        ("second.test", 1),
        ("SECOND.test", 1),
        ("b.wild.test", 2),
        ("a.wild.test", 3),
        // A wildcard is for one label.
        ("a.b.wild.test", 0),
        ("wild.test", 0),
        ("unknown.test", 0),
        ("127.0.0.1", 0),
    ] {
        assert_eq!(certificate_for(address, name).await, certificates[expected], "{name}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let content = Content::sized(300_000);
    let storage = Storage::holding(&content).await;
    let served = Served::before(&storage, "");
    let address = served.gateway.listen().await;
    let before = certificate_for(address, "localhost").await;
    let dialer = Dialer::trusting(&served.authority);
    let mut old = Client::new(dialer.dial(address, "localhost").await.unwrap());
    old.get(&content.path(), "").await;
    assert!(old.response().await.body == content.bytes);

    served.authority.write(served.folder.path(), "tls", &["localhost"]);
    served.reload();
    let after = certificate_for(address, "localhost").await;
    assert_ne!(before, after);
    old.get(&content.path(), "").await;
    assert!(old.response().await.body == content.bytes, "the old connection lives on");
}
