//! The way to an engine: a connection to its socket or through a network, and whether the one who listens is who it should be.

use std::sync::Arc;

use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    },
};

use super::{
    endpoint::{Address, EndpointError, resolve},
    http::HttpError,
    trust,
};
use crate::state::container::Owner;

/// How to reach an engine again and again.
#[derive(Debug, Clone)]
pub(super) struct Way {
    address: Address,
    pub(super) owner: Owner,
    tls: Option<Arc<ClientConfig>>,
}

impl Way {
    /// Prepares requests to that address, whose engine may name the containers of `owner`. Nothing is sent yet.
    pub(super) fn new(address: &Address, owner: Owner) -> Result<Self, EndpointError> {
        let tls = match address {
            Address::Tcp { certificates: Some(folder), .. } => Some(tls(folder)?),
            Address::Other(_) => return Err(EndpointError::Scheme),
            Address::Unix(_) | Address::Tcp { .. } => None,
        };
        Ok(Self { address: address.clone(), owner, tls })
    }

    /// Where it leads.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection to a socket in the file system, when the one who listens is who it should be.
    pub(super) async fn unix(&self) -> Result<UnixStream, EndpointError> {
        let Address::Unix(socket) = &self.address else { return Err(EndpointError::Scheme) };
        let stream = UnixStream::connect(socket).await.map_err(HttpError::Io)?;
        trust::check_peer(&stream, self.owner).map_err(HttpError::Distrust)?;
        Ok(stream)
    }

    /// A connection through a network.
    pub(super) async fn tcp(&self) -> Result<TcpStream, EndpointError> {
        let Address::Tcp { host, .. } = &self.address else { return Err(EndpointError::Scheme) };
        Ok(TcpStream::connect(resolve(host)?).await.map_err(HttpError::Io)?)
    }

    /// Whether the connection has to be one with TLS.
    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// TLS over a connection.
    pub(super) async fn tls(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, EndpointError> {
        let (Some(config), Address::Tcp { host, .. }) = (&self.tls, &self.address) else {
            return Err(EndpointError::Scheme);
        };
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name).trim_matches(['[', ']']);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| EndpointError::Name(name.to_owned()))?;
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(connector.connect(name, stream).await.map_err(HttpError::Io)?)
    }
}

/// What `ca.pem`, `cert.pem` and `key.pem` of a folder say: which engines are believed, and who we are.
fn tls(folder: &std::path::Path) -> Result<Arc<ClientConfig>, EndpointError> {
    let [ca, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
    let wrong = |path: &std::path::Path, cause: String| EndpointError::Certificate { path: path.to_owned(), cause };
    let certificates = |path: &std::path::Path| {
        let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        all.map_err(|error| wrong(path, error.to_string()))
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&ca)?);
    let config = ClientConfig::builder().with_root_certificates(roots);
    // As docker has it: an engine that does not ask who we are needs none of them.
    if !certificate.exists() && !key.exists() {
        return Ok(Arc::new(config.with_no_client_auth()));
    }
    let own = certificates(&certificate)?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| wrong(&key, error.to_string()))?;
    let config = config.with_client_auth_cert(own, private);
    Ok(Arc::new(config.map_err(|error| wrong(&certificate, error.to_string()))?))
}
