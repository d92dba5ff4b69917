//! Who wrote something, as it is shown to our own people.

use foedus_policy::id::{AuthorId, OrgId};

use crate::channel::{Author, ChannelView};
use crate::org::OrgSnapshot;

/// An author with what we know of its organisation. All of it is a label to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The organisation.
    pub org: OrgId,
    /// The author within the channel.
    pub author: AuthorId,
    /// What the channel knows of the author; `None` for the organisation itself and for whoever
    /// never joined.
    pub known: Option<Author>,
    /// The handle that the organisation claims, if it is known here.
    pub handle: Option<String>,
    /// Of another organisation than ours.
    pub external: bool,
    /// An administrator of ours compared the organisation's words, or it is ours.
    pub verified: bool,
    /// For an organisation that is no partner: who introduced it.
    pub introduced_by: Option<OrgId>,
}

/// Who an author of a channel is.
pub fn who(view: &ChannelView, org: &OrgSnapshot, origin: OrgId, author: AuthorId) -> Who {
    let ours = origin == view.us;
    let partner = org.state.partners().get(&origin);
    let introduced_by = match partner {
        None if !ours => org.introduced_by.get(&origin).copied(),
        _ => None,
    };
    Who {
        org: origin,
        author,
        known: view.authors.get(&(origin, author)).cloned(),
        handle: org.claimed_handle(origin),
        external: !ours,
        verified: ours || partner.is_some_and(|partner| partner.verified),
        introduced_by,
    }
}

impl OrgSnapshot {
    /// The handle that an organisation claims, as far as we know it.
    pub fn claimed_handle(&self, of: OrgId) -> Option<String> {
        let identity = self.identities.get(&of);
        let claimed = identity.map(|chain| chain.current().handle.to_string());
        claimed.or_else(|| {
            let partner = self.state.partners().get(&of)?;
            Some(partner.handle.to_string())
        })
    }
}
