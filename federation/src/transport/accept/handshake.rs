//! One connection, from its arrival to its handing over.

use std::net::SocketAddr;
use std::sync::Arc;

use foedus_policy::id::OrgId;
use rustls::server::{Acceptor as ClientHelloReader, ClientHello};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::{
    AcceptCounters, AcceptLimits, Accepted, AcceptedLink, AcceptedPairing, LinkPlace, Slot, count,
    prepare,
};
use crate::key::VerifyingKey;
use crate::transport::source::Source;
use crate::transport::tls::{LINK_PROTOCOL, PAIRING_PROTOCOL, Tls, peer_key};

/// One connection from its arrival to its handing over.
pub(super) struct Handshake {
    pub(super) peer: SocketAddr,
    pub(super) slot: Slot,
    pub(super) tls: Arc<Tls>,
    pub(super) limits: AcceptLimits,
    pub(super) counters: Arc<AcceptCounters>,
    pub(super) accepted: mpsc::Sender<Accepted>,
}

/// What a connection is for.
enum Protocol {
    Link,
    Pairing,
}

impl Protocol {
    /// The one protocol that the other end offers.
    fn offered(hello: &ClientHello<'_>) -> Option<Self> {
        let mut offered = hello.alpn()?;
        let (protocol, None) = (offered.next()?, offered.next()) else {
            return None;
        };
        if protocol == LINK_PROTOCOL {
            Some(Self::Link)
        } else if protocol == PAIRING_PROTOCOL {
            Some(Self::Pairing)
        } else {
            None
        }
    }
}

/// What a finished handshake has shown.
enum Proved {
    Link(OrgId, VerifyingKey, TlsStream<TcpStream>),
    Pairing(VerifyingKey, TlsStream<TcpStream>),
}

impl Handshake {
    pub(super) async fn run(self, stream: TcpStream) {
        let proved = match timeout(self.limits.handshake_timeout, self.prove(stream)).await {
            Ok(Some(proved)) => proved,
            Ok(None) => return count(&self.counters.failed),
            Err(_) => return count(&self.counters.timed_out),
        };
        let accepted = match proved {
            Proved::Link(partner, key, stream) => {
                let Some(place) = self.place(partner) else {
                    return count(&self.counters.refused_partner);
                };
                count(&self.counters.links);
                // A proved partner holds no slot of the unproved.
                drop(self.slot);
                Accepted::Link(AcceptedLink {
                    partner,
                    key,
                    peer: self.peer,
                    stream,
                    place,
                })
            }
            Proved::Pairing(key, stream) => {
                count(&self.counters.pairings);
                self.slot.shared.lock().slots.finished(self.slot.id);
                Accepted::Pairing(AcceptedPairing {
                    key,
                    peer: self.peer,
                    stream,
                    slot: self.slot,
                })
            }
        };
        // An error says that nobody takes connections any more: this one closes.
        let _closing = self.accepted.send(accepted).await.is_err();
    }

    /// `None` for whatever doesn't deserve an answer.
    async fn prove(&self, stream: TcpStream) -> Option<Proved> {
        prepare(&stream).ok()?;
        let start = LazyConfigAcceptor::new(ClientHelloReader::default(), stream)
            .await
            .ok()?;
        match Protocol::offered(&start.client_hello())? {
            Protocol::Link => {
                let stream = start.into_stream(self.tls.link_server()).await.ok()?;
                let key = peer_key(stream.get_ref().1.peer_certificates())?;
                // Asked again: the pin may have gone while the handshake went on.
                let partner = self.tls.pins().partner(&key)?;
                Some(Proved::Link(partner, key, stream))
            }
            Protocol::Pairing => {
                let stream = start.into_stream(self.tls.pairing_server()).await.ok()?;
                let key = peer_key(stream.get_ref().1.peer_certificates())?;
                Some(Proved::Pairing(key, stream))
            }
        }
    }

    fn place(&self, partner: OrgId) -> Option<LinkPlace> {
        let shared = &self.slot.shared;
        let mut state = shared.lock();
        state.slots.proved(partner, Source::of(self.peer.ip()));
        let links = state.links.entry(partner).or_default();
        if *links >= self.limits.links_per_partner_max {
            return None;
        }
        *links += 1;
        Some(LinkPlace {
            partner,
            shared: Arc::clone(shared),
        })
    }
}
