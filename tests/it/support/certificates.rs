//! Certificates, made when they are needed.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;

/// Somebody who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "casgate's tests");
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// The certificate that those of this authority are verified by, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names (or addresses) and its key, in PEM.
    pub(crate) fn issue(&self, names: &[&str]) -> (String, String) {
        self.issue_until(4000, names)
    }

    /// The same, valid until the year.
    pub(crate) fn issue_until(&self, year: i32, names: &[&str]) -> (String, String) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        (parameters.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// The certificate that those of this authority are verified by.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// The same as `NAME.crt` and `NAME.key` in a folder; returns where.
    pub(crate) fn write(&self, folder: &Path, name: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.issue(names);
        let paths = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        std::fs::write(&paths.0, certificate).unwrap();
        std::fs::write(&paths.1, key).unwrap();
        paths
    }
}

/// A listener as YAML, for [`Settings`](super::gateway::Settings), whose certificate and key are
/// `tls.crt` and `tls.key` in a folder. `more` are keys of `tls` beside them.
pub(crate) fn listener(folder: &Path, more: &str) -> String {
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    let pair = format!("{{ certificate: {}, key: {} }}", certificate.display(), key.display());
    format!("{{ address: '127.0.0.1:0', tls: {{ certificates: [{pair}], {more} }} }}")
}
