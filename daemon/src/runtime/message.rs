//! What stands in the queues of the organisation and of the channels: an input, and who waits for its answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_federation::channel::{self, Posted, ReplyTo};
use foedus_federation::org;
use foedus_policy::action::Outcome;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// What an input holds of what a partner may have waiting here; given back once nothing that it led to is under way.
pub(crate) type Held = Option<Arc<OwnedSemaphorePermit>>;

/// An input of a scope, and who waits for its answer.
#[derive(Debug)]
pub(super) struct Message<Input, Done, Refused> {
    pub(super) input: Input,
    pub(super) reply: Option<(ReplyTo, oneshot::Sender<Result<Done, Refused>>)>,
    pub(super) held: Held,
}

/// For the organisation.
pub(super) type OrgMessage = Message<org::Input, Outcome, org::Refused>;

/// For a channel.
pub(super) type ChannelMessage = Message<channel::Input, Posted, channel::Refused>;

/// Who waits for the answers of a scope.
pub(super) type Replies<Done, Refused> = BTreeMap<ReplyTo, oneshot::Sender<Result<Done, Refused>>>;

impl<Input, Done, Refused> From<Input> for Message<Input, Done, Refused> {
    fn from(input: Input) -> Self {
        Self {
            input,
            reply: None,
            held: None,
        }
    }
}

impl<Input, Done, Refused> Message<Input, Done, Refused> {
    /// Of a partner, that holds this of what it may have waiting.
    pub(super) fn holding(input: Input, held: Held) -> Self {
        Self {
            held,
            ..input.into()
        }
    }
}
