//! An organisation for tests: made by the same gate and the same changes as any other.

use std::collections::BTreeMap;

use crate::action::{AcceptedInvitation, Action, Actor, Ends, Given, Outcome, Reply};
use crate::apply::{Applied, apply};
use crate::decide::decide;
use crate::id::{ChannelId, MemberId, NoteHash, OrgId, RequestNumber};
use crate::name::Label;
use crate::reason::Reason;
use crate::state::{InvitationId, Offer, Scopes, State};
pub(crate) use crate::time::DAY_MILLIS;
use crate::time::Timestamp;
use crate::vocabulary::{Access, Capabilities, Capability};

pub(crate) const US: OrgId = OrgId([1; 32]);
pub(crate) const GLOBEX: OrgId = OrgId([2; 32]);
pub(crate) const INITECH: OrgId = OrgId([3; 32]);
pub(crate) const OPERATOR: Actor = Actor::Operator {
    uid: 1000,
    as_member: None,
};
pub(crate) const WITHOUT_ADMINISTER: Scopes = Scopes {
    administer: false,
    ..Scopes::ALL
};
pub(crate) const WORDS: &str = "able acid baby cage dad each";
pub(crate) const START: Timestamp = Timestamp(1_000 * DAY_MILLIS);

pub(crate) fn words() -> [String; 6] {
    let mut words = WORDS.split(' ').map(String::from);
    std::array::from_fn(|_| words.next().expect("there are six"))
}

/// A member, by whoever is at the administration socket.
pub(crate) fn at_the_socket(id: MemberId) -> Actor {
    Actor::Operator {
        uid: 1000,
        as_member: Some(id),
    }
}

pub(crate) fn member(id: MemberId) -> Actor {
    Actor::Member {
        member: id,
        scopes: Scopes::ALL,
    }
}

pub(crate) fn label(text: &str) -> Label {
    Label::parse(text).expect("a valid label")
}

pub(crate) fn capabilities() -> Capabilities {
    [Capability::Post, Capability::Edit].into_iter().collect()
}

/// A state with a clock and as much entropy as it takes.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) drawn: u64,
}

impl World {
    pub(crate) fn empty() -> Self {
        Self {
            state: State::default(),
            now: START,
            drawn: 0,
        }
    }

    /// `acme.example` with the administrator `anna`.
    pub(crate) fn acme() -> Self {
        let mut world = Self::empty();
        world.must(OPERATOR, init());
        world
    }

    pub(crate) fn decided(&self, actor: Actor, action: &Action) -> Result<(), Reason> {
        decide(&self.state, &actor, action, self.now)
            .into_result()
            .map(drop)
    }

    pub(crate) fn try_act(&mut self, actor: Actor, action: &Action) -> Result<Applied, Reason> {
        let permit = decide(&self.state, &actor, action, self.now).into_result()?;
        self.drawn += 1;
        let mut entropy = [0; 64];
        entropy[..8].copy_from_slice(&self.drawn.to_be_bytes());
        let addresses = vec!["acme.example:7000".to_owned()];
        Ok(apply(
            &mut self.state,
            permit,
            &Given {
                now: self.now,
                entropy,
                addresses,
            },
        ))
    }

    pub(crate) fn must(&mut self, actor: Actor, action: Action) -> Outcome {
        match self.try_act(actor, &action) {
            Ok(applied) => applied.outcome,
            Err(reason) => panic!("{action:?} by {actor:?} was refused: {reason}"),
        }
    }

    pub(crate) fn anna(&self) -> MemberId {
        self.state
            .member_named("anna")
            .expect("she came with the organisation")
    }

    /// An administrator who did not ask, if there is one besides Anna.
    pub(crate) fn other_eyes(&self) -> Actor {
        let members = self.state.members().iter();
        let mut others = members.filter(|(_, known)| known.administrator && known.active);
        let other = others.find(|(id, _)| **id != self.anna());
        at_the_socket(other.map_or(self.anna(), |(id, _)| *id))
    }

