//! What people do in the world: they become partners, share channels, write.

use super::*;

impl World {
    pub(crate) fn try_act(
        &mut self,
        at: usize,
        actor: Actor,
        action: Action,
    ) -> Result<Outcome, org::Refused> {
        let entropy = self.draw();
        let reply = ReplyTo(self.drawn);
        let addresses = vec![format!("{}:7447", self.sides[at].handle)];
        self.push_org(
            at,
            OrgInput::Act {
                reply,
                actor,
                action: Box::new(action),
                entropy,
                addresses,
            },
        );
        self.settle();
        self.sides[at]
            .done
            .remove(&reply.0)
            .expect("acts are answered")
    }

    /// Its administrator, at the administration socket.
    pub(crate) fn administrator(&self, at: usize) -> Actor {
        let state = &self.sides[at].snapshot.state;
        let mut members = state.members().iter();
        let administrator = members.find(|(_, known)| known.administrator);
        Actor::Operator {
            uid: 1000,
            as_member: administrator.map(|(member, _)| *member),
        }
    }

    pub(crate) fn act(&mut self, at: usize, action: Action) -> Outcome {
        let text = format!("{action:?}");
        match self.try_act(at, self.administrator(at), action) {
            Ok(outcome) => outcome,
            Err(refused) => panic!("{text} was refused: {refused}"),
        }
    }

    /// Both become partners: an invitation, its reply, and both administrators' words.
    /// An invitation of `other` by `one`, as `other` takes it up, and its secret.
    pub(crate) fn invite(
        &mut self,
        one: usize,
        other: usize,
    ) -> (AcceptedInvitation, InvitationSecret) {
        let handle = self.sides[other].handle.to_owned();
        let Outcome::Invited { invitation, secret } = self.act(
            one,
            Action::InvitePartner {
                handle: Some(handle),
            },
        ) else {
            panic!("an invitation is made")
        };
        let expires = self.sides[one].snapshot.state.invitations()[&invitation].expires;
        let secret = InvitationSecret::from_bytes(secret.0);
        let them = &self.sides[one].keys.identity;
        let our_root = self.sides[other].keys.identity.current().root;
        let words = six_words(&them.current().root, &our_root, &secret);
        let accepted = AcceptedInvitation {
            invitation,
            inviter: them.org(),
            handle: self.sides[one].handle.to_owned(),
            root: *them.current().root.as_bytes(),
            expects: Some(self.sides[other].handle.to_owned()),
            expires,
            offer: None,
            words: words.map(str::to_owned),
        };
        (accepted, secret)
    }

    /// Takes up an invitation of `inviter`, which named these addresses.
    pub(crate) fn accept(
        &mut self,
        at: usize,
        inviter: usize,
        accepted: AcceptedInvitation,
        addresses: &[&str],
    ) {
        let input = OrgInput::Accept {
            reply: ReplyTo(1),
            actor: OPERATOR,
            action: Box::new(Action::AcceptInvitation(Box::new(accepted))),
            inviter: Box::new(self.sides[inviter].keys.identity.clone()),
            addresses: addresses.iter().map(|&text| text.to_owned()).collect(),
            entropy: self.draw(),
        };
        self.push_org(at, input);
        self.settle();
    }

    pub(crate) fn peer(&mut self, one: usize, other: usize) {
        let (them, us) = (
            self.sides[one].keys.identity.clone(),
            self.sides[other].keys.identity.clone(),
        );
        let (accepted, secret) = self.invite(one, other);
        let words = accepted.words.clone();
        self.accept(other, one, accepted, &[]);
        self.approve_all(other, "unused");
        let (inviter_root, invitee_root) = (them.current().root, us.current().root);
        let note = InvitationReply {
            invitation: secret.invitation_id(),
            inviter: them.org(),
            inviter_root,
            invitee: us.org(),
            invitee_root,
            proof: reply_proof(&secret, &inviter_root, &invitee_root),
            at: self.now.wall,
        };
        let note = note
            .sign(&self.sides[other].keys.sign)
            .expect("the reply is valid");
        let endpoints = self.sides[other].snapshot.endpoints[&us.org()].clone();
        let proved = PairingReply::verify(us.clone(), endpoints.bytes(), note.bytes())
            .expect("all of it is the invitee's")
            .prove(&secret, &them)
            .expect("the secret is the invitation's");
        let input = OrgInput::Replied {
            reply: ReplyTo(2),
            actor: Actor::Partner(us.org()),
            proved: Box::new(proved),
            entropy: self.draw(),
        };
        self.push_org(one, input);
        self.settle();
        self.act(
            one,
            Action::ConfirmPartner {
                partner: us.org(),
                words: Some(words.join(" ")),
            },
        );
    }

