//! Administrators: each looks at how things are in its own organisation and does the next thing
//! that the plan wants. So they go on after every crash, and after old data was put back.

use std::sync::Arc;

use foedus_federation::channel::ReplyTo;
use foedus_federation::note::NoteType;
use foedus_federation::org::{self, OrgSnapshot, Refused};
use foedus_federation::pairing::{
    InvitationReply, InvitationSecret, PairingReply, reply_proof, six_words,
};
use foedus_policy::action::{AcceptedInvitation, Action, Actor, Ends, Outcome};
use foedus_policy::id::OrgId;
use foedus_policy::state::{
    Invitation, InvitationId, InvitationState, PartnerState, RequestKind, Sharing,
};
use foedus_policy::vocabulary::{Capabilities, Capability, EndCause};

use super::client::{LOCAL_NAME, SHARED_NAME, SHARED_NAME_ELSEWHERE};
use super::organisation::Cause;
use super::plan::Finish;
use super::world::{BEGIN, Caller, Event, World};

/// Whoever is at the administration socket, in the name of its administrator once there is one.
fn administrator(org: Option<&OrgSnapshot>) -> Actor {
    let members = org.map(|org| org.state.members());
    let mut members = members.into_iter().flatten();
    let administrator = members.find(|(_, known)| known.administrator);
    Actor::Operator {
        uid: 1000,
        as_member: administrator.map(|(member, _)| *member),
    }
}

impl World {
    pub fn on_administrator(&mut self, at: usize) {
        if self.has_leapt(at) && self.random.chance(500) {
            self.orgs[at].clock_offset = 0;
            let now = self.now;
            self.trace
                .event(now, format_args!("{at} has its clock put right"));
        }
        for _ in 0..3 {
            if self.orgs[at].run.is_none() || self.orgs[at].act_pending {
                break;
            }
            if !self.answer_invitations(at) {
                match self.next_act(at) {
                    Some(action) => self.act(at, action),
                    None => break,
                }
            }
            self.settle(at);
        }
        let again = match () {
            () if self.healing => Some(2_000),
            // Until all is agreed they meet again and again.
            () if !self.is_set_up(at) && self.now < 30 * 60_000 => Some(3_000),
            () => None,
        };
        if let Some(delay) = again {
            let delay = self.random.between(delay / 2, delay);
            self.after(delay, Event::Administrator(at));
        }
    }

    fn act(&mut self, at: usize, action: Action) {
        let now = self.now;
        let text = format!("{action:?}");
        let name = text.split([' ', '(']).next().unwrap_or_default();
        self.trace.event(now, format_args!("{at} does {name}"));
        self.orgs[at].act_pending = true;
        let reply = self.reply_to(at, Caller::Administrator);
        let entropy = self.random.bytes();
        let actor = administrator(self.orgs[at].snapshot().map(Arc::as_ref));
        let input = match &action {
            Action::Init { .. } => org::Input::Initialise {
                reply,
                actor,
                keys: self.orgs[at].keys.clone(),
                action: Box::new(action),
                entropy,
            },
            _ => org::Input::Act {
                reply,
                actor,
                action: Box::new(action),
                entropy,
                addresses: vec![format!("{}:7447", self.orgs[at].handle)],
            },
        };
        self.push_org(at, Cause::Local, input);
    }

    pub fn administrator_answered(
        &mut self,
        at: usize,
        reply: ReplyTo,
        result: Result<Outcome, Refused>,
    ) {
        if self.callers.remove(&reply.0).is_none() {
            return;
        }
        self.orgs[at].act_pending = false;
        if let Err(refused) = &result {
            let now = self.now;
            self.trace
                .event(now, format_args!("{at} may not: {refused}"));
        }
        if let Ok(Outcome::Initialised { .. }) = result {
            let addresses = vec![format!("{}:7447", self.orgs[at].handle)];
            self.push_org(at, Cause::Inside, org::Input::Reachable { addresses });
        }
    }

