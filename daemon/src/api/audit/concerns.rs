//! Which other organisations a record of the audit log concerns: by what it names, and by what that is here.
//!
//! What is forgotten meanwhile, a request say, concerns nobody any more.

use foedus_federation::org_store::StoredAudit;
use foedus_policy::id::{ChannelId, InvitationId, OrgId, ProjectId, RequestNumber};
use foedus_policy::name::Handle;
use foedus_policy::state::{InvitationState, Person, RequestKind, Sharing};

use crate::api::Seen;

/// Whom and what a record is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::api) struct Concerns {
    /// The most direct first; never ourselves.
    pub(super) orgs: Vec<OrgId>,
    /// The project that it names.
    pub(super) project: Option<ProjectId>,
}

impl Seen {
    pub(in crate::api) fn concerns(&self, stored: &StoredAudit) -> Concerns {
        let details = stored.details.iter();
        let texts = std::iter::once(&stored.object).chain(details.clone().map(|(_, text)| text));
        let texts: Vec<&str> = texts.chain([&stored.actor]).map(String::as_str).collect();
        let mut orgs: Vec<OrgId> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        let by_handle = details.filter(|(name, _)| matches!(name.as_str(), "partner" | "handle"));
        let verb = &stored.verb;
        let object = verb.starts_with("partner.") || verb.starts_with("invitation.");
        let object = object.then_some(&stored.object);
        for handle in by_handle.map(|(_, text)| text).chain(object) {
            let handle = Handle::parse(handle).ok();
            orgs.extend(handle.and_then(|handle| self.state().partner_named(&handle)));
        }
        for text in &texts {
            self.behind(text, &mut orgs);
        }
        let us = self.org.org();
        let mut told = Vec::new();
        for org in orgs {
            if Some(org) != us && !told.contains(&org) {
                told.push(org);
            }
        }
        Concerns {
            orgs: told,
            project: texts.iter().find_map(|text| text.parse().ok()),
        }
    }

    /// The organisations behind an identifier of something else.
    fn behind(&self, text: &str, orgs: &mut Vec<OrgId>) {
        let state = self.state();
        let named = |handle: &Handle| state.partner_named(handle);
        if let Ok(channel) = text.parse::<ChannelId>() {
            match state.channels().get(&channel).map(|known| &known.sharing) {
                Some(Sharing::Shared { participants, .. }) => orgs.extend(participants.keys()),
                Some(Sharing::Offering { handle, .. }) => orgs.extend(named(handle)),
                Some(Sharing::Joining { host, .. }) => orgs.push(*host),
                Some(Sharing::Local) | None => {}
            }
        } else if let Some(number) = text.strip_prefix("REQ-") {
            let number = number.parse().ok().map(RequestNumber);
            let known = number.and_then(|number| state.requests().get(&number));
            let Some(request) = known else { return };
            match &request.kind {
                RequestKind::Share { partner, .. } => orgs.extend(named(partner)),
                RequestKind::Peer { partner, .. } => orgs.push(*partner),
                RequestKind::Join { host, .. } => orgs.push(*host),
            }
            if let Person::Partner(org) = request.by {
                orgs.push(org);
            }
        } else if let Ok(invitation) = text.parse::<InvitationId>() {
            let Some(known) = state.invitations().get(&invitation) else {
                return;
            };
            orgs.extend(known.expects.as_ref().and_then(named));
            if let InvitationState::Used { by } = known.state {
                orgs.push(by);
            }
        }
    }
}
