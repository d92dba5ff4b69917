//! What stands in the queues of the organisation and of the channels: an input, and who waits for its answer.

use std::collections::BTreeMap;

use foedus_federation::channel::{self, Posted, ReplyTo};
use foedus_federation::org;
use foedus_policy::action::Outcome;
use tokio::sync::oneshot;

/// An input of a scope, and who waits for its answer.
#[derive(Debug)]
pub(super) struct Message<Input, Done, Refused> {
    pub(super) input: Input,
    pub(super) reply: Option<(ReplyTo, oneshot::Sender<Result<Done, Refused>>)>,
}

/// For the organisation.
pub(super) type OrgMessage = Message<org::Input, Outcome, org::Refused>;

/// For a channel.
pub(super) type ChannelMessage = Message<channel::Input, Posted, channel::Refused>;

/// Who waits for the answers of a scope.
pub(super) type Replies<Done, Refused> = BTreeMap<ReplyTo, oneshot::Sender<Result<Done, Refused>>>;

impl<Input, Done, Refused> From<Input> for Message<Input, Done, Refused> {
    fn from(input: Input) -> Self {
        Self { input, reply: None }
    }
}
