//! What callers are told when something was not done with a channel: by the rule that refused, and with what there is
//! to type in just this case.

use foedus_federation::org;
use foedus_policy::id::ChannelId;
use foedus_policy::reason::Reason;
use foedus_policy::state::{RequestKind, Sharing};
use foedus_proto::api::v1;

use crate::api::Seen;
use crate::api::partner::refused::not_approached;
use crate::api::refusal::Refusal;

/// Where the request that stands in the way is known, with its number.
pub(super) fn not_shared(
    seen: &Seen,
    channel: ChannelId,
    request: &v1::ShareChannelRequest,
    refused: org::Refused,
) -> Refusal {
    let mut requests = seen.state().requests().iter();
    let waiting = requests.find(|(_, request)| {
        let share = matches!(request.kind, RequestKind::Share { .. });
        share && request.is_waiting() && request.kind.channel() == Some(channel)
    });
    match (refused, waiting) {
        (org::Refused::Denied(Reason::RequestExists), Some((number, _))) => Refusal {
            text: format!("{number} asks to share this channel already, and waits"),
            fix: format!("wait for an administrator to decide {number}"),
            ..Refusal::from(Reason::RequestExists)
        },
        (refused, _) => not_approached(seen, &request.partner, refused),
    }
}

/// What is shared ends first, and what has ended needs no archive.
pub(super) fn not_archived(seen: &Seen, channel: ChannelId, refused: org::Refused) -> Refusal {
    let known = seen.state().channels().get(&channel);
    let (org::Refused::Denied(Reason::ChannelShared), Some(known)) = (refused, known) else {
        return refused.into();
    };
    let (text, fix) = match known.is_ended(seen.now) {
        true => (
            "the channel has ended: it is put away already, can be read, and nothing can be added"
                .to_owned(),
            "nothing is to be done; `foedus channel list` leaves it out, and shows it with `--all`"
                .to_owned(),
        ),
        false => (
            "the channel is shared or offered".to_owned(),
            format!(
                "to end that, for good: `{}`; a channel that has ended is put away by that",
                seen.ending(channel)
            ),
        ),
    };
    Refusal {
        text,
        fix,
        ..Refusal::from(Reason::ChannelShared)
    }
}

/// Who hosts a channel ends it for all, and who does not leaves it.
pub(super) fn not_ended(seen: &Seen, channel: ChannelId, refused: org::Refused) -> Refusal {
    if refused == org::Refused::Denied(Reason::ChannelNotShared) {
        let known = seen.state().channels().get(&channel);
        let name = known.map_or_else(|| channel.to_string(), |known| known.name.to_string());
        return Refusal {
            text: format!("{name} is not shared with anybody, so there is nothing to end"),
            fix: format!("to put it away: `foedus --as NAME channel archive {name}`"),
            ..Refusal::from(Reason::ChannelNotShared)
        };
    }
    if refused != org::Refused::Denied(Reason::CauseInvalid) {
        return refused.into();
    }
    let (text, what) = match seen.hosts(channel) {
        true => (
            "this organisation hosts the channel, and a host can't withdraw",
            "end it for all",
        ),
        false => (
            "another organisation hosts the channel, and only its host can end it for all",
            "leave it",
        ),
    };
    Refusal {
        text: text.to_owned(),
        fix: format!("{what} with `{}`", seen.ending(channel)),
        ..Refusal::from(Reason::CauseInvalid)
    }
}

impl Seen {
    fn hosts(&self, channel: ChannelId) -> bool {
        let known = self.state().channels().get(&channel);
        known.is_some_and(|known| match &known.sharing {
            Sharing::Local | Sharing::Offering { .. } => true,
            Sharing::Joining { host, .. } | Sharing::Shared { host, .. } => {
                Some(*host) == self.org.org()
            }
        })
    }

    /// What an administrator types to end a shared channel for this organisation.
    fn ending(&self, channel: ChannelId) -> String {
        let how = match self.hosts(channel) {
            true => "terminate",
            false => "withdraw",
        };
        let known = self.state().channels().get(&channel);
        let name = known.map_or_else(|| channel.to_string(), |known| known.name.to_string());
        format!("foedus --as NAME channel {how} {name} --yes")
    }
}
