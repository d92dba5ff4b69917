//! What the runtime and the links have in common: the queues by which channels speak to links, and how each
//! link is.
//!
//! Knows nothing of connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foedus_federation::channel::FeedStart;
use foedus_federation::frame::Frame;
use foedus_federation::org::OrgSnapshot;
use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::state::PartnerState;
use foedus_policy::time::{Now, Timestamp};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::bounds::{HELD_BACK_SHOWN_MILLIS, VERSION_SAID_MILLIS};

/// What a channel says to the link of one partner.
#[derive(Debug, Clone)]
pub enum ToLink {
    /// To send a frame.
    Send(ChannelId, Frame),
    /// To send what the partner subscribed to.
    Feed(ChannelId, FeedStart),
    /// To send nothing more of a channel.
    StopFeed(ChannelId),
    /// To say anew that there is a session.
    Attach(ChannelId),
    /// All that the channel knew of sessions is forgotten.
    Forgotten(ChannelId),
}

/// How far a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkState {
    /// There is none.
    #[default]
    Down,
    /// Somebody is dialling.
    Connecting,
    /// Hellos were exchanged.
    Up,
    /// There is none, for nothing is shared any more.
    Resting,
}

/// Why there is no link with a partner, where more is known than that it can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Whoever answers has another key than the partner's.
    WrongKey,
    /// The two speak no version in common.
    Version,
    /// The partner takes no link with us.
    Refused,
    /// The partner shares nothing with us, by what it knows, and looks in from time to time.
    Rests,
}

/// How the link of one partner is.
#[derive(Debug, Clone, Default)]
pub struct LinkStatus {
    /// How far it is.
    pub state: LinkState,
    /// Since when, in milliseconds of the steady clock: the other may leap meanwhile. At first, since the start.
    pub since_steady_millis: u64,
    /// When the partner last said anything.
    pub last_seen: Option<Timestamp>,
    /// Arrivals of all common channels that the partner has not acknowledged. Without a link: as the last one left it.
    pub lag_entries: u64,
    /// When that was so; `None`: there has been no link.
    pub lag_known_at: Option<Timestamp>,
    /// How far the partner's clock is ahead of ours, by its last hello.
    pub clock_skew_millis: Option<i64>,
    /// The address at the other end.
    pub remote_address: Option<String>,
    /// Whether we dialled.
    pub dialled: bool,
    /// When something that the partner sent was last held back, in milliseconds of the steady clock.
    pub held_back_steady_millis: Option<u64>,
    /// Why the last link ended, or the last attempt failed.
    pub last_problem: Option<String>,
    /// What that is, where it tells an administrator what to do.
    pub trouble: Option<Trouble>,
    /// When that was found, in milliseconds of the steady clock.
    pub trouble_steady_millis: u64,
}

impl LinkStatus {
    /// From now on it is so.
    pub fn turn(&mut self, state: LinkState, now: Now) {
        self.state = state;
        self.since_steady_millis = now.steady_millis;
    }

    /// There is no link, and this is why.
    pub fn fail(&mut self, problem: String, trouble: Option<Trouble>, now: Now) {
        self.last_problem = Some(problem);
        self.trouble = trouble;
        self.trouble_steady_millis = now.steady_millis;
    }

    /// The partner could not be dialled. What it said itself when it last dialled us says more than that: who can't be
    /// dialled at all would otherwise never be known to speak another version.
    pub fn fail_to_dial(&mut self, problem: String, trouble: Option<Trouble>, now: Now) {
        let since = now.steady_millis.saturating_sub(self.trouble_steady_millis);
        let says = self.trouble == Some(Trouble::Version) && since < VERSION_SAID_MILLIS;
        if trouble.is_some() || !says {
            self.fail(problem, trouble, now);
        }
    }

    /// Whether the partner sent more than it may, a moment ago at most.
    #[must_use]
    pub fn is_held_back(&self, now: Now) -> bool {
        let since = |at: u64| now.steady_millis.saturating_sub(at);
        let at = self.held_back_steady_millis;
        at.is_some_and(|at| since(at) < HELD_BACK_SHOWN_MILLIS)
    }

    /// For how long it has been as it is, in milliseconds.
    #[must_use]
    pub fn lasts_millis(&self, now: Now) -> u64 {
        now.steady_millis.saturating_sub(self.since_steady_millis)
    }
}

/// All links, as seen from the rest of the daemon. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Links {
    org: watch::Receiver<Arc<OrgSnapshot>>,
    shared: Arc<Mutex<Shared>>,
    detached: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Shared {
    /// How many sessions there have been, of all partners.
    attached: u64,
    sessions: BTreeMap<OrgId, SessionQueue>,
    status: BTreeMap<OrgId, LinkStatus>,
}

