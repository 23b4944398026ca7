//! TLS: certificates, keys, and whether clients have to show one.

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

use crate::message::Shown as _;

/// Where something is written in PEM.
#[derive(Debug, Clone)]
pub(super) enum Source {
    File(PathBuf),
    Text(String),
}

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Asks {
    /// No.
    #[default]
    No,
    /// Yes, and one that is given has to be right.
    IfGiven,
    /// Yes, and without one nothing is answered.
    Always,
}

impl Asks {
    /// By the names in the file. What is asked for and not looked at protects nothing, so it is looked at.
    pub(super) const NAMES: [(&'static str, Self); 5] = [
        ("NoClientCert", Self::No),
        ("RequestClientCert", Self::IfGiven),
        ("VerifyClientCertIfGiven", Self::IfGiven),
        ("RequireAnyClientCert", Self::Always),
        ("RequireAndVerifyClientCert", Self::Always),
    ];

    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, asks)| *asks)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) certificate: Option<Source>,
    pub(super) key: Option<Source>,
    pub(super) clients: Option<Source>,
    pub(super) asks: Asks,
    pub(super) only_13: bool,
    pub(super) only_12: bool,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("cert_file and key_file belong together")]
    Half,
    #[error("client_auth_type needs client_ca_file")]
    NoClients,
    #[error("min_version is above max_version")]
    NoVersion,
    #[error("cannot read {what}: {error}")]
    Pem { what: String, error: rustls::pki_types::pem::Error },
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error("{0}")]
    Clients(String),
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::File(path) => format!("'{}'", path.shown()),
            Self::Text(_) => "the text".to_owned(),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let failed = |error| TlsError::Pem { what: self.name(), error };
        let all: Result<Vec<_>, _> = match self {
            Self::File(path) => CertificateDer::pem_file_iter(path).map_err(failed)?.collect(),
            Self::Text(text) => CertificateDer::pem_slice_iter(text.as_bytes()).collect(),
        };
        all.map_err(failed)
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let key = match self {
            Self::File(path) => PrivateKeyDer::from_pem_file(path),
            Self::Text(text) => PrivateKeyDer::from_pem_slice(text.as_bytes()),
        };
        key.map_err(|error| TlsError::Pem { what: self.name(), error })
    }
}

/// What talks TLS to clients.
pub(super) fn acceptor(options: &Options) -> Result<TlsAcceptor, TlsError> {
    let (Some(certificate), Some(key)) = (&options.certificate, &options.key) else { return Err(TlsError::Half) };
    let versions: &[&rustls::SupportedProtocolVersion] = match (options.only_12, options.only_13) {
        (true, true) => return Err(TlsError::NoVersion),
        (true, false) => &[&rustls::version::TLS12],
        (false, true) => &[&rustls::version::TLS13],
        (false, false) => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
    let builder = match options.asks {
        Asks::No => builder.with_no_client_auth(),
        asks => {
            let clients = options.clients.as_ref().ok_or(TlsError::NoClients)?;
            let mut roots = RootCertStore::empty();
            for certificate in clients.certificates()? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if asks == Asks::IfGiven { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| TlsError::Clients(error.to_string()))?)
        }
    };
    let mut config = builder.with_single_cert(certificate.certificates()?, key.key()?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
