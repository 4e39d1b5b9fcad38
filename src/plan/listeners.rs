//! `listen[*]`: addresses, and what TLS needs of files.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};

use super::files::Files;
use super::{Problems, pem};
use crate::config;

/// One address to serve on.
pub struct Listener {
    /// The address as configured; port 0 is any.
    pub address: SocketAddr,
    /// How TLS is spoken. None: not at all.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether HTTP/2 is spoken too. With TLS this is in `tls` already.
    pub http2: bool,
    /// What clients have to prove.
    pub admission: Admission,
}

/// What a client has to prove before it may ask for anything. Connections outlive a reload only
/// where this is the same: they cannot be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Nothing, not even in secret.
    Plain,
    /// Nothing.
    Tls,
    /// A certificate of one of the authorities with this SHA-256.
    Certificate([u8; 32]),
}

/// HTTP/1.1 in ALPN (IANA, "TLS ALPN Protocol IDs").
const HTTP1: &[u8] = b"http/1.1";

/// HTTP/2 in ALPN (RFC 9113 section 3.1).
pub const HTTP2: &[u8] = b"h2";

/// All listeners, in their order.
pub(super) fn compile(listeners: &[config::Listener], problems: &mut Problems) -> Vec<Listener> {
    if listeners.is_empty() {
        problems.add("listen", "there is no address to serve on");
    }
    let listeners = listeners.iter().enumerate();
    let compiled = listeners.map(|(index, it)| one(&format!("listen[{index}]"), it, problems));
    compiled.flatten().collect()
}

fn one(at: &str, listener: &config::Listener, problems: &mut Problems) -> Option<Listener> {
    let config::Listener { address, tls, http2 } = listener;
    let (tls, admission) = match tls {
        None => (None, Admission::Plain),
        Some(tls) => {
            let (config, admission) = server_config(&format!("{at}.tls"), tls, *http2, problems)?;
            (Some(Arc::new(config)), admission)
        }
    };
    Some(Listener { address: *address, tls, http2: *http2, admission })
}

fn server_config(
    at: &str,
    tls: &config::Tls,
    http2: bool,
    problems: &mut Problems,
) -> Option<(ServerConfig, Admission)> {
    // Named here: what the process takes by default depends on the features of other packages.
    let provider = Arc::new(ring::default_provider());
    let mut certificates = Certificates::default();
    if tls.certificates.is_empty() {
        problems.add(&format!("{at}.certificates"), "there is none");
    }
    for (index, entry) in tls.certificates.iter().enumerate() {
        let certified = certified_key(entry, &provider, &mut problems.files);
        let at = format!("{at}.certificates[{index}]");
        let certified = problems.check(&at, certified);
        if let Some(certified) = certified {
            let added = certificates.add(certified);
            problems.check(&at, added);
        }
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = problems.check(at, builder.with_safe_default_protocol_versions())?;
    let (builder, admission) = match &tls.client_ca {
        None => (builder.with_no_client_auth(), Admission::Tls),
        Some(path) => {
            let authorities = pem::certificates(path, &mut problems.files);
            let at = format!("{at}.client_ca");
            let authorities = problems.check(&at, authorities)?;
            let admission = Admission::of(&authorities);
            let roots = Arc::new(problems.check(&at, pem::trusted(path, authorities))?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            (builder.with_client_cert_verifier(problems.check(&at, verifier)?), admission)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = match http2 {
        true => vec![HTTP2.to_vec(), HTTP1.to_vec()],
        false => vec![HTTP1.to_vec()],
    };
    // Any replica with the same certificate takes a session up again only by itself, so sessions
    // are kept where they were made, and few of them. They end with this configuration: one that is
    // taken up again does not show its certificate again.
    Some((config, admission))
}

/// A certificate with its chain, and the key that fits.
fn certified_key(
    entry: &config::Certificate,
    provider: &CryptoProvider,
    files: &mut Files,
) -> Result<CertifiedKey, String> {
    let chain = pem::certificates(&entry.certificate, files)?;
    let name = entry.certificate.display();
    let key = PrivateKeyDer::from_pem_slice(&files.read(&entry.key)?)
        // The text of an error could quote the file.
        .map_err(|_| format!("{}: there is no usable private key in it", entry.key.display()))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("{} is not the key of {name}", entry.key.display())
        }
        other => format!("{name}: {other}"),
    })
}

impl Admission {
    fn of(authorities: &[CertificateDer<'_>]) -> Self {
        let mut hash = Sha256::new();
        for certificate in authorities {
            // Each says itself where it ends.
            hash.update(certificate);
        }
        Self::Certificate(hash.finalize().into())
    }
}

/// The certificates of a listener by the names they are for.
#[derive(Debug, Default)]
struct Certificates {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    fn add(&mut self, certified: CertifiedKey) -> Result<(), String> {
        let certified = Arc::new(certified);
        let end_entity = certified.end_entity_cert().map_err(|error| error.to_string())?;
        let parsed = webpki::EndEntityCert::try_from(end_entity);
        let names = parsed.map_err(|error| error.to_string())?;
        for name in names.valid_dns_names() {
            let name = name.to_ascii_lowercase();
            self.by_name.entry(name).or_insert_with(|| Arc::clone(&certified));
        }
        self.first.get_or_insert(certified);
        Ok(())
    }

    /// By the name itself, then by the wildcard in place of its first label (RFC 6125 section
    /// 6.4.3), then the first of all.
    fn find(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            self.by_name.get(&name).or_else(|| {
                let (_, domain) = name.split_once('.')?;
                self.by_name.get(&format!("*.{domain}"))
            })
        });
        named.or(self.first.as_ref())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name()).cloned()
    }
}
