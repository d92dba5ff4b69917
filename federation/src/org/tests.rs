//! The organisation over a store that fails.

use foedus_policy::action::Action;

use super::*;
use crate::batch::CommitOutcome;
use crate::testing::{OPERATOR, World};

mod clock;
mod partners;
pub(crate) mod renewals;

#[test]
fn keys_outlast_what_makes_the_scope_be_read_again() {
    let mut world = World::of(2);
    for outcome in [CommitOutcome::DiskFull, CommitOutcome::Unknown] {
        world.sides[0].outcomes = [outcome].into();
        let opened = Action::CreateChannel {
            name: "kitchen".to_owned(),
            topic: String::new(),
            private: false,
        };
        let result = world.try_act(0, OPERATOR, opened);
        assert!(matches!(result, Err(Refused::Failed(_))));
    }
    // Whoever has keys signs the peering.
    world.peer(0, 1);
    let partner = world.id(1);
    assert!(world.sides[0].snapshot.peerings.contains_key(&partner));
}
