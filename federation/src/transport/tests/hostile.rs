//! Wrong keys, forged handshakes, old TLS, broken frames, silence.

use std::io;

use foedus_policy::id::ChannelId;
use foedus_proto::federation::v1 as proto;
use prost::Message;
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::bounds;
use crate::transport::tls::{certify, unused_server_name};

/// The certificate of `shown`, with handshakes signed by the key of `signer`.
fn forged(shown: u8, signer: u8, pins: &Arc<Pins>) -> Arc<Tls> {
    let (shown, key) = certify(&[shown; 32]).expect("a seed is a key");
    let (signer, _) = certify(&[signer; 32]).expect("a seed is a key");
    let certified = Arc::new(CertifiedKey::new(shown.cert, signer.key));
    Arc::new(Tls::with_certified(certified, key, Arc::clone(pins)).expect("a configuration"))
}

/// What the other end says when it refuses, once the handshake is over at this end.
async fn refusal(tls: &Tls, partner: OrgId, address: SocketAddr) -> io::Error {
    let config = tls.link_client(partner).expect("a configuration");
    let mut stream = raw::connect(config, address)
        .await
        .expect("our side of the handshake");
    // An HTTP/2 preface, to which a server that let us in would answer.
    let written = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let mut found = Vec::new();
    let error = within(stream.read_to_end(&mut found))
        .await
        .expect_err("no orderly end");
    assert!(
        found.is_empty(),
        "the stranger was told {found:?} after {written:?}"
    );
    error
}

