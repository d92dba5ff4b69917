//! Places for what callers have under way: bounded for each caller and in all.
//!
//! Knows nothing of what is under way, nor of what is told to whoever finds no place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Places, and who has how many of them. Clones share them.
#[derive(Debug, Clone)]
pub struct Places<C: Ord> {
    per_caller_max: usize,
    max: usize,
    taken: Arc<Mutex<Taken<C>>>,
}

#[derive(Debug)]
struct Taken<C> {
    total: usize,
    callers: BTreeMap<C, usize>,
}

/// One that is taken, until it is dropped.
#[derive(Debug)]
pub struct Place<C: Ord> {
    taken: Arc<Mutex<Taken<C>>>,
    caller: C,
}

/// There is no place: which bound is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// That of this caller; others may have room.
    Caller,
    /// That of all callers together.
    All,
}

impl<C: Ord + Clone> Places<C> {
    /// As many, all free.
    #[must_use]
    pub fn new(per_caller_max: usize, max: usize) -> Self {
        let taken = Taken {
            total: 0,
            callers: BTreeMap::new(),
        };
        Self {
            per_caller_max,
            max,
            taken: Arc::new(Mutex::new(taken)),
        }
    }

    /// Takes one more, if there is one.
    pub fn take(&self, caller: C) -> Result<Place<C>, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.callers.get(&caller).copied().unwrap_or(0);
        if own >= self.per_caller_max {
            return Err(Full::Caller);
        }
        if taken.total >= self.max {
            return Err(Full::All);
        }
        taken.total += 1;
        taken.callers.insert(caller.clone(), own + 1);
        Ok(Place {
            taken: Arc::clone(&self.taken),
            caller,
        })
    }
}

impl<C: Ord> Drop for Place<C> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        if let Some(own) = taken.callers.get_mut(&self.caller) {
            *own -= 1;
            // A caller that has none is forgotten: of those there can be any number.
            if *own == 0 {
                taken.callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_own_and_all_have_a_bound() {
        let places = Places::new(2, 3);
        let mut held = vec![
            places.take(1).expect("a place"),
            places.take(1).expect("a place"),
        ];
        assert_eq!(places.take(1).expect_err("one too many"), Full::Caller);
        held.push(places.take(2).expect("another's place"));
        assert_eq!(places.take(2).expect_err("all are taken"), Full::All);
        held.remove(0);
        held.push(places.clone().take(3).expect("the one that is free again"));
        assert_eq!(places.take(1).expect_err("all are taken"), Full::All);
        drop(held);
        let taken = places.taken.lock().expect("not poisoned");
        assert_eq!((taken.total, taken.callers.len()), (0, 0));
    }
}
