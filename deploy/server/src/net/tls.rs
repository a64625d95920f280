//! TLS by rustls: a certificate that can be exchanged while connections live.

use crate::settings::TlsFiles;
use parking_lot::RwLock;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{file}: {problem}")]
    File { file: String, problem: String },
    #[error("tls.cert and tls.key do not fit together: {0}")]
    Pair(rustls::Error),
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// The certificate of all ports.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    pub(crate) fn load(files: &TlsFiles) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self { current: RwLock::new(certified(files)?), files: files.clone() }))
    }

    /// Reads the files again; on an error the old certificate stays.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        *self.current.write() = certified(&self.files)?;
        Ok(())
    }

    /// TLS 1.2 and 1.3, HTTP/2 preferred.
    pub(crate) fn acceptor(self: &Arc<Self>) -> Result<tokio_rustls::TlsAcceptor, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

fn certified(files: &TlsFiles) -> Result<Arc<CertifiedKey>, TlsError> {
    let wrong = |file: &Path, problem: String| TlsError::File { file: file.display().to_string(), problem };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&files.cert).map_err(|error| wrong(&files.cert, error.to_string()))?.collect();
    let chain = chain.map_err(|error| wrong(&files.cert, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(&files.cert, "there is no certificate in it (PEM is expected)".into()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, error.to_string()))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map(Arc::new).map_err(TlsError::Pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_certificate_is_named() {
        let dir = std::env::temp_dir().join(format!("stormglass-tls-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let empty = dir.join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let missing = Certificate::load(&TlsFiles { cert: dir.join("none.pem"), key: empty.clone() }).unwrap_err();
        assert!(missing.to_string().contains("none.pem"), "{missing}");
        let bare = Certificate::load(&TlsFiles { cert: empty.clone(), key: empty.clone() }).unwrap_err();
        assert!(bare.to_string().contains("no certificate"), "{bare}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
