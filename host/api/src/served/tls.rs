//! TLS with a certificate that is read again when its file has changed.
//!
//! Knows nothing of what is said over it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How old the knowledge may be of whether the files have changed.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// A certificate and its key cannot be used; the operator must mend the files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("{}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        error: rustls_pki_types::pem::Error,
    },
    /// They do not fit, or are of a kind that is not known.
    #[error("{0}")]
    Unusable(#[from] rustls::Error),
}

/// How clients are greeted that speak TLS.
pub struct Tls(TlsAcceptor);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads a chain of certificates and its key, both in PEM. They are read again when one of the files has
    /// changed; where they cannot be used then, those from before stay.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider: Arc::clone(&provider),
        };
        let config = ServerConfig::builder_with_provider(provider);
        let mut config = config
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Fresh::new(files)?));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) async fn accept<S>(&self, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.0.accept(stream).await
    }
}

/// Where certificate and key are.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let chain = CertificateDer::pem_file_iter(&self.certificate);
        let chain = chain.and_then(|chain| chain.collect::<Result<Vec<_>, _>>());
        let chain = chain.and_then(|chain| match chain.is_empty() {
            true => Err(rustls_pki_types::pem::Error::NoItemsFound),
            false => Ok(chain),
        });
        let chain = chain.map_err(|error| of_file(&self.certificate, error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(|error| of_file(&self.key, error))?;
        Ok(CertifiedKey::from_der(chain, key, &self.provider)?)
    }

    /// When each was changed; none where that cannot be known.
    fn changed(&self) -> [Option<SystemTime>; 2] {
        let changed = |file: &PathBuf| file.metadata().and_then(|it| it.modified()).ok();
        [changed(&self.certificate), changed(&self.key)]
    }
}

fn of_file(file: &Path, error: rustls_pki_types::pem::Error) -> TlsError {
    TlsError::File {
        file: file.to_owned(),
        error,
    }
}

/// A certificate as it is in its files.
#[derive(Debug)]
struct Fresh {
    files: Files,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    certified: Arc<CertifiedKey>,
    changed: [Option<SystemTime>; 2],
    checked: Instant,
}

impl Fresh {
    fn new(files: Files) -> Result<Fresh, TlsError> {
        let known = Known {
            changed: files.changed(),
            certified: Arc::new(files.read()?),
            checked: Instant::now(),
        };
        Ok(Fresh {
            files,
            known: Mutex::new(known),
        })
    }

    fn get(&self) -> Arc<CertifiedKey> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.checked.elapsed() >= CHECK_EVERY {
            known.checked = Instant::now();
            self.refresh(&mut known);
        }
        Arc::clone(&known.certified)
    }

    fn refresh(&self, known: &mut Known) {
        let changed = self.files.changed();
        if changed == known.changed {
            return;
        }
        match self.files.read() {
            Ok(certified) => {
                known.certified = Arc::new(certified);
                known.changed = changed;
            }
            // It is tried again: one file may have been written and the other not yet.
            Err(error) => tracing::warn!(%error, "the changed certificate cannot be used"),
        }
    }
}

impl ResolvesServerCert for Fresh {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}
