//! TLS 1.3 between daemons: self-signed Ed25519 certificates, pinned keys, two protocol names.
//!
//! A certificate is nothing but the envelope of a key: names, dates and issuers in it are not
//! looked at. What counts is that the key is pinned and that the handshake is signed with it.
//! It knows which organisation a key stands for and nothing else about it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use foedus_policy::id::OrgId;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;

mod verifier;

use verifier::{Admits, PeerVerifier, key_of_certificate};

use crate::key::VerifyingKey;

/// Name (ALPN) of the protocol between partners.
pub const LINK_PROTOCOL: &[u8] = b"foedus-link/1";
/// Name (ALPN) of the protocol by which an invitation is answered.
pub const PAIRING_PROTOCOL: &[u8] = b"foedus-pair/1";

/// Passed explicitly everywhere, so that no process-wide default is needed or believed.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(provider::default_provider()));

/// Which keys stand for which partners, at this moment.
///
/// Shared by everything that shakes hands. New handshakes and open links see a change at once:
/// a link whose key no longer stands for its partner closes.
#[derive(Debug)]
pub struct Pins {
    current: watch::Sender<Arc<BTreeMap<VerifyingKey, OrgId>>>,
}

impl Default for Pins {
    fn default() -> Self {
        Self {
            current: watch::Sender::new(Arc::default()),
        }
    }
}

impl Pins {
    /// Replaces all pins at once.
    pub fn replace(&self, pins: BTreeMap<VerifyingKey, OrgId>) {
        self.current.send_replace(Arc::new(pins));
    }

    /// The partner for whom `key` stands.
    pub fn partner(&self, key: &VerifyingKey) -> Option<OrgId> {
        self.current.borrow().get(key).copied()
    }

    /// Returns when `key` doesn't stand for `partner`: at once, if it already doesn't.
    pub async fn revoked(&self, key: VerifyingKey, partner: OrgId) {
        let mut current = self.current.subscribe();
        // An error would say that the sender is gone, but it is borrowed here.
        let _gone = current
            .wait_for(|pins| pins.get(&key) != Some(&partner))
            .await
            .is_err();
    }
}

/// Why there is no TLS identity from a seed.
#[derive(Debug, thiserror::Error)]
pub enum InvalidLinkIdentity {
    /// The certificate could not be made.
    #[error("no certificate could be made for the link key")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused the key, the certificate or the version.
    #[error("the TLS library refused the link key")]
    Tls(#[from] rustls::Error),
    /// The key is not what a certificate may carry.
    #[error("expected a certificate with a usable Ed25519 key")]
    Key,
}

/// Our own link key, made ready for both protocols and both directions.
pub struct Tls {
    key: VerifyingKey,
    certified: Arc<CertifiedKey>,
    pins: Arc<Pins>,
    link_server: Arc<ServerConfig>,
    pairing_server: Arc<ServerConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// From the 32-byte Ed25519 seed (RFC 8032) of the operational key with role `link`.
    pub fn new(seed: &[u8; 32], pins: Arc<Pins>) -> Result<Self, InvalidLinkIdentity> {
        let (certified, key) = certify(seed)?;
        Self::with_certified(Arc::new(certified), key, pins)
    }

    pub(super) fn with_certified(
        certified: Arc<CertifiedKey>,
        key: VerifyingKey,
        pins: Arc<Pins>,
    ) -> Result<Self, InvalidLinkIdentity> {
        let pinned = Admits::Pinned(Arc::clone(&pins));
        Ok(Self {
            key,
            link_server: server_config(&certified, pinned, LINK_PROTOCOL)?,
            pairing_server: server_config(&certified, Admits::Anybody, PAIRING_PROTOCOL)?,
            certified,
            pins,
        })
    }

    /// Our own public link key.
    pub fn key(&self) -> VerifyingKey {
        self.key
    }

    /// The pins that decide who is let in.
    pub fn pins(&self) -> &Arc<Pins> {
        &self.pins
    }

