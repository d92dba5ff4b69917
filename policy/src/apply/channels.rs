//! Changes to channels and projects.

use std::collections::{BTreeMap, BTreeSet};

use super::Act;
use crate::action::{Actor, Ends, Outcome};
use crate::bounds::PROJECTS_COUNT_MAX;
use crate::extension::Extension;
use crate::id::{AuthorId, ChannelId, MemberId, OrgId, ProjectId};
use crate::name::{ChannelName, Label, Sentence};
use crate::secret::channel_id;
use crate::state::{
    Change, Channel, Ended, InvitationState, Membership, Offer, Person, Project, Record, Request,
    RequestKind, RequestState, Sharing, Visibility,
};
use crate::time::Timestamp;
use crate::vocabulary::{Access, EndCause};

const FOUND: &str = "the gate found it";

pub(super) fn visibility(private: bool) -> Visibility {
    if private {
        Visibility::Private
    } else {
        Visibility::Public
    }
}

impl Act<'_> {
    pub(super) fn channel(&self, id: ChannelId) -> Channel {
        self.state.channels().get(&id).expect(FOUND).clone()
    }

    pub(super) fn set_sharing(&mut self, id: ChannelId, sharing: Sharing) {
        let channel = Channel {
            sharing,
            ..self.channel(id)
        };
        self.put(Record::Channel(id, channel));
    }

    pub(super) fn create_channel(&mut self, name: &str, topic: &str, private: bool) -> Outcome {
        let host = self.state.org().expect("the gate found the organisation");
        let nonce = self.draw();
        let id = channel_id(host, &nonce);
        self.put(Record::Channel(
            id,
            Channel {
                name: ChannelName::parse(name).expect("the gate parsed it"),
                nonce: Some(nonce),
                topic: Sentence::parse(topic).expect("the gate parsed it"),
                visibility: visibility(private),
                sharing: Sharing::Local,
                project: None,
                archived: false,
            },
        ));
        let joined = match self.person() {
            Person::Member(member) => Some((member, self.enter(id, member))),
            Person::Operator(_) | Person::Partner(_) => None,
        };
        Outcome::ChannelCreated {
            channel: id,
            joined,
        }
    }

    pub(super) fn rename_channel(&mut self, id: ChannelId, name: &str) -> Outcome {
        let mut channel = self.channel(id);
        if channel.name.as_str() == name {
            return Outcome::Unchanged;
        }
        channel.name = ChannelName::parse(name).expect("the gate parsed it");
        self.put(Record::Channel(id, channel));
        Outcome::Done
    }

    pub(super) fn archive_channel(&mut self, id: ChannelId, archived: bool) -> Outcome {
        let channel = self.channel(id);
        if channel.archived == archived {
            return Outcome::Unchanged;
        }
        self.put(Record::Channel(
            id,
            Channel {
                archived,
                ..channel
            },
        ));
        Outcome::Done
    }

    pub(super) fn set_membership(
        &mut self,
        channel: ChannelId,
        member: MemberId,
        author: AuthorId,
        present: bool,
    ) {
        self.put(Record::Membership(
            channel,
            member,
            Membership { author, present },
        ));
    }

    /// Puts a member into a channel, as who they were there before if they were.
    pub(super) fn enter(&mut self, channel: ChannelId, member: MemberId) -> AuthorId {
        let before = self.state.memberships().get(&(channel, member)).copied();
        let author = match before {
            Some(membership) => membership.author,
            None => AuthorId(self.draw()),
        };
        if !before.is_some_and(|membership| membership.present) {
            self.set_membership(channel, member, author, true);
        }
        author
    }

    pub(super) fn join_channel(&mut self, channel: ChannelId) -> Outcome {
        match self.person() {
            Person::Member(member) => self.add_to_channel(channel, member),
            Person::Operator(_) | Person::Partner(_) => unreachable!("the gate asks for a member"),
        }
    }

    pub(super) fn add_to_channel(&mut self, channel: ChannelId, member: MemberId) -> Outcome {
        if self.state.author(channel, member).is_some() {
            return Outcome::Unchanged;
        }
        let author = self.enter(channel, member);
        Outcome::Joined {
            channel,
            member,
            author,
        }
    }

    pub(super) fn leave_channel(&mut self, channel: ChannelId) -> Outcome {
        let Person::Member(member) = self.person() else {
            unreachable!("the gate asks for a member")
        };
        let author = self.state.author(channel, member).expect(FOUND);
        self.set_membership(channel, member, author, false);
        Outcome::Left {
            channel,
            member,
            author,
        }
    }

    /// The project that a shared channel hangs on, made if it is new. None if another
    /// undertaking of ours has the name: a partner's word for theirs does not join the two.
    pub(super) fn project_for(&mut self, offer: &Offer, ours: bool) -> Option<ProjectId> {
        if let Some(id) = self.state.project_named(offer.project.as_str()) {
            let known = self
                .state
                .projects()
                .get(&id)
                .expect("names lead to projects");
            if known.ended.is_some() || known.ends != offer.ends {
                return None;
            }
            if ours && !known.ours {
                let known = known.clone();
                self.put(Record::Project(id, Project { ours, ..known }));
            }
            return Some(id);
        }
        if self.state.projects().len() >= PROJECTS_COUNT_MAX {
            return None;
        }
        let id = ProjectId(self.draw());
        self.put(Record::Project(
            id,
            Project {
                name: offer.project.clone(),
                ends: offer.ends,
                partners: BTreeSet::new(),
                ended: None,
                extended_to: None,
                ours,
            },
        ));
        Some(id)
    }

    pub(super) fn create_project(&mut self, name: &str, ends: Ends) -> Outcome {
        let project = ProjectId(self.draw());
        self.put(Record::Project(
            project,
            Project {
                name: Label::parse(name).expect("the gate parsed it"),
                ends: ends.at(),
                partners: BTreeSet::new(),
                ended: None,
                extended_to: None,
                ours: true,
            },
        ));
        Outcome::ProjectCreated { project }
    }

    /// The old end holds until the others agreed: until then it is only known what we proposed.
    pub(super) fn extend_project(&mut self, id: ProjectId, until: Timestamp) -> Outcome {
        let channels = Extension::of(self.state, id, until, self.given.now).channels;
        let mut project = self.state.projects().get(&id).expect(FOUND).clone();
        match channels.is_empty() {
            true => project.ends = Some(until),
            false => project.extended_to = Some(until),
        }
        self.put(Record::Project(id, project));
        Outcome::ExtendChannels { channels, until }
    }

    /// A project ends with what is shared for it: later, if that does.
    fn project_follows(&mut self, id: ProjectId, ends: Option<Timestamp>) {
        let before = self.state.projects().get(&id).expect(FOUND).clone();
        let mut project = before.clone();
        let is_later = match (project.ends, ends) {
            (Some(before), Some(ends)) => before < ends,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_later {
            project.ends = ends;
        }
        let open = project.extended_to.filter(|until| {
            let extension = Extension::of(self.state, id, *until, self.given.now);
            !extension.channels.is_empty()
        });
        project.extended_to = open;
        if project != before {
            self.put(Record::Project(id, project));
        }
    }

    /// A project that came with the channels of others is over with the last of them.
    fn end_project_of_others(&mut self, ended: ChannelId) {
        let Some(id) = self.channel(ended).project else {
            return;
        };
        let over = |channel: &Channel| matches!(&channel.sharing, Sharing::Shared { ended, .. } if ended.is_some());
        let mut of_project = self.state.channels().values();
        let goes_on = of_project.any(|channel| channel.project == Some(id) && !over(channel));
        let project = self.state.projects().get(&id).expect(FOUND).clone();
        if !project.ours && !goes_on && project.ended.is_none() {
            let ended = Some(self.given.now);
            self.put(Record::Project(id, Project { ended, ..project }));
        }
    }

    /// The end that a project of ours sets for what is shared for it.
    pub(super) fn project_end(&self, name: &Label) -> Option<Timestamp> {
        let id = self.state.project_named(name.as_str())?;
        self.state.projects().get(&id)?.ends
    }

    fn add_project_partners(&mut self, id: ProjectId, partners: impl Iterator<Item = OrgId>) {
        let mut project = self.state.projects().get(&id).expect(FOUND).clone();
        let before = project.partners.len();
        project.partners.extend(partners);
        if project.partners.len() != before {
            self.put(Record::Project(id, project));
        }
    }

    pub(super) fn channel_sealed(
        &mut self,
        id: ChannelId,
        host: OrgId,
        participants: BTreeMap<OrgId, Access>,
        ends: Option<Timestamp>,
    ) -> Outcome {
        if self.channel(id).sharing == Sharing::Local {
            return self.seal_too_late(id, host, participants, ends);
        }
        let us = self.state.org();
        let project = self.channel(id).project;
        if let Some(project) = project {
            let others = participants.keys().copied().filter(|org| Some(*org) != us);
            self.add_project_partners(project, others);
        }
        self.set_sharing(
            id,
            Sharing::Shared {
                host,
                participants,
                ends,
                ended: None,
            },
        );
        if let Some(project) = project {
            self.project_follows(project, ends);
        }
        Outcome::Done
    }

    /// The offer of a channel was taken back while its charter was being sealed. The others were told
    /// that it is in force, so it ends as any other does.
    fn seal_too_late(
        &mut self,
        id: ChannelId,
        host: OrgId,
        participants: BTreeMap<OrgId, Access>,
        ends: Option<Timestamp>,
    ) -> Outcome {
        let cause = EndCause::Termination;
        self.share_ended(id, host, participants, ends, cause);
        Outcome::Ended {
            channels: vec![(id, cause)],
        }
    }

    /// Writes down that the charter of a channel was in force, and ended now.
    fn share_ended(
        &mut self,
        id: ChannelId,
        host: OrgId,
        participants: BTreeMap<OrgId, Access>,
        ends: Option<Timestamp>,
        cause: EndCause,
    ) {
        let at = self.given.now;
        let ended = Some(Ended { cause, at });
        let shared = Sharing::Shared {
            host,
            participants,
            ends,
            ended,
        };
        self.set_sharing(id, shared);
    }

    /// Ends what a channel shares, as far as it has come: a charter in force is ended, and so is one that we said yes to
    /// and take our yes back; an offer of ours is taken back; a channel that was to be joined, and where nothing was ever
    /// written, goes where nobody can use our yes any more. Returns the cause if a charter ended.
    pub(super) fn end_sharing(&mut self, id: ChannelId, cause: EndCause) -> Option<EndCause> {
        match self.channel(id).sharing {
            Sharing::Local | Sharing::Shared { ended: Some(_), .. } => None,
            Sharing::Shared {
                host,
                participants,
                ends,
                ended: None,
            } => {
                self.share_ended(id, host, participants, ends, cause);
                // A further revision that waits for our yes is of no use any more.
                let revision = |request: &Request| match &request.kind {
                    RequestKind::Join { offer, .. } => offer.channel == id,
                    RequestKind::Share { .. } | RequestKind::Peer { .. } => false,
                };
                self.close_requests(
                    |request| request.is_waiting() && revision(request),
                    || RequestState::Withdrawn,
                );
                self.end_project_of_others(id);
                Some(cause)
            }
            Sharing::Offering { invitation, .. } => {
                let open = invitation.and_then(|id| {
                    let known = self.state.invitations().get(&id)?;
                    (known.state == InvitationState::Open).then(|| (id, known.clone()))
                });
                if let Some((id, mut invitation)) = open {
                    invitation.state = InvitationState::Revoked;
                    self.put(Record::Invitation(id, invitation));
                }
                self.set_sharing(id, Sharing::Local);
                None
            }
            // Our yes may be in the world by now. That we left is kept, so that the host is told of it as soon as it
            // is known to have used it.
            Sharing::Joining { host, offer } if cause == EndCause::Withdrawal => {
                let us = self.state.org().expect("who joins is initialised");
                let both = [(us, Access::Full), (host, Access::Full)].into();
                self.share_ended(id, host, both, offer.ends, cause);
                self.end_project_of_others(id);
                Some(cause)
            }
            Sharing::Joining { .. } => {
                let members: Vec<_> = self.state.memberships_of(id).map(|(id, _)| id).collect();
                for member in members {
                    self.remove(Change::Membership(id, member));
                }
                self.remove(Change::Channel(id));
                None
            }
        }
    }

    pub(super) fn end_channel(&mut self, id: ChannelId, cause: EndCause) -> Outcome {
        let before = self.changes.len();
        let ended = self.end_sharing(id, cause);
        if self.changes.len() == before {
            return Outcome::Unchanged;
        }
        Outcome::Ended {
            channels: ended.map(|cause| (id, cause)).into_iter().collect(),
        }
    }

    pub(super) fn end_project(&mut self, id: ProjectId) -> Outcome {
        let project = self.state.projects().get(&id).expect(FOUND).clone();
        if project.ended.is_some() {
            return Outcome::Unchanged;
        }
        let project_name = project.name.clone();
        self.put(Record::Project(
            id,
            Project {
                ended: Some(self.given.now),
                ..project
            },
        ));
        // Nobody can say yes any more to what would have been shared for it.
        self.close_requests(
            |request| {
                let share = matches!(request.kind, RequestKind::Share { .. });
                let offer = request.kind.offer();
                request.is_waiting()
                    && share
                    && offer.is_some_and(|offer| offer.project == project_name)
            },
            || RequestState::Withdrawn,
        );
        let by_clock = self.actor == Actor::System;
        let us = self.state.org();
        let of_project: Vec<_> = self
            .state
            .channels()
            .iter()
            .filter(|(_, channel)| channel.project == Some(id))
            .map(|(id, channel)| (*id, channel.sharing.clone()))
            .collect();
        let mut channels = Vec::new();
        for (channel, sharing) in of_project {
            let cause = match sharing {
                _ if by_clock => EndCause::End,
                Sharing::Shared { host, .. } if Some(host) == us => EndCause::Termination,
                _ => EndCause::Withdrawal,
            };
            channels.extend(
                self.end_sharing(channel, cause)
                    .map(|cause| (channel, cause)),
            );
        }
        Outcome::Ended { channels }
    }
}