    fn next_act(&mut self, at: usize) -> Option<Action> {
        let snapshot = self.orgs[at].snapshot()?.clone();
        if snapshot.org().is_none() {
            return Some(Action::Init {
                org: self.orgs[at].id,
                root: *self.orgs[at].keys.identity.current().root.as_bytes(),
                handle: self.orgs[at].handle.clone(),
                display_name: format!("Organisation {at}"),
                administrator: format!("root{at}"),
            });
        }
        self.clock_act(at, &snapshot)
            .or_else(|| self.people_act(at, &snapshot))
            .or_else(|| self.peering_act(at, &snapshot))
            .or_else(|| self.sharing_act(at, &snapshot))
            .or_else(|| self.later_act(at, &snapshot))
    }

    /// Says that the clock is right once it is: after a leap, and where an end waits for it and no
    /// partner may be left to say so.
    fn clock_act(&self, at: usize, snapshot: &OrgSnapshot) -> Option<Action> {
        let waits = snapshot.state.leap().is_some() || (self.healing && snapshot.reliance.in_doubt);
        let shown = self.wall(at);
        (waits && !self.has_leapt(at)).then_some(Action::ConfirmClock { shown })
    }

    fn people_act(&mut self, at: usize, snapshot: &OrgSnapshot) -> Option<Action> {
        let state = &snapshot.state;
        let people: Vec<String> = self
            .clients
            .iter()
            .filter(|client| client.at == at)
            .map(|client| client.name.clone())
            .collect();
        let missing = people
            .iter()
            .find(|name| state.member_named(name).is_none());
        if let Some(name) = missing {
            return Some(Action::AddMember {
                name: name.clone(),
                display_name: name.clone(),
                administrator: false,
            });
        }
        let mut names = vec![LOCAL_NAME];
        if at == 0 {
            names.push(SHARED_NAME);
        }
        for name in names {
            if state.channel_named(name).is_none() {
                return Some(Action::CreateChannel {
                    name: name.to_owned(),
                    topic: String::new(),
                    private: false,
                });
            }
        }
        if at == 0 {
            self.checker.shared = state.channel_named(SHARED_NAME);
        }
        for (channel, known) in state.channels() {
            if known.is_ended(self.wall(at)) {
                continue;
            }
            for name in &people {
                let member = state.member_named(name)?;
                if state.author(*channel, member).is_none() {
                    return Some(Action::AddChannelMember {
                        channel: *channel,
                        member,
                    });
                }
            }
        }
        None
    }

    fn peering_act(&mut self, at: usize, snapshot: &OrgSnapshot) -> Option<Action> {
        let state = &snapshot.state;
        for (partner, known) in state.partners() {
            if known.state == PartnerState::Replied && self.random.chance(600) {
                let words = self.typed(&known.words);
                if words == known.words.join(" ") {
                    self.checker.approved_peering(at, *partner);
                }
                return Some(Action::ConfirmPartner {
                    partner: *partner,
                    words: Some(words),
                });
            }
        }
        for (one, other) in self.plan.pairs() {
            let invited = self.orgs[other].id;
            let handle = self.orgs[other].handle.clone();
            let open = |invitation: &Invitation| {
                invitation.state == InvitationState::Open
                    && invitation.expects.as_ref().map(|h| h.as_str()) == Some(&handle)
            };
            if one == at
                && (one, other) != (0, 1)
                && !state.partners().contains_key(&invited)
                && !state.invitations().values().any(open)
            {
                return Some(Action::InvitePartner {
                    handle: Some(handle),
                });
            }
        }
        None
    }

    /// The words as somebody types them: now and then wrongly.
    fn typed(&mut self, words: &[String; 6]) -> String {
        match self.random.chance(150) {
            true => "able able able able able able".to_owned(),
            false => words.join(" "),
        }
    }

