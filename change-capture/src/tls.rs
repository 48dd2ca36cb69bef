//! TLS to Postgres and Redis, by rustls: what is checked, and by which authorities.
//!
//! It must never fall back to an unchecked certificate where a check was asked for, and never put key material into a
//! message. What the settings mean is said in `config/postgres.rs` and `config/redis.rs`.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much of a server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing: the connection is encrypted, and may be with anybody.
    Nothing,
    /// That a known authority signed it.
    Authority,
    /// That, and that it is this host's.
    Host,
}

/// PEM texts from the settings.
#[derive(Clone, Default)]
pub(crate) struct Pem {
    /// The authorities; without them those of the system.
    pub(crate) authorities: Option<Vec<u8>>,
    /// The client's own certificate and key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

/// Why TLS cannot be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("certificates of authorities in PEM form")]
    Authorities,
    #[error("a client certificate and its private key in PEM form")]
    Client,
}

/// What a connection to Postgres is protected by. Whether it is used at all is said by the `sslmode` beside it.
#[derive(Clone)]
pub struct PostgresTls(MakeRustlsConnect);

impl PostgresTls {
    /// Encrypts and checks nothing: libpq's `prefer`.
    #[must_use]
    pub fn unchecked() -> Self {
        Self(MakeRustlsConnect::new(builder(Check::Nothing, None).with_no_client_auth()))
    }

    pub(crate) fn new(check: Check, pem: &Pem) -> Result<Self, TlsError> {
        let roots = match check {
            Check::Nothing => None,
            Check::Authority | Check::Host => Some(roots(pem.authorities.as_deref())?),
        };
        let builder = builder(check, roots);
        let config = match &pem.client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|_| TlsError::Client)?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Client)?;
                builder.with_client_auth_cert(chain, key).map_err(|_| TlsError::Client)?
            }
        };
        Ok(Self(MakeRustlsConnect::new(config)))
    }

    /// What opens connections.
    #[must_use]
    pub fn connector(&self) -> MakeRustlsConnect {
        self.0.clone()
    }
}

impl fmt::Debug for PostgresTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTls").finish_non_exhaustive()
    }
}

/// Libraries that make their own configuration take the process' provider; two in one dependency tree would make them refuse.
pub(crate) fn provide() -> Arc<CryptoProvider> {
    if let Some(provider) = CryptoProvider::get_default() {
        return Arc::clone(provider);
    }
    // Another thread may have been faster, with the same one.
    let _installed = ring::default_provider().install_default();
    Arc::new(ring::default_provider())
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn builder(check: Check, roots: Option<RootCertStore>) -> Builder {
    let provider = provide();
    let verifier =
        roots.map(Arc::new).and_then(|roots| WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().ok());
    let lenient = Verifier { check, verifier, provider: Arc::clone(&provider) };
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    #[expect(clippy::expect_used, reason = "ring speaks every version of TLS that rustls does")]
    let versions = versions.expect("the provider knows the default versions");
    versions.dangerous().with_custom_certificate_verifier(Arc::new(lenient))
}

fn roots(authorities: Option<&[u8]>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(|_| TlsError::Authorities)?).map_err(|_| TlsError::Authorities)?;
            }
        }
        None => {
            // A system may keep certificates that nobody can read; what is left decides.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() { Err(TlsError::Authorities) } else { Ok(roots) }
}

/// rustls' own check, less what was asked to be left out.
#[derive(Debug)]
struct Verifier {
    check: Check,
    /// Absent for [`Check::Nothing`]; where a check is wanted and this is absent, everything is refused.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.check == Check::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(verifier) = &self.verifier else { return Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) };
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: everything else was right.
            Err(error) if self.check == Check::Authority && is_another_host(&error) => Ok(ServerCertVerified::assertion()),
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_another_host(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
}