    pub(super) fn link_server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.link_server)
    }

    pub(super) fn pairing_server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.pairing_server)
    }

    /// For dialling `partner`: any other key at the other end fails the handshake.
    pub(super) fn link_client(&self, partner: OrgId) -> Result<Arc<ClientConfig>, rustls::Error> {
        let admits = Admits::Partner(partner, Arc::clone(&self.pins));
        client_config(&self.certified, admits, LINK_PROTOCOL)
    }

    /// For dialling an inviter whose key is not known yet.
    pub(super) fn pairing_client(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        client_config(&self.certified, Admits::Anybody, PAIRING_PROTOCOL)
    }
}

/// The name that the TLS library wants; it is never sent and never compared.
pub(super) fn unused_server_name() -> ServerName<'static> {
    ServerName::try_from("foedus.invalid").expect("a constant DNS name")
}

/// The key of the other end of a finished handshake.
pub(super) fn peer_key(certificates: Option<&[CertificateDer<'_>]>) -> Option<VerifyingKey> {
    certificates?.first().and_then(key_of_certificate)
}

/// The secret key `seed` and a certificate for it, the same at every start.
pub(super) fn certify(
    seed: &[u8; 32],
) -> Result<(CertifiedKey, VerifyingKey), InvalidLinkIdentity> {
    let pkcs8 = pkcs8(seed);
    let pair = rcgen::KeyPair::try_from(&pkcs8)?;
    let mut parameters = rcgen::CertificateParams::new(Vec::new())?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    let certificate = parameters.self_signed(&pair)?;
    let key = key_of_certificate(certificate.der()).ok_or(InvalidLinkIdentity::Key)?;
    let signer = PROVIDER
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(pkcs8))?;
    Ok((
        CertifiedKey::new(vec![certificate.der().clone()], signer),
        key,
    ))
}

/// RFC 8410 §7: an Ed25519 seed as PKCS #8, version 1.
fn pkcs8(seed: &[u8; 32]) -> PrivatePkcs8KeyDer<'static> {
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    PrivatePkcs8KeyDer::from([&PREFIX[..], seed].concat())
}

fn server_config(
    certified: &Arc<CertifiedKey>,
    admits: Admits,
    protocol: &[u8],
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(PeerVerifier::new(&PROVIDER, admits)))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(certified))));
    config.alpn_protocols = vec![protocol.to_vec()];
    // Each connection proves its key anew: a pin that was taken back must not live on in a ticket.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

fn client_config(
    certified: &Arc<CertifiedKey>,
    admits: Admits,
    protocol: &[u8],
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PeerVerifier::new(&PROVIDER, admits)))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(certified))));
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_certificate_and_its_public_key() {
        let seed = [7; 32];
        let (first, key) = certify(&seed).expect("a seed is a key");
        let (second, _) = certify(&seed).expect("a seed is a key");
        assert_eq!(first.cert, second.cert);
        let expected = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        assert_eq!(*key.as_bytes(), expected.to_bytes());
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_key() {
        let (certified, _) = certify(&[7; 32]).expect("a seed is a key");
        let bytes = certified.cert[0].as_ref();
        assert_eq!(key_of_certificate(&CertificateDer::from(&bytes[1..])), None);
        assert_eq!(key_of_certificate(&CertificateDer::from(Vec::new())), None);
        let trailing = [bytes, &[0]].concat();
        assert_eq!(key_of_certificate(&CertificateDer::from(trailing)), None);
    }

    #[test]
    fn a_certificate_of_another_algorithm_has_no_key() {
        let pair = rcgen::KeyPair::generate().expect("ECDSA P-256");
        let parameters = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        let certificate = parameters.self_signed(&pair).expect("signs itself");
        assert_eq!(key_of_certificate(certificate.der()), None);
    }

    #[test]
    fn a_weak_key_is_no_key() {
        let (certified, key) = certify(&[7; 32]).expect("a seed is a key");
        let mut bytes = certified.cert[0].to_vec();
        let at = bytes
            .windows(32)
            .position(|window| window == key.as_bytes())
            .expect("the certificate carries its key");
        // The neutral element: with it, one signature fits every message.
        bytes[at..at + 32].copy_from_slice(&[0; 32]);
        bytes[at] = 1;
        assert_eq!(key_of_certificate(&CertificateDer::from(bytes)), None);
    }
}
