//! The links of one daemon: who may connect, who is dialled, and what moves frames between a connection and the
//! machines.
//!
//! One task a partner owns the partner's link machine and at most one connection. What is decided here is about
//! connections only: which keys may have one, which of two is kept, when it is dialled, and when a link rests. Pairing
//! is served beside it and shares nothing with it but the port.

mod allowance;
mod delivery;
mod doorway;
mod ending;
mod frames;
mod meet;
mod pairing_host;
mod pairings;
mod partner;
mod rest;
mod session;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foedus_federation::key::VerifyingKey;
use foedus_federation::org::OrgSnapshot;
use foedus_federation::transport::tls::Tls;
use foedus_federation::transport::{
    AcceptCounters, AcceptLimits, Accepted, AcceptedLink, Acceptor, Reach, Source, pairing,
};
use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::OrgId;
use foedus_policy::state::PartnerState;
use foedus_policy::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::bounds::{
    ACCEPTED_PER_PARTNER_MAX, ORG_TICK, PAIRING_CONNECTIONS_MAX, PAIRING_TIMEOUT,
    PARTNER_BYTES_PER_SECOND_DEFAULT,
};
use crate::metrics::Metrics;
use crate::runtime::{Ours, Runtime};

use pairing_host::Host;
use pairings::Pairings;
use partner::{Life, PartnerLink};

pub use rest::Rests;
pub(crate) use words::undelivered;

/// On what terms links are kept with partners.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// When a link rests.
    pub rests: Rests,
    /// How much one partner may send in a second; what is beyond it waits.
    pub bytes_per_second_max: u64,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            rests: Rests::default(),
            bytes_per_second_max: PARTNER_BYTES_PER_SECOND_DEFAULT,
        }
    }
}

/// Serves links and pairing from the moment at which the organisation exists until the daemon stops.
pub fn spawn(
    runtime: &Runtime,
    listener: Option<TcpListener>,
    connections_per_source_max: usize,
    terms: Terms,
    tasks: &TaskTracker,
) {
    let limits = AcceptLimits {
        connections_per_source_max,
        ..AcceptLimits::default()
    };
    let keeper = Keeper {
        reach: runtime.reach(),
        terms,
        runtime: runtime.clone(),
        stopping: runtime.stopping(),
        partners: BTreeMap::new(),
        leaving: BTreeMap::new(),
        shown: None,
        told_claims: BTreeSet::new(),
        tasks: TaskTracker::new(),
    };
    tasks.spawn(keeper.run(listener, limits));
}

/// Whom there is a task for.
struct Partner {
    connections: mpsc::Sender<AcceptedLink>,
    stop: CancellationToken,
    ended: CancellationToken,
}

/// Keeps one task for each active partner, and the pins as the organisation has them.
struct Keeper {
    runtime: Runtime,
    reach: Reach,
    terms: Terms,
    stopping: CancellationToken,
    partners: BTreeMap<OrgId, Partner>,
    /// Tasks that were told to stop and may not have ended.
    leaving: BTreeMap<OrgId, CancellationToken>,
    /// What connections that arrive are shown.
    shown: Option<watch::Sender<Arc<Tls>>>,
    /// Who claims whose link key, as far as it was logged.
    told_claims: BTreeSet<(OrgId, OrgId)>,
    tasks: TaskTracker,
}

