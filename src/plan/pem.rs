//! Certificates in files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::files::Files;

/// The certificates of a PEM file (RFC 7468), at least one.
///
/// # Errors
/// Says what is wrong with which file.
pub(super) fn certificates(
    path: &Path,
    files: &mut Files,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = files.read(path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if certificates.is_empty() {
        return Err(format!("{}: there is no certificate in it", path.display()));
    }
    Ok(certificates)
}

/// The certificate authorities of a PEM file, at least one.
///
/// # Errors
/// Likewise; one that nobody could be verified by is an error too.
pub(super) fn authorities(
    path: &Path,
    files: &mut Files,
) -> Result<Vec<TrustAnchor<'static>>, String> {
    trusted(path, certificates(path, files)?).map(|store| store.roots)
}

/// Certificates of a file as authorities.
///
/// # Errors
/// One of them could verify nobody.
pub(super) fn trusted(
    path: &Path,
    certificates: Vec<CertificateDer<'static>>,
) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(store)
}