    fn sharing_act(&mut self, at: usize, snapshot: &OrgSnapshot) -> Option<Action> {
        let state = &snapshot.state;
        for (number, request) in state.requests() {
            if !request.is_waiting() || !self.random.chance(500) {
                continue;
            }
            let mut words = None;
            let mut channel_name = None;
            match &request.kind {
                RequestKind::Share { offer, .. } => {
                    self.checker.approved_offer(at, self.orgs[at].id, offer);
                }
                RequestKind::Peer { partner, offer, .. } => {
                    let known = state.partners().get(partner)?;
                    let typed = self.typed(&known.words);
                    if typed == known.words.join(" ") {
                        self.checker.approved_peering(at, *partner);
                        if let Some(offer) = offer {
                            self.checker.approved_offer(at, *partner, offer);
                        }
                    }
                    words = Some(typed);
                    channel_name = offer.is_some().then(|| SHARED_NAME_ELSEWHERE.to_owned());
                }
                RequestKind::Join { charter, .. } => {
                    self.checker.approved_charter(at, *charter);
                    channel_name = Some(SHARED_NAME_ELSEWHERE.to_owned());
                }
            }
            return Some(Action::ApproveRequest {
                number: *number,
                words,
                channel_name,
                private: false,
            });
        }
        let channel = state.channel_named(SHARED_NAME).filter(|_| at == 0)?;
        let known = state.channels().get(&channel)?;
        let asked = state.requests().values().any(|request| {
            request.is_waiting() && matches!(request.kind, RequestKind::Share { .. })
        });
        if known.sharing != Sharing::Local || asked {
            return None;
        }
        let capabilities: Capabilities = [
            Capability::Post,
            Capability::Thread,
            Capability::Edit,
            Capability::Retract,
            Capability::React,
        ]
        .into_iter()
        .collect();
        Some(Action::ShareChannel {
            channel,
            partner: self.orgs[1].handle.clone(),
            project: "Launch".to_owned(),
            ends: self.plan.end.map_or(Ends::Never, |end| {
                Ends::At(foedus_policy::time::Timestamp(BEGIN + end))
            }),
            capabilities,
            history: false,
            purpose: "to work together".to_owned(),
        })
        .filter(|_| self.plan.end.is_none_or(|end| end > self.now))
    }

    fn later_act(&mut self, at: usize, snapshot: &OrgSnapshot) -> Option<Action> {
        let state = &snapshot.state;
        let partner_state = |org: OrgId| state.partners().get(&org).map(|known| known.state);
        if let Some((from, to, by, other)) = self.plan.suspension
            && by == at
        {
            let partner = self.orgs[other].id;
            let due = (from..to).contains(&self.now) && !self.healing;
            match partner_state(partner) {
                Some(PartnerState::Active) if due => {
                    return Some(Action::SuspendPartner { partner });
                }
                Some(PartnerState::Suspended) if !due => {
                    return Some(Action::ResumePartner { partner });
                }
                _ => {}
            }
        }
        if self.now < self.plan.finish_at {
            return None;
        }
        let shared = self.shared_channel()?;
        let known = state.channels().get(&shared)?;
        let Sharing::Shared {
            host, ended: None, ..
        } = known.sharing
        else {
            return None;
        };
        match self.plan.finish {
            Finish::Leave(by) if by == at => Some(Action::EndChannel {
                channel: shared,
                cause: match Some(host) == state.org() {
                    true => EndCause::Termination,
                    false => EndCause::Withdrawal,
                },
            }),
            Finish::Project(by) if by == at => Some(Action::EndProject {
                project: known.project?,
            }),
            Finish::Disconnect(by, other) if by == at => {
                let partner = self.orgs[other].id;
                (partner_state(partner) == Some(PartnerState::Active))
                    .then_some(Action::DisconnectPartner { partner })
            }
            _ => None,
        }
    }