impl Keeper {
    async fn run(mut self, listener: Option<TcpListener>, limits: AcceptLimits) {
        let mut renewed = self.runtime.ours_watch();
        let Some(mut ours) = self.organisation(&mut renewed).await else {
            return;
        };
        let mut org = self.runtime.org();
        let (accepted, counters) = self.accept(listener, limits, &ours);
        let mut accepted = accepted;
        let mut pairings = Pairings::new(PAIRING_CONNECTIONS_MAX);
        let host = Host::new(self.runtime.clone());
        let mut ticks = tokio::time::interval(ORG_TICK);
        self.take_org(&org.borrow_and_update().clone(), &ours);
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                changed = org.changed() => match changed {
                    Ok(()) => self.take_org(&org.borrow_and_update().clone(), &ours),
                    Err(_) => break,
                },
                Ok(()) = renewed.changed() => if let Some(newer) = renewed.borrow_and_update().clone() {
                    ours = newer;
                    self.renew(&org.borrow_and_update().clone(), &ours);
                },
                Some(()) = pairings.ended() => {}
                Some(connection) = next(&mut accepted) => match connection {
                    Accepted::Link(link) => {
                        pairings.proved(link.partner, Source::of(link.peer.ip()));
                        self.take_link(link);
                    }
                    Accepted::Pairing(connection) => {
                        let source = Source::of(connection.peer.ip());
                        let host = Arc::new(host.of(source));
                        pairings.admit(source, pairing::serve(connection, host, PAIRING_TIMEOUT));
                    }
                },
                _ = ticks.tick() => {
                    self.runtime.publish_queues();
                    if let Some(counters) = &counters {
                        publish(counters, &self.runtime.metrics());
                    }
                }
            }
        }
        pairings.shutdown().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Waits until there is an organisation whose keys can be shown.
    async fn organisation(
        &self,
        ours: &mut watch::Receiver<Option<Arc<Ours>>>,
    ) -> Option<Arc<Ours>> {
        tokio::select! {
            () = self.stopping.cancelled() => None,
            found = ours.wait_for(Option::is_some) => found.ok().and_then(|found| found.clone()),
        }
    }

    /// Our keys are others from now on: links end, and begin anew under them.
    fn renew(&mut self, org: &OrgSnapshot, ours: &Ours) {
        if let Some(shown) = &self.shown {
            shown.send_replace(ours.tls.clone());
        }
        for (partner, task) in std::mem::take(&mut self.partners) {
            task.stop.cancel();
            self.leaving.insert(partner, task.ended);
        }
        self.take_org(org, ours);
    }

    fn accept(
        &mut self,
        listener: Option<TcpListener>,
        limits: AcceptLimits,
        ours: &Ours,
    ) -> (
        Option<mpsc::Receiver<Accepted>>,
        Option<Arc<AcceptCounters>>,
    ) {
        let Some(listener) = listener else {
            return (None, None);
        };
        let (shown, tls) = watch::channel(ours.tls.clone());
        self.shown = Some(shown);
        let (acceptor, accepted) = Acceptor::new(listener, tls, limits);
        let counters = acceptor.counters();
        self.tasks.spawn(acceptor.run(self.stopping.clone()));
        (Some(accepted), Some(counters))
    }

    /// Pins first: a partner that is suspended in this version loses its connection before anything else.
    fn take_org(&mut self, org: &OrgSnapshot, ours: &Ours) {
        let (pinned, claims) = pinned(org);
        ours.tls.pins().replace(pinned);
        for (partner, holder) in claims.difference(&self.told_claims) {
            tracing::error!(%partner, %holder, "a partner claims the link key of another; it gets no link");
        }
        self.told_claims = claims;
        let active = |partner: &OrgId| carrier_allowed(&org.state, *partner).is_ok();
        let partners = org.state.partners().iter();
        let partners = partners.filter(|(_, partner)| partner.state != PartnerState::Disconnected);
        let named = partners.map(|(id, partner)| (*id, partner.handle.to_string()));
        self.runtime.metrics().name_partners(named.collect());
        let links = self.runtime.link_registry();
        let leaving = &mut self.leaving;
        leaving.retain(|_, ended| !ended.is_cancelled());
        self.partners.retain(|partner, task| {
            let stays = active(partner);
            if !stays {
                task.stop.cancel();
                leaving.insert(*partner, task.ended.clone());
                links.forget(*partner);
            }
            stays
        });
        for (partner, _) in org.state.partners().iter().filter(|(id, _)| active(id)) {
            if !self.partners.contains_key(partner) {
                let task = self.start(*partner, ours);
                self.partners.insert(*partner, task);
            }
        }
    }

    fn start(&self, partner: OrgId, ours: &Ours) -> Partner {
        let (connections, accepted) = mpsc::channel(ACCEPTED_PER_PARTNER_MAX);
        let stop = self.stopping.child_token();
        let ended = CancellationToken::new();
        let link = PartnerLink::new(
            &self.runtime,
            ours,
            partner,
            accepted,
            self.reach,
            self.terms,
            Life {
                stop: stop.clone(),
                before: self.leaving.get(&partner).cloned(),
                ended: ended.clone(),
            },
        );
        let span = tracing::info_span!("link", %partner);
        self.tasks.spawn(link.run().instrument(span));
        Partner {
            connections,
            stop,
            ended,
        }
    }

    /// A connection for which there is no room closes; its partner dials again.
    fn take_link(&self, link: AcceptedLink) {
        if let Some(partner) = self.partners.get(&link.partner) {
            let _no_room = partner.connections.try_send(link).is_err();
        }
    }
}

/// Where others may send us. Who listens on this machine only has its partners there, too.
#[must_use]
pub fn reach(listener: Option<&TcpListener>) -> Reach {
    let own = listener.and_then(|listener| listener.local_addr().ok());
    match own.is_some_and(|own| own.ip().is_loopback()) {
        true => Reach::Everywhere,
        false => Reach::Elsewhere,
    }
}

async fn next(accepted: &mut Option<mpsc::Receiver<Accepted>>) -> Option<Accepted> {
    match accepted {
        Some(accepted) => accepted.recv().await,
        None => std::future::pending().await,
    }
}

/// The keys with which links may be, and who claims whose. One key stands for one partner: the organisation takes no
/// identity note that names another's. If two claim one all the same, it stays with the older peering.
fn pinned(org: &OrgSnapshot) -> (BTreeMap<VerifyingKey, OrgId>, BTreeSet<(OrgId, OrgId)>) {
    let since = |partner: &OrgId| {
        let known = org.state.partners().get(partner);
        known.map_or(Timestamp::ZERO, |known| known.since)
    };
    let mut all: Vec<(OrgId, [u8; 32])> = org.pins().collect();
    all.sort_by_key(|(partner, _)| (since(partner), *partner));
    let (mut pinned, mut claims) = (BTreeMap::new(), BTreeSet::new());
    for (partner, key) in all {
        let Ok(key) = VerifyingKey::from_bytes(&key) else {
            continue;
        };
        match pinned.get(&key) {
            Some(holder) => drop(claims.insert((partner, *holder))),
            None => drop(pinned.insert(key, partner)),
        }
    }
    (pinned, claims)
}

fn publish(counters: &AcceptCounters, metrics: &Metrics) {
    let counts = [
        ("arrived", &counters.arrived),
        ("link", &counters.links),
        ("pairing", &counters.pairings),
        ("refused_full", &counters.refused_full),
        ("displaced", &counters.displaced),
        ("timed_out", &counters.timed_out),
        ("failed", &counters.failed),
        ("refused_partner", &counters.refused_partner),
        ("system_error", &counters.system_errors),
    ];
    for (outcome, count) in counts {
        metrics.connections(outcome, count.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests;
