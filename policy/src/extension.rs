//! What the extension of a project comes to: one answer, asked for by the rule, by what applies it,
//! and by whoever has to say it again.

use crate::id::{ChannelId, ProjectId};
use crate::state::{Sharing, State};
use crate::time::Timestamp;

/// The channels of a project, as an extension finds them. What has ended counts for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extension {
    /// Those that we host and that would end earlier, ascending.
    pub channels: Vec<ChannelId>,
    /// We host some.
    pub ours: bool,
    /// Others host some.
    pub others: bool,
    /// Some are offered, and their charter is not in force: what was offered has its end in it.
    pub unsealed: bool,
}

impl Extension {
    /// What an extension of `project` to `until` comes to at `now`.
    pub fn of(state: &State, project: ProjectId, until: Timestamp, now: Timestamp) -> Self {
        let mut found = Self::default();
        let of_project = |(_, channel): &(&ChannelId, &crate::state::Channel)| {
            channel.project == Some(project) && !channel.is_ended(now)
        };
        for (id, channel) in state.channels().iter().filter(of_project) {
            match &channel.sharing {
                Sharing::Local => {}
                Sharing::Offering { .. } | Sharing::Joining { .. } => found.unsealed = true,
                Sharing::Shared { host, .. } if Some(*host) != state.org() => found.others = true,
                Sharing::Shared { ends, .. } => {
                    found.ours = true;
                    if ends.is_some_and(|ends| ends < until) {
                        found.channels.push(*id);
                    }
                }
            }
        }
        found
    }
}
