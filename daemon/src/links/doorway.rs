//! How connections with one partner come about: those that it makes, and those that we dial while there is none.
//!
//! Knows nothing of what is said on a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use foedus_federation::link::hello;
use foedus_federation::org::OrgSnapshot;
use foedus_federation::transport::tls::Tls;
use foedus_federation::transport::{
    AcceptedLink, Backoff, DialError, LinkSession, LinkSettings, Reach, dial, serve,
};
use foedus_policy::id::OrgId;
use foedus_policy::state::is_wanted;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Terms;
use super::allowance::Allowance;
use super::meet::{may_be_keys, meet};
use super::rest::Rest;
use super::words;
use crate::bounds::{
    MEET_AGAIN_PAUSE, MET_AGAIN_PAUSE, OPENING_PER_PARTNER_MAX, SESSIONS_PER_MINUTE_MAX,
};
use crate::per_minute::PerMinute;
use crate::random;
use crate::runtime::{LinkState, Runtime, Trouble, chain};

/// A connection whose call stands.
pub(super) struct Established {
    pub(super) session: LinkSession,
    pub(super) remote: String,
}

enum Opened {
    Dialled(Result<Established, Undialled>),
    Accepted(SocketAddr, Result<LinkSession, DialError>),
}

/// The last address that was tried, and why there is no link.
struct Undialled {
    address: String,
    error: DialError,
    /// Whether each knows now who the other is, so that to dial again is worth while; `None` if it was not tried to find
    /// out.
    met: Option<bool>,
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
    /// From when on it may be asked again who answers, if there is no link with it.
    meet_at: Instant,
    rest: Rest,
    /// Of what the partner sends; a new connection begins no new one.
    allowance: Allowance,
    /// When it was last looked whether anything is wanted of the partner.
    looked: Instant,
}

