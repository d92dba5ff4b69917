//! The dialling end of a link that says what no daemon would: any key, any protocol name, any bytes for frames.
//!
//! HTTP/2 and gRPC framing are done by hand on `h2`, so that nothing of ours corrects what is sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foedus_proto::federation::v1::ConnectResponse;
use foedus_proto::federation::v1::frame::Kind;
use h2::client;
use http::Request;
use prost::Message as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a daemon may take to end what breaks the protocol: longer than it waits for a hello.
const END_MAX: Duration = Duration::from_secs(30);

/// The protocol name of links.
pub const LINK: &[u8] = b"foedus-link/1";
/// The protocol name of pairing.
pub const PAIRING: &[u8] = b"foedus-pair/1";

/// How the other end took it.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// The TLS handshake was finished at this end.
    pub shook_hands: bool,
    /// The call was answered with a stream.
    pub answered: bool,
    /// The frames that came before the end.
    pub received: Vec<Kind>,
    /// Status of the call, if one was told.
    pub status: Option<String>,
}

/// Dials `address` with the link key of `seed` under the protocol name `protocol`, and sends each of `messages` as
/// one message of the call. Gives how that ended.
///
/// # Panics
///
/// If the other end lets it go on and on.
#[must_use]
pub fn say(address: SocketAddr, seed: &[u8; 32], protocol: &[u8], messages: &[Vec<u8>]) -> Taken {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut taken = Taken {
        shook_hands: false,
        answered: false,
        received: Vec::new(),
        status: None,
    };
    let saying = async {
        // Every failure from here on is the other end refusing: what was reached is in `taken`.
        let _refused = talk(address, seed, protocol, messages, &mut taken).await;
    };
    let ended = runtime.block_on(async { timeout(END_MAX, saying).await });
    assert!(ended.is_ok(), "not ended within {END_MAX:?}: {taken:?}");
    taken
}

async fn talk(
    address: SocketAddr,
    seed: &[u8; 32],
    protocol: &[u8],
    messages: &[Vec<u8>],
    taken: &mut Taken,
) -> Option<()> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("foedus.invalid").expect("a name");
    let connector = TlsConnector::from(Arc::new(configuration(seed, protocol)));
    let stream = connector.connect(name, stream).await.ok()?;
    taken.shook_hands = true;
    let (requests, connection) = client::handshake(stream).await.ok()?;
    let connection = tokio::spawn(connection);
    let mut requests = requests.ready().await.ok()?;
    let request = Request::post("http://foedus.invalid/foedus.federation.v1.LinkService/Connect")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a request");
    let (response, mut body) = requests.send_request(request, false).ok()?;
    for message in messages {
        body.send_data(framed(message).into(), false).ok()?;
    }
    let response = response.await.ok()?;
    taken.answered = true;
    let status = |headers: &http::HeaderMap| {
        let status = headers.get("grpc-status")?.to_str().ok()?;
        Some(status.to_owned())
    };
    taken.status = status(response.headers());
    let mut answers = response.into_body();
    let mut bytes = Vec::new();
    while let Some(piece) = answers.data().await {
        let piece = piece.ok()?;
        bytes.extend_from_slice(&piece);
        taken.received = frames(&bytes);
        // Without room the other end could not say goodbye.
        answers.flow_control().release_capacity(piece.len()).ok()?;
    }
    if let Ok(Some(trailers)) = answers.trailers().await {
        taken.status = status(&trailers).or(taken.status.take());
    }
    connection.abort();
    Some(())
}

/// One message as gRPC frames it: not compressed, its length, its bytes.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a test's message is short");
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// The whole frames at the beginning of what came.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<Kind> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let [_, length @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes(length)).expect("64 bits");
        let Some((message, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let message = ConnectResponse::decode(message).expect("a daemon of ours frames well");
        let kind = message.frame.and_then(|frame| frame.kind);
        found.push(kind.expect("a daemon of ours says what it says"));
        bytes = rest;
    }
    found
}

pub(super) fn configuration(seed: &[u8; 32], protocol: &[u8]) -> ClientConfig {
    // RFC 8410 §7: an Ed25519 seed as PKCS #8.
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let pkcs8 = PrivatePkcs8KeyDer::from([&PREFIX[..], seed].concat());
    let pair = rcgen::KeyPair::try_from(&pkcs8).expect("a seed is a key");
    let parameters = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    let certificate = parameters.self_signed(&pair).expect("a certificate");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3 is there")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_client_auth_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(pkcs8.clone_key()),
        )
        .expect("the key is the certificate's");
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

/// Whoever the daemon is: it is the test that started it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