    pub(crate) fn add(&mut self, name: &str, administrator: bool) -> MemberId {
        match self.must(OPERATOR, add_member(name, administrator)) {
            Outcome::MemberAdded { member } => member,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn channel(&mut self, by: Actor, name: &str, private: bool) -> ChannelId {
        match self.must(by, create_channel(name, private)) {
            Outcome::ChannelCreated { channel, .. } => channel,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn requested(&mut self, actor: Actor, action: Action) -> RequestNumber {
        match self.must(actor, action) {
            Outcome::Requested { number } => number,
            other => panic!("{other:?}"),
        }
    }

    /// Shares a new channel of this name with a new partner, up to the open invitation.
    pub(crate) fn offered(&mut self, name: &str, handle: &str) -> (ChannelId, InvitationId) {
        let channel = self.channel(member(self.anna()), name, false);
        let number = self.requested(
            member(self.anna()),
            share(channel, handle, self.launch_end()),
        );
        match self.must(self.other_eyes(), approve(number, None, None)) {
            Outcome::Invited { invitation, .. } => (channel, invitation),
            other => panic!("{other:?}"),
        }
    }

    /// As `offered`, and the partner has replied and is confirmed.
    pub(crate) fn active(&mut self, name: &str, handle: &str, partner: OrgId) -> ChannelId {
        let (channel, invitation) = self.offered(name, handle);
        self.must(Actor::Partner(partner), reply(invitation, partner, handle));
        self.must(self.other_eyes(), confirm(partner));
        channel
    }

    /// As `active`, and the channel is under its charter.
    pub(crate) fn shared(&mut self, name: &str, handle: &str, partner: OrgId) -> ChannelId {
        let channel = self.active(name, handle, partner);
        self.must(
            Actor::System,
            sealed(channel, US, &[US, partner], self.launch_end()),
        );
        channel
    }

    /// Takes up an invitation of a partner that brings `offer`, up to the waiting request.
    pub(crate) fn accepted(&mut self, partner: OrgId, offer: Option<Offer>) -> RequestNumber {
        self.requested(
            OPERATOR,
            Action::AcceptInvitation(Box::new(accept(partner, offer))),
        )
    }

    /// When the project ends that `share` names: in 30 days from when that was first asked.
    pub(crate) fn launch_end(&self) -> Option<Timestamp> {
        let project = self.state.project_named("Launch");
        project.map_or_else(|| self.soon(), |id| self.state.projects()[&id].ends)
    }

    pub(crate) fn soon(&self) -> Option<Timestamp> {
        Some(self.now.plus_millis(30 * DAY_MILLIS))
    }
}

pub(crate) fn init() -> Action {
    Action::Init {
        org: US,
        root: [11; 32],
        handle: "acme.example".into(),
        display_name: "Acme".into(),
        administrator: "anna".into(),
    }
}

pub(crate) fn add_member(name: &str, administrator: bool) -> Action {
    Action::AddMember {
        name: name.into(),
        display_name: "Somebody".into(),
        administrator,
    }
}

pub(crate) fn create_channel(name: &str, private: bool) -> Action {
    Action::CreateChannel {
        name: name.into(),
        topic: String::new(),
        private,
    }
}

pub(crate) fn create_token(member: MemberId, scopes: Scopes) -> Action {
    Action::CreateToken {
        member,
        name: "laptop".into(),
        scopes,
        expires: None,
    }
}

pub(crate) fn share(channel: ChannelId, partner: &str, ends: Option<Timestamp>) -> Action {
    Action::ShareChannel {
        channel,
        partner: partner.into(),
        project: "Launch".into(),
        ends: ends.map_or(Ends::WithProject, Ends::At),
        capabilities: capabilities(),
        history: false,
        purpose: "to launch".into(),
    }
}

pub(crate) fn approve(
    number: RequestNumber,
    words: Option<&str>,
    channel_name: Option<&str>,
) -> Action {
    Action::ApproveRequest {
        number,
        words: words.map(Into::into),
        channel_name: channel_name.map(Into::into),
        private: true,
    }
}

pub(crate) fn reply(invitation: InvitationId, partner: OrgId, handle: &str) -> Action {
    Action::RecordReply(Box::new(Reply {
        invitation,
        partner,
        handle: handle.into(),
        root: [partner.0[0]; 32],
        proof_holds: true,
        words: words(),
    }))
}

pub(crate) fn decline(number: RequestNumber, reason: &str) -> Action {
    Action::DeclineRequest {
        number,
        reason: reason.to_owned(),
    }
}

pub(crate) fn confirm(partner: OrgId) -> Action {
    Action::ConfirmPartner {
        partner,
        words: Some(WORDS.into()),
    }
}

pub(crate) fn accept(partner: OrgId, offer: Option<Offer>) -> AcceptedInvitation {
    AcceptedInvitation {
        invitation: InvitationId([77; 32]),
        inviter: partner,
        handle: if partner == GLOBEX {
            "globex.example"
        } else {
            "initech.example"
        }
        .into(),
        root: [partner.0[0]; 32],
        expects: Some("acme.example".into()),
        expires: START.plus_millis(1_000 * DAY_MILLIS),
        offer,
        words: words(),
    }
}

pub(crate) fn offer(channel: u8, ends: Option<Timestamp>) -> Offer {
    let channel = ChannelId([channel; 32]);
    Offer {
        channel,
        project: label("Theirs"),
        ends,
        capabilities: capabilities(),
    }
}

pub(crate) fn put_before_us(host: OrgId, charter: u8, offer: Offer) -> Action {
    let charter = NoteHash([charter; 32]);
    Action::OfferReceived {
        host,
        charter,
        offer,
        beyond_offer: false,
    }
}

pub(crate) fn sealed(
    channel: ChannelId,
    host: OrgId,
    participants: &[OrgId],
    ends: Option<Timestamp>,
) -> Action {
    let participants: BTreeMap<_, _> = participants
        .iter()
        .map(|org| (*org, Access::Full))
        .collect();
    Action::ChannelSealed {
        channel,
        host,
        participants,
        ends,
    }
}
