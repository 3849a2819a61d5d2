//! The certificates by which a server is known.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::adapter::api::{StoreError, StoreErrorKind};
use crate::adapter::place::Server;

/// Those that `ca` names, else the machine's own; only what can be used. `place` is the store as messages name it.
pub(crate) fn trusted(place: &str, server: &Server) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let wrong = |why: String| {
        StoreError::new(StoreErrorKind::Unavailable, place, why).with_help(
            "Name the certificates to be trusted with `ca`, or write `tls = \"off\"` for a network that you trust",
        )
    };
    let mut usable = RootCertStore::empty();
    let mut certificates = Vec::new();
    if let Some(path) = &server.ca {
        let text = fs_err::read(path).map_err(|error| wrong(error.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|_| wrong(format!("{} is no PEM file", path.display())))?;
            usable.add(certificate.clone()).map_err(|error| wrong(format!("{}: {error}", path.display())))?;
            certificates.push(certificate);
        }
    } else {
        let own = rustls_native_certs::load_native_certs().certs;
        certificates.extend(own.into_iter().filter(|certificate| usable.add(certificate.clone()).is_ok()));
    }
    if certificates.is_empty() {
        return Err(wrong("no certificate is trusted, so the server cannot be checked".to_owned()));
    }
    Ok(certificates)
}