    /// Takes up an invitation that came by some other way, or sends the reply to one again. Says
    /// whether anything was done.
    fn answer_invitations(&mut self, at: usize) -> bool {
        let Some(ours) = self.orgs[at].snapshot().cloned() else {
            return false;
        };
        if ours.org().is_none() {
            return false;
        }
        for from in 0..self.orgs.len() {
            let Some(theirs) = self.orgs[from].snapshot().cloned().filter(|_| from != at) else {
                continue;
            };
            let inviter = self.orgs[from].id;
            let handle = &self.orgs[at].handle;
            let open = theirs.state.invitations().iter().find(|(_, invitation)| {
                invitation.state == InvitationState::Open
                    && invitation.expects.as_ref().map(|h| h.as_str()) == Some(handle)
            });
            let Some((id, invitation)) = open else {
                continue;
            };
            match ours
                .state
                .partners()
                .get(&inviter)
                .map(|p| (p.state, p.invitation))
            {
                None | Some((PartnerState::Disconnected, _)) => {
                    self.accept_invitation(at, from, *id, invitation);
                    return true;
                }
                Some((PartnerState::Accepted | PartnerState::Active, answered))
                    if answered == *id =>
                {
                    return self.send_reply(at, from, invitation);
                }
                Some(_) => {}
            }
        }
        false
    }

    fn accept_invitation(
        &mut self,
        at: usize,
        from: usize,
        id: InvitationId,
        invitation: &Invitation,
    ) {
        let (us, them) = (&self.orgs[at].keys.identity, &self.orgs[from].keys.identity);
        let secret = InvitationSecret::from_bytes(invitation.secret.0);
        let words = six_words(&them.current().root, &us.current().root, &secret);
        let accepted = AcceptedInvitation {
            invitation: id,
            inviter: them.org(),
            handle: self.orgs[from].handle.clone(),
            root: *them.current().root.as_bytes(),
            expects: Some(self.orgs[at].handle.clone()),
            expires: invitation.expires,
            offer: invitation.offer.clone(),
            words: words.map(str::to_owned),
        };
        let inviter = Box::new(them.clone());
        let now = self.now;
        self.trace
            .event(now, format_args!("{at} takes up an invitation of {from}"));
        self.orgs[at].act_pending = true;
        let reply = self.reply_to(at, Caller::Administrator);
        let actor = administrator(self.orgs[at].snapshot().map(Arc::as_ref));
        let input = org::Input::Accept {
            reply,
            actor,
            action: Box::new(Action::AcceptInvitation(Box::new(accepted))),
            inviter,
            addresses: invitation.addresses.clone(),
            entropy: self.random.bytes(),
        };
        self.push_org(at, Cause::Local, input);
    }

    fn send_reply(&mut self, at: usize, from: usize, invitation: &Invitation) -> bool {
        let Some(ours) = self.orgs[at].snapshot() else {
            return false;
        };
        let keys = &self.orgs[at].keys;
        let (us, them) = (&keys.identity, &self.orgs[from].keys.identity);
        let Some(endpoints) = ours.endpoints.get(&us.org()) else {
            return false;
        };
        let secret = InvitationSecret::from_bytes(invitation.secret.0);
        let (inviter_root, invitee_root) = (them.current().root, us.current().root);
        let note = InvitationReply {
            invitation: secret.invitation_id(),
            inviter: them.org(),
            inviter_root,
            invitee: us.org(),
            invitee_root,
            proof: reply_proof(&secret, &inviter_root, &invitee_root),
            at: self.wall(at),
        };
        let note = note.sign(&keys.sign).expect("the reply is valid");
        let proved = PairingReply::verify(us.clone(), endpoints.bytes(), note.bytes())
            .expect("all of it is ours")
            .prove(&secret, them)
            .expect("the secret is the invitation's");
        let partner = us.org();
        let now = self.now;
        self.trace
            .event(now, format_args!("{at} replies to {from}"));
        let reply = self.reply_to(from, Caller::Administrator);
        let input = org::Input::Replied {
            reply,
            actor: Actor::Partner(partner),
            proved: Box::new(proved),
            entropy: self.random.bytes(),
        };
        self.push_org(from, Cause::Partner(partner), input);
        self.settle(from);
        // Only once the reply is durable there is there anything else to do.
        true
    }
}
