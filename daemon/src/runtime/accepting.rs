//! How many invitations are being taken up, by whom: bounded for each caller and in all.
//!
//! Each dials addresses that somebody else wrote down, and goes on when its caller is gone: without a bound, whoever
//! may ask could have the daemon wait at as many silent addresses as it has descriptors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use foedus_policy::action::Actor;
use foedus_policy::id::MemberId;

use crate::bounds::{ACCEPTING_MAX, ACCEPTING_PER_CALLER_MAX};

/// In whose name; `None` is the operator in nobody's.
type Caller = Option<MemberId>;

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Accepting(Arc<Mutex<BTreeMap<Caller, usize>>>);

/// One that is under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    accepting: Arc<Mutex<BTreeMap<Caller, usize>>>,
    caller: Caller,
}

/// As many as may be are under way.
#[derive(Debug)]
pub(super) struct NoRoom;

impl Accepting {
    /// Counts one more, if it may be.
    pub(super) fn begin(&self, actor: &Actor) -> Result<Place, NoRoom> {
        let caller = match actor {
            Actor::Operator { as_member, .. } => *as_member,
            Actor::Member { member, .. } => Some(*member),
            Actor::Partner(_) | Actor::System => None,
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.get(&caller).copied().unwrap_or(0);
        if own >= ACCEPTING_PER_CALLER_MAX || counts.values().sum::<usize>() >= ACCEPTING_MAX {
            return Err(NoRoom);
        }
        counts.insert(caller, own + 1);
        Ok(Place {
            accepting: Arc::clone(&self.0),
            caller,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = counts.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_own_and_all_have_a_bound() {
        let accepting = Accepting::default();
        let caller = |number| Actor::Operator {
            uid: 1000,
            as_member: Some(MemberId([number; 16])),
        };
        let mut held = Vec::new();
        let mut numbers = (0..u8::MAX).flat_map(|number| [number; ACCEPTING_PER_CALLER_MAX]);
        for number in numbers.by_ref().take(ACCEPTING_MAX) {
            held.push(accepting.begin(&caller(number)).expect("room"));
        }
        assert!(accepting.begin(&caller(u8::MAX)).is_err());
        held.remove(0);
        assert!(accepting.begin(&caller(1)).is_err(), "it has its own");
        held.push(accepting.begin(&caller(u8::MAX)).expect("room again"));
        held.clear();
        assert!(accepting.0.lock().expect("not poisoned").is_empty());
    }
}
