//! The task of one partner: connections come and go, one is kept, and the link machine speaks over it.

use std::sync::Arc;

use foedus_federation::frame::Goodbye;
use foedus_federation::link::Link;
use foedus_federation::transport::{AcceptedLink, Kept, LinkFailure, Reach, kept};
use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::OrgId;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Terms;
use super::doorway::{Doorway, Established};
use super::ending::Ending;
use super::session::Session;
use crate::bounds::LINK_INBOUND_BYTES_MAX;
use crate::runtime::{LinkState, Ours, Runtime, Trouble};

/// When the task of a partner begins and ends.
pub(super) struct Life {
    /// Tells it to end.
    pub(super) stop: CancellationToken,
    /// Cancelled when the task has ended that the partner had before: this one begins then.
    pub(super) before: Option<CancellationToken>,
    /// Cancelled by this one at its end.
    pub(super) ended: CancellationToken,
}

/// The link with one partner.
pub(super) struct PartnerLink {
    runtime: Runtime,
    us: OrgId,
    partner: OrgId,
    doorway: Doorway,
    /// For what came of it and is not dealt with, over all its connections.
    room: Arc<Semaphore>,
    stop: CancellationToken,
    /// The task that this partner had before, if it may not have ended yet.
    before: Option<CancellationToken>,
    /// Cancelled at the very end, however it comes.
    _ended: DropGuard,
}

impl PartnerLink {
    pub(super) fn new(
        runtime: &Runtime,
        ours: &Ours,
        partner: OrgId,
        accepted: mpsc::Receiver<AcceptedLink>,
        reach: Reach,
        terms: Terms,
        life: Life,
    ) -> Self {
        let Life {
            stop,
            before,
            ended,
        } = life;
        Self {
            runtime: runtime.clone(),
            us: ours.keys.org,
            partner,
            doorway: Doorway::new(runtime, ours.tls.clone(), partner, accepted, reach, terms),
            room: Arc::new(Semaphore::new(LINK_INBOUND_BYTES_MAX)),
            stop,
            before,
            _ended: ended.drop_guard(),
        }
    }

    /// Runs until the partner is active no more, or the daemon stops.
    pub(super) async fn run(mut self) {
        // A partner that was suspended and resumed at once: channels have to hear of the end of its last session
        // before they hear of a new one.
        if let Some(before) = self.before.take() {
            before.cancelled().await;
        }
        // Also of a partner that was away since before this run: who watches has to see that.
        self.runtime.metrics().link(self.partner, false, 0, None);
        self.runtime.metrics().link_resting(self.partner, false);
        // It is looked for from now on, and nobody has to wonder yet that it is not there.
        let now = self.runtime.now();
        let links = self.runtime.link_registry();
        links.update(self.partner, |status| status.turn(LinkState::Down, now));
        let machine = Link::new(
            self.us,
            self.partner,
            self.runtime.run(),
            self.runtime.snapshot(),
        );
        let mut machine = Some(machine);
        let mut next: Option<Established> = None;
        loop {
            let established = match next.take() {
                Some(established) => established,
                None => match self.wait().await {
                    Some(established) => established,
                    None => break,
                },
            };
            let link = machine.take().expect("it comes back from each session");
            let (link, replacement) = self.converse(link, established).await;
            machine = Some(link);
            next = replacement;
            if self.stop.is_cancelled() {
                if let Some(established) = next.take() {
                    established.session.handle.close(Goodbye::Restart).await;
                }
                break;
            }
        }
        self.doorway.stop_dialling();
        // Nobody need wonder that a partner which is none any more has no link.
        self.runtime.metrics().forget_link(self.partner);
    }

    /// Waits for a connection, and dials meanwhile.
    async fn wait(&mut self) -> Option<Established> {
        let mut org = self.runtime.org();
        let newest = org.borrow_and_update().clone();
        self.doorway.look(&newest);
        let mut addresses = newest.dial_addresses(self.partner);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                changed = org.changed() => {
                    changed.ok()?;
                    let newest = org.borrow_and_update().clone();
                    self.doorway.look(&newest);
                    let found = newest.dial_addresses(self.partner);
                    if found != addresses {
                        addresses = found;
                        self.doorway.wake();
                    }
                }
                established = self.doorway.next(true) => return Some(established),
            }
        }
    }

    /// One session, until it ends or another connection is kept in its place.
    async fn converse(
        &mut self,
        machine: Link,
        established: Established,
    ) -> (Link, Option<Established>) {
        if kept(self.us, self.partner) == Kept::Accepted || established.session.dialled {
            // What we dial would not be kept, or is what we have.
            self.doorway.stop_dialling();
        }
        let runtime = self.runtime.clone();
        let room = self.room.clone();
        let mut session = Session::begin(&runtime, machine, established, room);
        let (ending, replacement) = session.run(self.us, &mut self.doorway, &self.stop).await;
        let ending = self.told(ending);
        let machine = session.end(&ending).await;
        if replacement.is_none() {
            self.note_end(&ending);
            self.doorway.put_off(ending.is_agreed());
        }
        (machine, replacement)
    }

    /// The same, where it is we who take no link with the partner any more.
    fn told(&self, ending: Ending) -> Ending {
        let org = self.runtime.snapshot();
        let ours = matches!(
            ending,
            Ending::Stopped
                | Ending::Closed(Goodbye::Refused)
                | Ending::Failed(LinkFailure::Revoked)
        );
        match ours && carrier_allowed(&org.state, self.partner).is_err() {
            true => Ending::KeptOut,
            false => ending,
        }
    }

    fn note_end(&self, ending: &Ending) {
        let now = self.runtime.now();
        let problem = match ending {
            Ending::Stopped if !self.runtime.stopping().is_cancelled() => {
                "our own keys were renewed".to_owned()
            }
            ending => ending.to_string(),
        };
        tracing::info!(reason = problem, "a link has ended");
        tracing::debug!(?ending, "how the link ended");
        let mut lag_entries = 0;
        self.runtime.link_registry().update(self.partner, |status| {
            status.turn(LinkState::Down, now);
            lag_entries = status.lag_entries;
            let trouble = match ending {
                Ending::Closed(Goodbye::Version) => Some(Trouble::Version),
                Ending::Closed(Goodbye::Refused) => Some(Trouble::Refused),
                Ending::Closed(Goodbye::NothingShared) => Some(Trouble::Rests),
                _ => None,
            };
            status.fail(problem, trouble, now);
        });
        let metrics = self.runtime.metrics();
        metrics.link(self.partner, false, lag_entries, None);
    }
}