#[tokio::test]
async fn an_unpinned_key_is_not_let_in_and_learns_nothing() {
    let (acme, globex) = partners();
    let listening = listen(&globex).await;
    let stranger = Org::new(3);
    stranger.pin(&[&globex]);
    refused(&stranger, globex.id, &listening.address()).await;
    reaches(&listening.counters.failed, 1).await;

    let unknown = refusal(&stranger.tls, globex.id, listening.address).await;
    // A pinned key's certificate, which anybody may have seen, without the key: the same answer,
    // so that nobody learns who our partners are.
    let thief = forged(1, 3, &acme.pins);
    let known = refusal(&thief, globex.id, listening.address).await;
    assert_eq!(unknown.to_string(), known.to_string());
    reaches(&listening.counters.failed, 3).await;
    assert_eq!(listening.counters.links.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_forged_handshake_of_the_dialling_side_is_refused() {
    let (acme, globex) = partners();
    let listening = listen(&globex).await;
    let thief = Org {
        id: acme.id,
        pins: Arc::clone(&acme.pins),
        tls: forged(1, 3, &acme.pins),
    };
    refused(&thief, globex.id, &listening.address()).await;
    reaches(&listening.counters.failed, 1).await;
    assert_eq!(listening.counters.links.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_forged_handshake_of_the_dialled_side_is_refused() {
    let (acme, globex) = partners();
    let listening = listen_with(&forged(2, 3, &globex.pins), loopback_limits()).await;
    let error = refused(&acme, globex.id, &listening.address()).await;
    assert!(matches!(error, DialError::WrongKey), "{error:?}");
}

#[tokio::test]
async fn another_partner_at_the_address_is_not_taken_for_this_one() {
    let (acme, globex) = partners();
    let third = Org::new(3);
    acme.pin(&[&globex, &third]);
    third.pin(&[&acme]);
    let listening = listen(&third).await;
    let error = refused(&acme, globex.id, &listening.address()).await;
    assert!(matches!(error, DialError::WrongKey), "{error:?}");
    assert_eq!(listening.counters.links.load(Ordering::Relaxed), 0);
}

#[derive(Debug)]
struct Nobody;

impl rustls::client::ResolvesClientCert for Nobody {
    fn resolve(
        &self,
        _hints: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_dialling_side_without_certificate_is_refused() {
    let (acme, globex) = partners();
    let listening = listen(&globex).await;
    let mut config = (*acme.tls.link_client(globex.id).expect("a configuration")).clone();
    config.client_auth_cert_resolver = Arc::new(Nobody);
    let mut stream = raw::connect(Arc::new(config), listening.address)
        .await
        .expect("our side of the handshake");
    assert!(within(stream.read_u8()).await.is_err());
    reaches(&listening.counters.failed, 1).await;
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let (_, globex) = partners();
    let listening = listen(&globex).await;
    for protocol in [tls::LINK_PROTOCOL, tls::PAIRING_PROTOCOL] {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .expect("the tests have TLS 1.2")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let error = within(raw::connect(Arc::new(config), listening.address))
            .await
            .expect_err("no TLS 1.2");
        assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    }
    reaches(&listening.counters.failed, 2).await;
}

#[tokio::test]
async fn an_unknown_protocol_name_gets_not_one_byte() {
    let (acme, globex) = partners();
    let listening = listen(&globex).await;
    let both = vec![tls::LINK_PROTOCOL.to_vec(), tls::PAIRING_PROTOCOL.to_vec()];
    for names in [vec![b"h2".to_vec()], vec![], both] {
        let mut config = (*acme.tls.link_client(globex.id).expect("a configuration")).clone();
        config.alpn_protocols = names;
        let mut client =
            rustls::ClientConnection::new(Arc::new(config), unused_server_name()).expect("TLS");
        let mut hello = Vec::new();
        client.write_tls(&mut hello).expect("a client's hello");
        let mut stream = TcpStream::connect(listening.address)
            .await
            .expect("it listens");
        stream.write_all(&hello).await.expect("it reads");
        let mut answer = Vec::new();
        within(stream.read_to_end(&mut answer))
            .await
            .expect("an orderly end");
        assert!(answer.is_empty(), "{answer:?}");
    }
    reaches(&listening.counters.failed, 3).await;
}

/// Opens a link by hand, sends `messages`, and expects that it ends for `expected`.
async fn breaks(messages: Vec<Vec<u8>>, expected: InvalidFrame) {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let config = acme.tls.link_client(globex.id).expect("a configuration");
    let stream = raw::connect(config, listening.address).await.expect("TLS");
    let (mut raw, session) = tokio::join!(raw::link(stream, messages), async {
        let accepted = listening.link().await;
        serve(
            accepted,
            &globex.tls,
            globex.hello(),
            LinkSettings::default(),
        )
        .await
    });
    let mut session = session.expect("a link");
    let found = loop {
        match within(session.receiver.recv())
            .await
            .expect("the reason is given")
        {
            Ok(_) => {}
            Err(failure) => break failure,
        }
    };
    assert!(
        matches!(&found, LinkFailure::InvalidFrame(found) if *found == expected),
        "{found:?}"
    );

    let mut last = None;
    while let Ok(Some(bytes)) = within(raw.receiver.message()).await {
        let answer = proto::ConnectResponse::decode(bytes.as_slice()).expect("a message");
        last = Some(Frame::try_from(answer.frame.expect("a frame")).expect("valid"));
    }
    assert_eq!(last, Some(Frame::Goodbye(Goodbye::Protocol)));
}

fn message(frame: Frame) -> Vec<u8> {
    proto::ConnectRequest {
        frame: Some(frame.into()),
    }
    .encode_to_vec()
}

fn hello() -> Vec<u8> {
    message(Frame::Hello(Box::new(Org::new(1).hello())))
}

#[tokio::test]
async fn an_oversized_frame_ends_the_link() {
    breaks(
        vec![hello(), vec![0; bounds::FRAME_BYTES_MAX + 1]],
        InvalidFrame::Oversized,
    )
    .await;
}

#[tokio::test]
async fn garbage_ends_the_link() {
    breaks(vec![hello(), vec![0xff; 100]], InvalidFrame::Undecodable).await;
    breaks(vec![b"GET / HTTP/1.1".to_vec()], InvalidFrame::Undecodable).await;
}

#[tokio::test]
async fn a_message_without_a_frame_of_a_known_kind_ends_the_link() {
    breaks(vec![hello(), Vec::new()], InvalidFrame::Kind).await;
    // A frame whose only field has number 99.
    breaks(
        vec![hello(), vec![0x0a, 0x04, 0x9a, 0x06, 0x01, 0x00]],
        InvalidFrame::Kind,
    )
    .await;
}

#[tokio::test]
async fn a_hello_is_the_first_frame_and_only_the_first() {
    let unknown_cursor = message(Frame::UnknownCursor(ChannelId([1; 32])));
    breaks(vec![unknown_cursor], InvalidFrame::HelloExpected).await;
    breaks(vec![hello(), hello()], InvalidFrame::HelloRepeated).await;
}

#[tokio::test]
async fn a_field_of_the_wrong_length_ends_the_link() {
    let kind = proto::frame::Kind::UnknownCursor(proto::UnknownCursor {
        channel: vec![1; 31],
    });
    let frame = Some(proto::Frame { kind: Some(kind) });
    let expected = InvalidFrame::Length {
        field: "channel",
        expected_bytes: 32,
        found_bytes: 31,
    };
    breaks(
        vec![hello(), proto::ConnectRequest { frame }.encode_to_vec()],
        expected,
    )
    .await;
}

fn impatient() -> LinkSettings {
    LinkSettings {
        hello_timeout: Duration::from_millis(100),
        ..LinkSettings::default()
    }
}

#[tokio::test]
async fn a_partner_that_calls_and_never_says_hello_is_closed() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let config = acme.tls.link_client(globex.id).expect("a configuration");
    let stream = raw::connect(config, listening.address).await.expect("TLS");
    let (raw, session) = tokio::join!(raw::link(stream, Vec::new()), async {
        let accepted = listening.link().await;
        serve(accepted, &globex.tls, globex.hello(), impatient()).await
    });
    let found = failure(&mut session.expect("a link")).await;
    assert!(matches!(found, LinkFailure::HelloTimeout), "{found:?}");
    drop(raw.sender);
}

#[tokio::test]
async fn a_partner_that_never_calls_is_closed() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let config = acme.tls.link_client(globex.id).expect("a configuration");
    let mut stream = raw::connect(config, listening.address).await.expect("TLS");
    let accepted = listening.link().await;
    let found = within(serve(accepted, &globex.tls, globex.hello(), impatient())).await;
    assert!(matches!(found, Err(DialError::Timeout)), "{found:?}");
    let mut rest = Vec::new();
    // An end without TLS's own is an error here; what counts is that it ends.
    let _ended = within(stream.read_to_end(&mut rest)).await.is_err();
}

#[tokio::test]
async fn a_dialled_end_that_never_answers_is_given_up() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let settings = LinkSettings {
        dial_timeout: Duration::from_millis(300),
        ..LinkSettings::default()
    };
    let address = listening.address();
    let (found, accepted) = tokio::join!(
        dial(&acme.tls, globex.id, &address, acme.hello(), settings),
        listening.link()
    );
    assert!(matches!(found, Err(DialError::Timeout)), "{found:?}");
    drop(accepted);
}

/// Whoever sits at a partner's address, and has no key of it, can't make us believe that the partner refuses us.
#[tokio::test]
async fn an_alert_in_clear_is_no_refusal() {
    let (acme, globex) = partners();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let answering = async {
        let (mut stream, _) = listener.accept().await.expect("dialled");
        let mut hello = [0; 5];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut hello)
            .await
            .expect("a client's hello");
        // RFC 8446, section 6: a fatal alert, access_denied.
        tokio::io::AsyncWriteExt::write_all(&mut stream, &[21, 3, 3, 0, 2, 2, 49])
            .await
            .expect("taken");
        stream
    };
    let dialling = dial(&acme.tls, globex.id, &address, acme.hello(), impatient());
    let (found, _open) = within(async { tokio::join!(dialling, answering) }).await;
    assert!(matches!(found, Err(DialError::Handshake(_))), "{found:?}");
}

/// A field that nobody knows is passed over, and counts all the same: or a partner could send as much as it likes.
#[tokio::test]
async fn what_comes_is_counted_whatever_it_is_made_of() {
    const UNKNOWN_BYTES: usize = 500_000;
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let config = acme.tls.link_client(globex.id).expect("a configuration");
    let stream = raw::connect(config, listening.address).await.expect("TLS");
    let hello = message(Frame::Hello(Box::new(acme.hello())));
    // A field of number 1000 and of wire type 2, which is its length and its bytes.
    let mut ack = message(Frame::Ack(crate::frame::Ack {
        channel: ChannelId([3; 32]),
        number: 1,
        void: 0,
        withheld: 0,
    }));
    prost::encoding::bytes::encode(1_000, &vec![7; UNKNOWN_BYTES], &mut ack);
    let (raw, session) = tokio::join!(raw::link(stream, vec![hello, ack]), async {
        let accepted = listening.link().await;
        serve(accepted, &globex.tls, globex.hello(), impatient()).await
    });
    let mut session = session.expect("a link");
    frame(&mut session).await;
    assert!(matches!(frame(&mut session).await, Frame::Ack(_)));
    assert!(session.received.bytes() >= UNKNOWN_BYTES as u64);
    drop(raw);
}

#[tokio::test]
async fn a_dialled_end_that_never_says_hello_is_closed() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let address = listening.address();
    let serving = async {
        let accepted = listening.link().await;
        let tasks = crate::transport::http2::Tasks::default();
        let io = hyper_util::rt::TokioIo::new(accepted.stream);
        let service = hyper_util::service::TowerToHyperService::new(
            proto::link_service_server::LinkServiceServer::new(raw_server::Silent),
        );
        let _ended = hyper::server::conn::http2::Builder::new(tasks)
            .serve_connection(io, service)
            .await
            .is_err();
    };
    let dialling = async {
        let session = dial(&acme.tls, globex.id, &address, acme.hello(), impatient()).await;
        failure(&mut session.expect("a link")).await
    };
    let (found, ()) = within(async { tokio::join!(dialling, serving) }).await;
    assert!(matches!(found, LinkFailure::HelloTimeout), "{found:?}");
}

mod raw_server {
    use std::pin::Pin;

    use futures_util::Stream;
    use tonic::{Request, Response, Status, Streaming};

    use super::proto;

    pub(super) struct Silent;

    #[tonic::async_trait]
    impl proto::link_service_server::LinkService for Silent {
        type ConnectStream =
            Pin<Box<dyn Stream<Item = Result<proto::ConnectResponse, Status>> + Send>>;

        async fn connect(
            &self,
            _request: Request<Streaming<proto::ConnectRequest>>,
        ) -> Result<Response<Self::ConnectStream>, Status> {
            Ok(Response::new(Box::pin(futures_util::stream::pending())))
        }
    }
}
