//! How many streams are followed, by whom: bounded for each caller and in all.
//!
//! Knows nothing of what is followed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use foedus_policy::action::Actor;
use tonic::Code;

use super::refusal::Refusal;
use super::repeat::source;
use crate::bounds::api::{SUBSCRIPTIONS_MAX, SUBSCRIPTIONS_PER_CALLER_MAX};

/// The streams that are open. Clones are cheap.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    callers: BTreeMap<Vec<u8>, usize>,
}

/// One stream, until it is dropped.
#[derive(Debug)]
pub struct OpenStream {
    streams: Streams,
    caller: Vec<u8>,
}

impl Streams {
    /// Counts one more, if it may be.
    pub fn open(&self, actor: &Actor) -> Result<OpenStream, Refusal> {
        let caller = source(actor);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.callers.get(&caller).copied().unwrap_or(0);
        let (what, most) = match () {
            () if own >= SUBSCRIPTIONS_PER_CALLER_MAX => {
                ("one caller", SUBSCRIPTIONS_PER_CALLER_MAX)
            }
            () if counts.total >= SUBSCRIPTIONS_MAX => ("all callers", SUBSCRIPTIONS_MAX),
            () => {
                counts.total += 1;
                counts.callers.insert(caller.clone(), own + 1);
                return Ok(OpenStream {
                    streams: self.clone(),
                    caller,
                });
            }
        };
        Err(Refusal::new(
            Code::ResourceExhausted,
            "STREAMS_TOO_MANY",
            format!("{what} follow at most {most} streams at a time"),
            "end another stream first, or follow several channels with one",
        ))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut counts = self
            .streams
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if let Some(own) = counts.callers.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                counts.callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foedus_policy::id::MemberId;
    use foedus_policy::state::Scopes;

    #[test]
    fn one_caller_leaves_room_for_others() {
        let streams = Streams::default();
        let member = |number| Actor::Member {
            member: MemberId([number; 16]),
            scopes: Scopes::default(),
        };
        let mut open: Vec<OpenStream> = (0..SUBSCRIPTIONS_PER_CALLER_MAX)
            .map(|_| streams.open(&member(1)).expect("room"))
            .collect();
        let refused = streams.open(&member(1)).expect_err("one too many");
        assert_eq!(refused.reason, "STREAMS_TOO_MANY");
        open.push(streams.open(&member(2)).expect("another's room"));
        open.remove(0);
        open.push(streams.open(&member(1)).expect("room again"));
        drop(open);
        let counts = streams.0.lock().expect("not poisoned");
        assert_eq!((counts.total, counts.callers.len()), (0, 0));
    }
}
