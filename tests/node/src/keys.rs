//! The cluster's keys and certificates, all derived from the token: every node derives the same
//! authority without a request to another node. Anyone who knows the token has all keys, which is
//! acceptable only for clusters of tests.

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ED25519, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig,
    SignatureScheme,
};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

/// The authority of a cluster, and the certificates that it signs.
pub(crate) struct Authority {
    token: String,
    params: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
}

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    /// Returns the authority that belongs to a token.
    pub(crate) fn new(token: &str) -> anyhow::Result<Self> {
        let key = key(token, "authority")?;
        let mut params = params("k3s-server-ca", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key)?;
        Ok(Self { token: token.to_owned(), params, key, certificate })
    }

    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate.der())
    }

    /// Returns a server's identity under all its names and addresses.
    pub(crate) fn server(&self, names: &BTreeSet<String>) -> anyhow::Result<Identity> {
        let mut params = params("k3s", Some("k3s"));
        let names: Vec<_> = names.iter().cloned().collect();
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign("server", params)
    }

    /// Returns the identity of the administrator.
    pub(crate) fn admin(&self) -> anyhow::Result<Identity> {
        let mut params = params("system:admin", Some("system:masters"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign("admin", params)
    }

    /// Returns the key that signs the tokens of service accounts, as PEM. Kubernetes does not
    /// accept Ed25519 for them: it is a P-256 key in SEC 1 format without the public half, which
    /// readers compute.
    pub(crate) fn accounts_key(&self) -> String {
        let mut secret = seed(&self.token, "accounts");
        // Below the order of the curve, for any hash.
        secret[0] &= 0x7f;
        let mut der = vec![0x30, 49, 0x02, 1, 1, 0x04, 32];
        der.extend(secret);
        // The curve's name, prime256v1, under the tag [0].
        der.extend([0xa0, 10, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
        pem("EC PRIVATE KEY", &der)
    }

    /// Returns a client configuration that accepts only the cluster's servers.
    pub(crate) fn client(&self, identity: Option<&Identity>) -> anyhow::Result<ClientConfig> {
        let provider = provider();
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots()?);
        Ok(match identity {
            Some(it) => {
                config.with_client_auth_cert(vec![it.certificate.der().clone()], it.key_der())?
            }
            None => config.with_no_client_auth(),
        })
    }

    /// Returns a client configuration that accepts the cluster's servers under any name or address,
    /// as agents and members of etcd do.
    pub(crate) fn client_of_any_name(
        &self,
        identity: Option<&Identity>,
    ) -> anyhow::Result<ClientConfig> {
        let mut config = self.client(identity)?;
        let roots = Arc::new(self.roots()?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build()?;
        config.dangerous().set_certificate_verifier(Arc::new(AnyName(verifier)));
        Ok(config)
    }

    /// Returns the server configuration; clients may send a certificate of the authority.
    pub(crate) fn serve(&self, identity: &Identity) -> anyhow::Result<ServerConfig> {
        let roots = Arc::new(self.roots()?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .allow_unauthenticated()
            .build()?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![identity.certificate.der().clone()], identity.key_der())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Writes the kubeconfig file for this server.
    pub(crate) fn write_kubeconfig(&self, path: &Path) -> anyhow::Result<()> {
        let admin = self.admin()?;
        let encode = |it: &str| BASE64_STANDARD.encode(it);
        let text = format!(
            "apiVersion: v1\n\
             clusters:\n\
             - cluster:\n    \
                 certificate-authority-data: {}\n    \
                 server: https://127.0.0.1:6443\n  \
               name: default\n\
             contexts:\n\
             - context:\n    \
                 cluster: default\n    \
                 user: default\n  \
               name: default\n\
             current-context: default\n\
             kind: Config\n\
             preferences: {{}}\n\
             users:\n\
             - name: default\n  \
               user:\n    \
                 client-certificate-data: {}\n    \
                 client-key-data: {}\n",
            encode(&self.pem()),
            encode(&admin.certificate_pem()),
            encode(&admin.key_pem()),
        );
        write_secret(path, text.as_bytes())
    }

    fn sign(&self, purpose: &str, params: CertificateParams) -> anyhow::Result<Identity> {
        let key = key(&self.token, purpose)?;
        let certificate = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key))?;
        Ok(Identity { certificate, key })
    }

    fn roots(&self) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone())?;
        Ok(roots)
    }
}

/// Accepts every certificate of the authority, regardless of its names.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

impl Identity {
    pub(crate) fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", self.certificate.der())
    }

    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.key.serialized_der())
    }

    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialized_der().to_vec()).into()
    }
}

/// Writes a file that only its owner can access; readers never see an incomplete file.
pub(crate) fn write_secret(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("failed to write `{}`", path.display()))
}

/// Returns some random hexadecimal digits.
///
/// # Errors
///
/// When the system provides no randomness.
pub(crate) fn random(n_bytes: usize) -> anyhow::Result<String> {
    let mut bytes = vec![0; n_bytes];
    let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    anyhow::ensure!(filled.is_ok(), "there is no randomness");
    Ok(bytes.iter().map(|it| format!("{it:02x}")).collect())
}

/// Returns the hash of some words, in hexadecimal.
pub(crate) fn hash(words: &str) -> String {
    digest(&SHA256, words.as_bytes()).as_ref().iter().map(|it| format!("{it:02x}")).collect()
}

fn params(name: &str, organization: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    // The same on every node and every day.
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.use_authority_key_identifier_extension = true;
    params.distinguished_name = DistinguishedName::new();
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn key(token: &str, purpose: &str) -> anyhow::Result<KeyPair> {
    // The PKCS #8 frame of every Ed25519 key.
    let mut der =
        vec![0x30, 46, 0x02, 1, 0, 0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70, 0x04, 34, 0x04, 32];
    der.extend(seed(token, purpose));
    let der = PrivatePkcs8KeyDer::from(der);
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519)?)
}

fn seed(token: &str, purpose: &str) -> [u8; 32] {
    let hash = digest(&SHA256, format!("pintle stand-in\n{purpose}\n{token}").as_bytes());
    hash.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: String = lines.map(|it| format!("{it}\n")).collect();
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_the_same_authority_every_time() {
        let [one, other] = [Authority::new("a").unwrap(), Authority::new("a").unwrap()];
        assert_eq!(one.pem(), other.pem());
        assert_eq!(one.accounts_key(), other.accounts_key());
        assert_ne!(one.pem(), Authority::new("b").unwrap().pem());
    }
}
