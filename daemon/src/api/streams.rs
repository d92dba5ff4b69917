//! Places for the streams that callers follow, and what is said to whoever finds none.
//!
//! Knows nothing of what is followed.

use foedus_policy::action::Actor;
use tonic::Code;

use super::refusal::Refusal;
use super::repeat::source;
use crate::bounds::api::{SUBSCRIPTIONS_MAX, SUBSCRIPTIONS_PER_CALLER_MAX};
use crate::places::{Full, Place, Places};

/// The streams that are open.
#[derive(Debug)]
pub struct Streams(Places<Vec<u8>>);

/// One stream, until it is dropped.
pub type OpenStream = Place<Vec<u8>>;

impl Default for Streams {
    fn default() -> Self {
        Self(Places::new(SUBSCRIPTIONS_PER_CALLER_MAX, SUBSCRIPTIONS_MAX))
    }
}

impl Streams {
    /// Counts one more, if it may be.
    pub fn open(&self, actor: &Actor) -> Result<OpenStream, Refusal> {
        self.0.take(source(actor)).map_err(too_many)
    }
}

fn too_many(full: Full) -> Refusal {
    let (what, most) = match full {
        Full::Caller => ("one caller", SUBSCRIPTIONS_PER_CALLER_MAX),
        Full::All => ("all callers", SUBSCRIPTIONS_MAX),
    };
    Refusal::new(
        Code::ResourceExhausted,
        "STREAMS_TOO_MANY",
        format!("{what} follow at most {most} streams at a time"),
        "end another stream first, or follow several channels with one",
    )
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
        let _open: Vec<OpenStream> = (0..SUBSCRIPTIONS_PER_CALLER_MAX)
            .map(|_| streams.open(&member(1)).expect("room"))
            .collect();
        let refused = streams.open(&member(1)).expect_err("one too many");
        assert_eq!(refused.reason, "STREAMS_TOO_MANY");
        assert!(streams.open(&member(2)).is_ok(), "another's room");
    }
}
