//! Whom a target with TLS is believed by: the authorities of the system, or those of a file.

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use super::protocol::Trust;
use crate::message::Shown as _;

/// Where distributions have their authorities: Debian, Fedora, SUSE, Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How a connection is made to servers that those authorities vouch for.
///
/// # Errors
/// They cannot be read.
pub fn config(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let usual = || BUNDLES.iter().map(PathBuf::from).find(|path| path.exists());
    let path = trust.ca.clone().or_else(usual);
    let path = path.ok_or("no list of certificate authorities is installed\nhint: name a file with ?ca=PATH")?;
    let read = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| format!("cannot read certificates of '{}': {error}", path.shown()))?;
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err(format!("'{}' has no certificate", path.shown()));
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// What the certificate of a server has to be for.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    ServerName::try_from(name.to_owned()).map_err(|_| format!("'{name}' is not the name of a server"))
}
