//! The six words of a pairing, while somebody here has to compare them, and what there is to type then. The commands
//! are written here once: callers are shown them, and told them when the words were others.

use foedus_policy::id::OrgId;
use foedus_policy::state::{PartnerState, RequestKind};

use super::super::Seen;

/// What waits to be compared with a partner's administrator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::api) struct Comparison {
    /// The words.
    pub(in crate::api) words: Vec<String>,
    /// What to type when they are the same.
    pub(in crate::api) same: String,
    /// What to type when they differ: it ends the pairing, whichever side of the invitation we are on.
    pub(in crate::api) differ: String,
}

impl Seen {
    /// `None` when nothing waits to be compared with this organisation.
    pub(in crate::api) fn comparison(&self, org: OrgId) -> Option<Comparison> {
        let known = self.state().partners().get(&org)?;
        let (same, differ) = match known.state {
            // Nothing waits but the partner itself, which only a disconnection takes away.
            PartnerState::Replied => (
                format!("partner confirm {} --words \"...\"", known.handle),
                format!("partner disconnect {} --yes", known.handle),
            ),
            PartnerState::Accepted => {
                let number = self.request_of(org)?;
                let kind = self
                    .state()
                    .requests()
                    .get(&number)
                    .map(|known| &known.kind);
                let name = match kind {
                    Some(RequestKind::Peer { offer: Some(_), .. }) => " --channel NAME",
                    _ => "",
                };
                (
                    format!("request approve {number} --words \"...\"{name}"),
                    format!("request decline {number}"),
                )
            }
            PartnerState::Active | PartnerState::Suspended | PartnerState::Disconnected => {
                return None;
            }
        };
        let in_a_name = |command: String| format!("foedus --as NAME {command}");
        Some(Comparison {
            words: known.words.to_vec(),
            same: in_a_name(same),
            differ: in_a_name(differ),
        })
    }

    /// Whether a partner's administrator has said yes to this peering, as far as we have heard. What was said to an
    /// earlier one, by another invitation, counts for nothing.
    pub(in crate::api) fn has_approved_us(&self, org: OrgId) -> bool {
        let known = self.state().partners().get(&org);
        let theirs = self.org.their_peerings.get(&org);
        known
            .zip(theirs)
            .is_some_and(|(known, theirs)| theirs.note().invitation == known.invitation)
    }
}