    /// Says yes to every request that waits.
    pub(crate) fn approve_all(&mut self, at: usize, name: &str) {
        let state = &self.sides[at].snapshot.state;
        let waiting = state
            .requests()
            .iter()
            .filter(|(_, request)| request.is_waiting());
        let waiting: Vec<_> = waiting
            .map(|(number, request)| (*number, request.kind.clone()))
            .collect();
        for (number, kind) in waiting {
            use foedus_policy::state::RequestKind;
            let (words, channel_name) = match kind {
                RequestKind::Peer { partner, .. } => {
                    let words = &self.sides[at].snapshot.state.partners()[&partner].words;
                    (Some(words.join(" ")), None)
                }
                RequestKind::Join { .. } => (None, Some(name.to_owned())),
                RequestKind::Share { .. } => (None, None),
            };
            self.act(
                at,
                Action::ApproveRequest {
                    number,
                    words,
                    channel_name,
                    private: false,
                },
            );
        }
    }

    pub(crate) fn member(&self, at: usize) -> MemberId {
        let state = &self.sides[at].snapshot.state;
        state.member_named("anna").expect("she came with it")
    }

    pub(crate) fn actor(&self, at: usize) -> Actor {
        Actor::Member {
            member: self.member(at),
            scopes: Scopes::ALL,
        }
    }

    /// Opens a local channel of this name.
    pub(crate) fn open(&mut self, at: usize, name: &str) -> ChannelId {
        let actor = self.actor(at);
        let action = Action::CreateChannel {
            name: name.to_owned(),
            topic: String::new(),
            private: false,
        };
        match self
            .try_act(at, actor, action)
            .expect("members open channels")
        {
            Outcome::ChannelCreated { channel, .. } => channel,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a channel and shares it, up to the seal.
    pub(crate) fn share(&mut self, host: usize, partner: usize, name: &str) -> ChannelId {
        let channel = self.open(host, name);
        self.offer(host, partner, channel);
        self.approve_all(partner, name);
        channel
    }

    /// Has a channel put before a partner.
    pub(crate) fn offer(&mut self, host: usize, partner: usize, channel: ChannelId) {
        self.offer_for("Launch", END, host, partner, channel);
    }

    /// The same, for a project of its own.
    pub(crate) fn offer_for(
        &mut self,
        project: &str,
        end: Timestamp,
        host: usize,
        partner: usize,
        channel: ChannelId,
    ) {
        let action = Action::ShareChannel {
            channel,
            partner: self.sides[partner].handle.to_owned(),
            project: project.to_owned(),
            ends: Ends::At(end),
            capabilities: capabilities(),
            history: false,
            purpose: "to launch".to_owned(),
        };
        self.act(host, action);
        self.approve_all(host, "unused");
    }

    /// Puts the member of an organisation into a channel of it.
    pub(crate) fn join(&mut self, at: usize, channel: ChannelId) {
        let actor = self.actor(at);
        self.try_act(at, actor, Action::JoinChannel { channel })
            .expect("public channels are joined");
    }

    pub(crate) fn author(&self, at: usize, channel: ChannelId) -> AuthorId {
        let state = &self.sides[at].snapshot.state;
        state
            .author(channel, self.member(at))
            .expect("the member is in the channel")
    }

    /// Asks a channel for something, and says what it answered.
    pub(crate) fn ask(
        &mut self,
        at: usize,
        channel: ChannelId,
        verb: Verb,
    ) -> Result<Posted, channel::Refused> {
        self.ask_once(at, channel, verb, None)
    }

    pub(crate) fn ask_once(
        &mut self,
        at: usize,
        channel: ChannelId,
        verb: Verb,
        idempotency: Option<&str>,
    ) -> Result<Posted, channel::Refused> {
        let entropy = self.draw();
        let reply = ReplyTo(self.drawn);
        let input = channel::Input::Request {
            reply,
            actor: self.actor(at),
            request: Request {
                verb,
                idempotency: idempotency.map(str::to_owned),
                entropy,
            },
        };
        self.push_channel(at, channel, input);
        self.settle();
        let posted = &mut self.sides[at].posted;
        posted.remove(&reply.0).expect("requests are answered")
    }

    pub(crate) fn try_post(
        &mut self,
        at: usize,
        channel: ChannelId,
        text: &str,
    ) -> Result<Posted, channel::Refused> {
        self.ask(at, channel, post(text))
    }

    pub(crate) fn post(&mut self, at: usize, channel: ChannelId, text: &str) -> Posted {
        match self.try_post(at, channel, text) {
            Ok(posted) => posted,
            Err(refused) => panic!("{text} was refused: {refused}"),
        }
    }

    pub(crate) fn govern(&mut self, at: usize, channel: ChannelId, govern: Govern) {
        self.push_channel(at, channel, channel::Input::Govern(govern));
        self.settle();
    }
}
