//! Each connection proves its key anew: no ticket is given out and none is used, whoever offers to.

use rustls::HandshakeKind;
use rustls::client::{ClientConnection, Resumption};
use rustls::server::ServerSessionMemoryCache;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::transport::tls::unused_server_name;

/// Tickets that a server gives out which would have connections resumed.
const TICKETS: usize = 2;

/// The same client, but for that it keeps tickets, offers them, and would send with the first packet.
fn that_resumes(config: &rustls::ClientConfig) -> Arc<rustls::ClientConfig> {
    let mut config = config.clone();
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    Arc::new(config)
}

/// The same server, but for that it gives out tickets, takes them, and takes what comes with the first packet.
fn that_gives_tickets(config: &rustls::ServerConfig) -> Arc<rustls::ServerConfig> {
    let mut config = config.clone();
    config.session_storage = ServerSessionMemoryCache::new(8);
    config.send_tls13_tickets = TICKETS;
    config.max_early_data_size = 1024;
    Arc::new(config)
}

/// What a client was given: how the handshake went, how many tickets came, and whether it could begin its next
/// connection with data.
#[derive(Debug, PartialEq)]
struct Met {
    kind: HandshakeKind,
    tickets: u32,
    could_send_early: bool,
}

/// Everything is new, and nothing is left for the next time.
const ANEW: Met = Met {
    kind: HandshakeKind::Full,
    tickets: 0,
    could_send_early: false,
};

/// Looks at a connection on which the server has said a byte: what tickets it gives out came before.
async fn met(config: &Arc<rustls::ClientConfig>, mut stream: TlsStream<TcpStream>) -> Met {
    within(stream.read_exact(&mut [0])).await.expect("a byte");
    let connection = stream.get_ref().1;
    let next = ClientConnection::new(Arc::clone(config), unused_server_name());
    Met {
        kind: connection.handshake_kind().expect("it is over"),
        tickets: connection.tls13_tickets_received(),
        could_send_early: next.expect("a client").early_data().is_some(),
    }
}

/// A connection to a server that gives out tickets, or to any other that is not ours.
async fn met_by(server: &Arc<rustls::ServerConfig>, client: &Arc<rustls::ClientConfig>) -> Met {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let acceptor = TlsAcceptor::from(Arc::clone(server));
    let (stream, _serving) = within(async {
        tokio::join!(raw::connect(Arc::clone(client), address), async {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = acceptor.accept(stream).await.expect("TLS");
            stream.write_all(b"!").await.expect("written");
            stream
        })
    })
    .await;
    met(client, stream.expect("TLS")).await
}

/// A connection to our accept loop.
async fn met_by_ours(listening: &mut Listening, client: &Arc<rustls::ClientConfig>) -> Met {
    let stream = within(raw::connect(Arc::clone(client), listening.address)).await;
    let mut accepted = within(listening.accepted.recv()).await.expect("accepted");
    let theirs = match &mut accepted {
        Accepted::Link(link) => &mut link.stream,
        Accepted::Pairing(pairing) => &mut pairing.stream,
    };
    theirs.write_all(b"!").await.expect("written");
    met(client, stream.expect("TLS")).await
}

#[tokio::test]
async fn who_offers_to_resume_shakes_hands_anew_and_gets_no_ticket() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let link = acme.tls.link_client(globex.id).expect("a configuration");
    let pairing = acme.tls.pairing_client().expect("a configuration");
    for (client, server) in [
        (link, globex.tls.link_server()),
        (pairing, globex.tls.pairing_server()),
    ] {
        // Where tickets are given out this client uses them: so it is the server that does not.
        let (generous, eager) = (that_gives_tickets(&server), that_resumes(&client));
        met_by(&generous, &eager).await;
        let resumed = met_by(&generous, &eager).await;
        assert_eq!(resumed.kind, HandshakeKind::Resumed);
        assert!(
            resumed.tickets > 0 && resumed.could_send_early,
            "{resumed:?}"
        );

        // It knows nothing of the server yet; afterwards it has what ours gave it.
        let eager = that_resumes(&client);
        for _ in 0..3 {
            assert_eq!(met_by_ours(&mut listening, &eager).await, ANEW);
        }
    }
}

/// A ticket that a server took before, which knew one of us by it, is not taken by ours.
#[tokio::test]
async fn a_ticket_from_elsewhere_is_not_taken() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let link = acme.tls.link_client(globex.id).expect("a configuration");
    let eager = that_resumes(&link);
    met_by(&that_gives_tickets(&globex.tls.link_server()), &eager).await;
    let met = met_by_ours(&mut listening, &eager).await;
    assert_eq!((met.kind, met.tickets), (HandshakeKind::Full, 0));
}

#[tokio::test]
async fn who_dials_keeps_no_ticket_and_offers_none() {
    let (acme, globex) = partners();
    let link = acme.tls.link_client(globex.id).expect("a configuration");
    let pairing = acme.tls.pairing_client().expect("a configuration");
    for (client, server) in [
        (link, globex.tls.link_server()),
        (pairing, globex.tls.pairing_server()),
    ] {
        let generous = that_gives_tickets(&server);
        for _ in 0..2 {
            let met = met_by(&generous, &client).await;
            assert_eq!(met.kind, HandshakeKind::Full);
            assert!(!met.could_send_early, "{met:?}");
        }
    }
}