#[derive(Debug)]
struct SessionQueue {
    number: u64,
    messages: mpsc::Sender<ToLink>,
    /// Cancelled when the queue is full: the session must end.
    overflown: CancellationToken,
}

impl Links {
    pub(super) fn new(org: watch::Receiver<Arc<OrgSnapshot>>) -> Self {
        Self {
            org,
            shared: Arc::default(),
            detached: Arc::default(),
        }
    }

    /// The state stays consistent at every point at which a panic could leave it.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session begins: from now on channels speak to it. `overflown` is cancelled when it takes too little.
    /// Returns its number, which no other session of this run has.
    pub fn attach(
        &self,
        partner: OrgId,
        messages: mpsc::Sender<ToLink>,
        overflown: CancellationToken,
    ) -> u64 {
        let mut shared = self.lock();
        shared.attached += 1;
        let number = shared.attached;
        let queue = SessionQueue {
            number,
            messages,
            overflown,
        };
        shared.sessions.insert(partner, queue);
        number
    }

    /// A session ended. A newer one of the same partner stays.
    pub fn detach(&self, partner: OrgId, number: u64) {
        let mut shared = self.lock();
        if shared
            .sessions
            .get(&partner)
            .is_some_and(|queue| queue.number == number)
        {
            shared.sessions.remove(&partner);
            self.detached.notify_waiters();
        }
    }

    /// Waits until none of the sessions that there are now is left.
    pub(super) async fn all_replaced(&self) {
        let newest = self.lock().attached;
        loop {
            let detached = self.detached.notified();
            tokio::pin!(detached);
            // Before it is looked: what ends meanwhile is not missed.
            detached.as_mut().enable();
            let replaced = |queue: &SessionQueue| queue.number > newest;
            if self.lock().sessions.values().all(replaced) {
                return;
            }
            detached.await;
        }
    }

    /// Changes what is known of a link.
    pub fn update(&self, partner: OrgId, change: impl FnOnce(&mut LinkStatus)) {
        change(self.lock().status.entry(partner).or_default());
    }

    /// Forgets a link that can't be any more, but for when its partner was last seen, and what it had by then.
    pub fn forget(&self, partner: OrgId) {
        if let Some(status) = self.lock().status.get_mut(&partner) {
            *status = LinkStatus {
                last_seen: status.last_seen,
                lag_entries: status.lag_entries,
                lag_known_at: status.lag_known_at,
                ..LinkStatus::default()
            };
        }
    }

    /// How the link of every partner is that is active, or was.
    #[must_use]
    pub fn status(&self) -> BTreeMap<OrgId, LinkStatus> {
        let org = self.org.borrow().clone();
        let shared = self.lock();
        org.state
            .partners()
            .iter()
            .filter(|(_, partner)| {
                matches!(
                    partner.state,
                    PartnerState::Active | PartnerState::Suspended
                )
            })
            .map(|(id, _)| (*id, shared.status.get(id).cloned().unwrap_or_default()))
            .collect()
    }

    /// Says something to the session of one partner, if there is one.
    pub(super) fn tell(&self, partner: OrgId, message: ToLink) {
        let shared = self.lock();
        if let Some(queue) = shared.sessions.get(&partner) {
            queue.offer(message);
        }
    }

    /// Says something to all sessions.
    pub(super) fn tell_all(&self, message: &ToLink) {
        for queue in self.lock().sessions.values() {
            queue.offer(message.clone());
        }
    }
}

impl SessionQueue {
    fn offer(&self, message: ToLink) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.messages.try_send(message) {
            self.overflown.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_partner_said_outlives_that_it_can_t_be_dialled() {
        let at = |steady_millis| Now {
            wall: Timestamp(1_800_000_000_000),
            steady_millis,
        };
        let mut status = LinkStatus::default();
        status.fail(
            "no version in common".to_owned(),
            Some(Trouble::Version),
            at(1),
        );
        status.fail_to_dial("nobody answers".to_owned(), None, at(VERSION_SAID_MILLIS));
        assert_eq!(status.trouble, Some(Trouble::Version));
        assert_eq!(status.last_problem.as_deref(), Some("no version in common"));
        // Whoever answers in its place is what matters now.
        let mut robbed = status.clone();
        robbed.fail_to_dial("another key".to_owned(), Some(Trouble::WrongKey), at(2));
        assert_eq!(robbed.trouble, Some(Trouble::WrongKey));
        robbed.fail_to_dial("nobody answers".to_owned(), None, at(3));
        assert_eq!(robbed.trouble, None);
        // Who has not come again for so long may speak another one by now.
        status.fail_to_dial(
            "nobody answers".to_owned(),
            None,
            at(VERSION_SAID_MILLIS + 1),
        );
        assert_eq!(status.trouble, None);
        assert_eq!(status.last_problem.as_deref(), Some("nobody answers"));
    }
}
