//! Every kind of frame, from everybody who may not send it, and every way in which an origin can be
//! wrong, by every path: what becomes of it, under which rule it is accounted, and that nothing
//! else changes.
//!
//! The rows are named after mistakes that other federated messengers made and published, where one
//! fits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_policy::id::ChannelId;

use super::{Side, World};
use crate::charter::Charter;
use crate::message::Govern;
use crate::note::NoteType;
use crate::note::value::LogHead;

mod carriers;
mod origins;

pub(crate) fn newest(world: &World, channel: ChannelId) -> Option<&Charter> {
    let view = world.sides[0].views.get(&channel)?;
    Some(view.governance.newest()?.charter())
}

/// Puts a next revision in force that needs nobody's consent.
pub(crate) fn revise(world: &mut World, channel: ChannelId, change: impl FnOnce(&mut Charter)) {
    let before = newest(world, channel)
        .expect("a charter is in force")
        .clone();
    let mut next = Charter {
        number: before.number + 1,
        predecessor: Some(before.hash()),
        finals: [].into(),
        ..before
    };
    change(&mut next);
    let hash = next.hash();
    world.govern(0, channel, Govern::Propose(Arc::new(next)));
    assert_eq!(newest(world, channel).expect("sealed").hash(), hash);
}

/// Leaves a participant out; its words count as far as they are held.
pub(crate) fn remove(world: &mut World, channel: ChannelId, at: usize) {
    let removed = world.id(at);
    let logs = world.sides[0].view(channel).logs.clone();
    revise(world, channel, |next| {
        next.participants.remove(&removed);
        next.finals = logs
            .iter()
            .filter(|(id, _)| id.origin == removed)
            .map(|(id, log)| {
                let head = LogHead {
                    size: log.size(),
                    root: log.frontier.root(),
                };
                ((id.origin, id.incarnation), head)
            })
            .collect();
    });
}

/// What happened to a side since it was looked at.
struct Before {
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    rejects: usize,
    closed: usize,
    sent: usize,
}

impl Before {
    fn of(side: &Side) -> Self {
        Self {
            store: side.store.clone(),
            rejects: side.rejects.len(),
            closed: side.closed.len(),
            sent: side.sent.len(),
        }
    }

    /// Keys that were added, removed or changed.
    fn changed(&self, side: &Side) -> BTreeSet<Vec<u8>> {
        let keys = self.store.keys().chain(side.store.keys());
        keys.filter(|key| self.store.get(*key) != side.store.get(*key))
            .cloned()
            .collect()
    }
}
