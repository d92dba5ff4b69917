//! Who may shake hands: the check of a certificate's key, its pin and the handshake signature.
//!
//! Everything that is wrong gets the same answer at the same point, after the signature was
//! verified. Otherwise a stranger who shows a certificate that it found elsewhere would learn
//! from the answer to its forged signature whether that organisation is our partner.

use std::fmt;
use std::sync::Arc;

use foedus_policy::id::OrgId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::Pins;
use crate::key::VerifyingKey;

/// Which keys are let in.
pub(super) enum Admits {
    /// Any key, whose owner proves it.
    Anybody,
    /// Keys that stand for some partner.
    Pinned(Arc<Pins>),
    /// Keys that stand for one partner.
    Partner(OrgId, Arc<Pins>),
}

impl Admits {
    fn admits(&self, key: &VerifyingKey) -> bool {
        match self {
            Self::Anybody => true,
            Self::Pinned(pins) => pins.partner(key).is_some(),
            Self::Partner(partner, pins) => pins.partner(key) == Some(*partner),
        }
    }
}

/// The verifier of both directions.
pub(super) struct PeerVerifier {
    algorithms: WebPkiSupportedAlgorithms,
    admits: Admits,
}

impl PeerVerifier {
    pub(super) fn new(provider: &CryptoProvider, admits: Admits) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            admits,
        }
    }

    /// Only the shape: the pin is looked at after the signature.
    fn check_certificate(
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        match key_of_certificate(end_entity) {
            Some(_) if intermediates.is_empty() => Ok(()),
            _ => Err(refused()),
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signature.scheme != SignatureScheme::ED25519 {
            return Err(refused());
        }
        let valid = verify_tls13_signature(message, certificate, signature, &self.algorithms)
            .map_err(|_| refused())?;
        match key_of_certificate(certificate) {
            Some(key) if self.admits.admits(&key) => Ok(valid),
            _ => Err(refused()),
        }
    }
}

impl fmt::Debug for PeerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerVerifier").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::check_certificate(end_entity, intermediates)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refused())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::check_certificate(end_entity, intermediates)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refused())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// The one answer to whatever is wrong.
fn refused() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

/// The key in a certificate; `None` unless it is one Ed25519 key in its only encoding, and not one
/// of the weak ones with which anything verifies.
pub(super) fn key_of_certificate(certificate: &CertificateDer<'_>) -> Option<VerifyingKey> {
    // RFC 8410 §4: the only encoding of an Ed25519 public key in a certificate.
    const PREFIX: [u8; 12] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let information = parsed.subject_public_key_info();
    let key: [u8; 32] = information.strip_prefix(&PREFIX)?.try_into().ok()?;
    VerifyingKey::from_bytes(&key).ok()
}
