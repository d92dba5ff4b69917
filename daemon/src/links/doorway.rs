//! How connections with one partner come about: those that it makes, and those that we dial while there is none.
//!
//! Knows nothing of what is said on a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foedus_federation::link::hello;
use foedus_federation::transport::tls::Tls;
use foedus_federation::transport::{
    AcceptedLink, Backoff, DialError, LinkSession, LinkSettings, Reach, dial, serve,
};
use foedus_policy::id::OrgId;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::bounds::{OPENING_PER_PARTNER_MAX, SESSIONS_PER_MINUTE_MAX};
use crate::per_minute::PerMinute;
use crate::random;
use crate::runtime::{LinkState, Runtime, chain};

/// A connection whose call stands.
pub(super) struct Established {
    pub(super) session: LinkSession,
    pub(super) remote: String,
}

enum Opened {
    Dialled(Result<Established, (String, DialError)>),
    Accepted(SocketAddr, Result<LinkSession, DialError>),
}

/// Both ways to a connection.
pub(super) struct Doorway {
    runtime: Runtime,
    tls: Arc<Tls>,
    partner: OrgId,
    accepted: mpsc::Receiver<AcceptedLink>,
    settings: LinkSettings,
    /// Those that the partner begins.
    sessions: PerMinute,
    opening: JoinSet<Opened>,
    dialling: Option<tokio::task::AbortHandle>,
    backoff: Backoff,
    dial_at: Instant,
}

impl Doorway {
    pub(super) fn new(
        runtime: &Runtime,
        tls: Arc<Tls>,
        partner: OrgId,
        accepted: mpsc::Receiver<AcceptedLink>,
        reach: Reach,
    ) -> Self {
        Self {
            runtime: runtime.clone(),
            tls,
            partner,
            accepted,
            settings: LinkSettings {
                reach,
                ..LinkSettings::default()
            },
            sessions: PerMinute::new(SESSIONS_PER_MINUTE_MAX),
            opening: JoinSet::new(),
            dialling: None,
            backoff: Backoff::default(),
            dial_at: Instant::now(),
        }
    }

    /// The next connection. Dials only if told to: while there is none. May be dropped and called again.
    pub(super) async fn next(&mut self, dials: bool) -> Established {
        loop {
            let may_dial = dials && self.dialling.is_none();
            tokio::select! {
                Some(link) = self.accepted.recv(), if self.opening.len() < OPENING_PER_PARTNER_MAX => {
                    self.answer(link);
                }
                Some(opened) = self.opening.join_next() => {
                    // An attempt that was given up is no answer.
                    if let Some(established) = opened.ok().and_then(|opened| self.opened(opened)) {
                        return established;
                    }
                }
                () = sleep_until(self.dial_at), if may_dial => self.dial(),
                // Nobody can come any more, and nobody is dialled: whoever waits here is told to stop elsewhere.
                else => std::future::pending::<()>().await,
            }
        }
    }

    /// A sign of life: if need be it is dialled again soon.
    pub(super) fn alive(&mut self) {
        self.backoff.alive();
    }

    /// A connection ended, or an attempt failed: the next attempt waits.
    pub(super) fn put_off(&mut self) {
        let steady_millis = self.runtime.now().steady_millis;
        let jitter = u32::from(u16::from_be_bytes(random::bytes())) * 1000 / u32::from(u16::MAX);
        let delay = self.backoff.failed(steady_millis, jitter);
        self.dial_at = Instant::now() + Duration::from_millis(delay);
    }

    /// Something changed about where the partner is: it is dialled without waiting longer.
    pub(super) fn wake(&mut self) {
        self.backoff.alive();
        self.dial_at = Instant::now();
    }

    /// What is being dialled is not needed.
    pub(super) fn stop_dialling(&mut self) {
        if let Some(dialling) = self.dialling.take() {
            dialling.abort();
        }
    }

    fn answer(&mut self, link: AcceptedLink) {
        if !self.sessions.admits(self.runtime.now().steady_millis) {
            // It closes; the partner comes again when it may.
            self.runtime.metrics().reject_counted("link_churn");
            return;
        }
        let (runtime, tls, partner) = (self.runtime.clone(), self.tls.clone(), self.partner);
        let settings = self.settings;
        self.backoff.alive();
        self.opening.spawn(async move {
            let peer = link.peer;
            let hello = hello(&runtime.snapshot(), partner, runtime.run(), runtime.now());
            let session = match hello {
                Some(hello) => serve(link, &tls, hello, settings).await,
                None => Err(DialError::NoCall),
            };
            Opened::Accepted(peer, session)
        });
    }

    fn dial(&mut self) {
        let snapshot = self.runtime.snapshot();
        let addresses = snapshot.dial_addresses(self.partner);
        let hello = hello(
            &snapshot,
            self.partner,
            self.runtime.run(),
            self.runtime.now(),
        );
        let (false, Some(hello)) = (addresses.is_empty(), hello) else {
            // It dials us, or says where it is. Looked at again for want of a better moment.
            self.put_off();
            return;
        };
        self.runtime.link_registry().update(self.partner, |status| {
            if status.state == LinkState::Down {
                status.state = LinkState::Connecting;
            }
        });
        let (tls, partner, settings) = (self.tls.clone(), self.partner, self.settings);
        let dialling = self.opening.spawn(async move {
            let mut last = None;
            for address in addresses {
                match dial(&tls, partner, &address, hello.clone(), settings).await {
                    Ok(session) => {
                        return Opened::Dialled(Ok(Established {
                            session,
                            remote: address,
                        }));
                    }
                    Err(error) => last = Some((address, error)),
                }
            }
            Opened::Dialled(Err(last.expect("there is an address")))
        });
        self.dialling = Some(dialling);
    }

    fn opened(&mut self, opened: Opened) -> Option<Established> {
        match opened {
            Opened::Dialled(result) => {
                self.dialling = None;
                match result {
                    Ok(established) => Some(established),
                    Err((address, error)) => {
                        self.failed(&address, &error);
                        None
                    }
                }
            }
            Opened::Accepted(peer, Ok(session)) => Some(Established {
                session,
                remote: peer.to_string(),
            }),
            Opened::Accepted(peer, Err(error)) => {
                tracing::debug!(remote = %peer, error = %chain(&error), "a connection did not become a link");
                None
            }
        }
    }

    fn failed(&mut self, address: &str, error: &DialError) {
        let problem = format!("{address}: {}", chain(error));
        tracing::debug!(remote = address, error = %chain(error), "a partner could not be dialled");
        self.runtime.link_registry().update(self.partner, |status| {
            if status.state == LinkState::Connecting {
                status.state = LinkState::Down;
            }
            status.last_problem = Some(problem);
        });
        self.put_off();
    }
}