impl Doorway {
    pub(super) fn new(
        runtime: &Runtime,
        tls: Arc<Tls>,
        partner: OrgId,
        accepted: mpsc::Receiver<AcceptedLink>,
        reach: Reach,
        terms: Terms,
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
            meet_at: Instant::now(),
            rest: Rest::new(terms.rests),
            allowance: Allowance::new(terms.bytes_per_second_max),
            looked: Instant::now(),
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

    /// The partner sent so much.
    pub(super) fn spend(&mut self, bytes: u64) {
        let now = self.runtime.now().steady_millis;
        self.allowance.spend(bytes, now);
    }

    /// How long nothing further of the partner's is taken, because it sent more than it may in a second.
    pub(super) fn holds_back(&self) -> Option<Duration> {
        self.allowance.waits(self.runtime.now().steady_millis)
    }

    /// A sign of life: if need be it is dialled again soon.
    pub(super) fn alive(&mut self) {
        self.backoff.alive();
    }

    /// Hears of the organisation as it is now. If something is wanted of a partner whose link rests, it is dialled.
    pub(super) fn look(&mut self, org: &OrgSnapshot) {
        let (now, clocks) = (Instant::now(), self.runtime.now());
        self.looked = now;
        // A clock that leapt must not lay the very link to rest by which its partner could say so.
        let surely = org.clock(clocks).surely;
        let wanted = is_wanted(&org.state, self.partner, surely);
        if !self.rest.hear(wanted, now) {
            return;
        }
        self.backoff.alive();
        self.dial_at = now;
        self.runtime.metrics().link_resting(self.partner, false);
        self.runtime.link_registry().update(self.partner, |status| {
            if status.state == LinkState::Resting {
                status.turn(LinkState::Down, clocks);
            }
        });
        tracing::info!("a link rests no longer: something is shared again");
    }

    /// Whether a session that is up since then is to end, because nothing is shared any more.
    pub(super) fn is_due(&mut self, up_since: Instant) -> bool {
        // An offer may lapse, by the clock alone.
        if self.looked.elapsed() >= self.rest.rests().after {
            let org = self.runtime.snapshot();
            self.look(&org);
        }
        self.rest.is_due(up_since, Instant::now())
    }

    /// A connection ended, or an attempt failed: the next attempt waits. `agreed`: one side said that nothing is
    /// shared any more.
    pub(super) fn put_off(&mut self, agreed: bool) {
        let org = self.runtime.snapshot();
        self.look(&org);
        if self.rest.without_link(agreed, Instant::now()) {
            tracing::info!("a link rests: nothing is shared any more");
        }
        let jitter = u32::from(u16::from_be_bytes(random::bytes())) * 1000 / u32::from(u16::MAX);
        let delay = match self.rest.is_resting() {
            true => self.rest.look_in(jitter),
            false => {
                let steady_millis = self.runtime.now().steady_millis;
                Duration::from_millis(self.backoff.failed(steady_millis, jitter))
            }
        };
        self.dial_at = Instant::now() + delay;
        if self.rest.is_resting() {
            self.show_rest();
        }
    }

    /// Something changed about where the partner is: it is dialled without waiting longer, unless the link rests.
    pub(super) fn wake(&mut self) {
        if !self.rest.is_resting() {
            self.backoff.alive();
            self.dial_at = Instant::now();
        }
    }

    fn show_rest(&self) {
        let now = self.runtime.now();
        self.runtime.link_registry().update(self.partner, |status| {
            // The partner may have a session with us while we fail to dial it.
            if matches!(status.state, LinkState::Down | LinkState::Connecting) {
                status.turn(LinkState::Resting, now);
                status.last_problem = None;
                status.trouble = None;
            }
        });
        self.runtime.metrics().link_resting(self.partner, true);
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
            self.put_off(false);
            return;
        };
        self.runtime.link_registry().update(self.partner, |status| {
            if status.state == LinkState::Down {
                status.state = LinkState::Connecting;
            }
        });
        let (tls, partner, settings) = (self.tls.clone(), self.partner, self.settings);
        let (runtime, may_meet) = (self.runtime.clone(), self.meet_at <= Instant::now());
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
                    Err(error) => {
                        let met = match may_meet && may_be_keys(&error) {
                            true => {
                                Some(met(&runtime, &tls, settings.reach, partner, &address).await)
                            }
                            false => None,
                        };
                        last = Some(Undialled {
                            address,
                            error,
                            met,
                        });
                    }
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
                    Err(undialled) => {
                        self.failed(&undialled);
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

    fn failed(&mut self, undialled: &Undialled) {
        let Undialled {
            address,
            error,
            met,
        } = undialled;
        let problem = format!("{address}: {}", words::undialled(error));
        tracing::debug!(remote = address, error = %chain(error), "a partner could not be dialled");
        let clocks = self.runtime.now();
        self.runtime.link_registry().update(self.partner, |status| {
            if status.state == LinkState::Connecting {
                status.state = LinkState::Down;
            }
            let trouble = match error {
                DialError::WrongKey => Some(Trouble::WrongKey),
                DialError::Refused => Some(Trouble::Refused),
                _ => None,
            };
            // Nobody needs to do anything about a partner with whom nothing is shared. But one that has ended the
            // peering can say so in no other way.
            if status.state != LinkState::Resting || trouble == Some(Trouble::Refused) {
                status.fail_to_dial(problem, trouble, clocks);
            }
        });
        self.put_off(false);
        let now = Instant::now();
        if *met == Some(true) {
            // It may refuse us for another reason, and then it does so again: delays go on growing.
            self.meet_at = now + MET_AGAIN_PAUSE;
            if !self.rest.is_resting() {
                self.dial_at = now;
            }
        } else if met.is_some() {
            self.meet_at = now + MEET_AGAIN_PAUSE;
        }
    }
}

/// Whether whoever answers at `address` is the partner, and knows now who we are.
async fn met(runtime: &Runtime, tls: &Tls, reach: Reach, partner: OrgId, address: &str) -> bool {
    match meet(runtime, tls, reach, partner, address).await {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(remote = address, error = %chain(&error), "a partner was not met");
            false
        }
    }
}
