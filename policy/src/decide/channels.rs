//! Rules about channels and projects: opening, joining, sharing, ending, writing, reading.

use std::collections::BTreeMap;

use super::Asked;
use super::caller::Caller;
use super::partners::origin_allowed;
use crate::action::{CharterFacts, Ends};
use crate::bounds::{
    CHANNELS_COUNT_MAX, MEMBERS_PER_CHANNEL_COUNT_MAX, PARTICIPANTS_COUNT_MAX, PROJECTS_COUNT_MAX,
};
use crate::extension::Extension;
use crate::id::{AuthorId, ChannelId, MemberId, OrgId, ProjectId};
use crate::name::{ChannelName, Handle, Label, Sentence};
use crate::reason::Reason;
use crate::state::{Channel, RequestKind, Sharing, Visibility};
use crate::time::Timestamp;
use crate::vocabulary::{Access, Capability, EndCause};

impl Asked<'_> {
    pub(super) fn channel(&self, channel: ChannelId) -> Result<&Channel, Reason> {
        self.state
            .channels()
            .get(&channel)
            .ok_or(Reason::ChannelUnknown)
    }

    /// A local name that `channel` could have (`None`: one that does not exist yet).
    pub(super) fn free_channel_name(
        &self,
        name: &str,
        channel: Option<ChannelId>,
    ) -> Result<(), Reason> {
        ChannelName::parse(name).map_err(|_| Reason::NameInvalid)?;
        match self.state.channel_named(name) {
            Some(other) if Some(other) != channel => Err(Reason::NameTaken),
            _ => Ok(()),
        }
    }

    pub(super) fn room_for_channel(&self) -> Result<(), Reason> {
        if self.state.channels().len() >= CHANNELS_COUNT_MAX {
            return Err(Reason::LimitReached);
        }
        Ok(())
    }

    pub(super) fn create_channel(&self, name: &str, topic: &str) -> Result<(), Reason> {
        self.caller.writer()?;
        self.free_channel_name(name, None)?;
        Sentence::parse(topic).map_err(|_| Reason::TextInvalid)?;
        self.room_for_channel()
    }

    /// An administrator, or a member who is in the channel and may write.
    fn keeper(&self, channel: ChannelId) -> Result<(), Reason> {
        if self.caller.is_administrator() {
            return Ok(());
        }
        let member = self.caller.writing_member()?;
        self.state
            .author(channel, member)
            .map(drop)
            .ok_or(Reason::NotInChannel)
    }

    pub(super) fn rename_channel(&self, channel: ChannelId, name: &str) -> Result<(), Reason> {
        self.caller.writer()?;
        self.channel(channel)?;
        self.keeper(channel)?;
        self.free_channel_name(name, Some(channel))
    }

    /// What is shared ends by its charter, and not by one side's order.
    pub(super) fn archive_channel(&self, channel: ChannelId) -> Result<(), Reason> {
        self.caller.writer()?;
        let known = self.channel(channel)?;
        self.keeper(channel)?;
        match known.sharing {
            Sharing::Local => Ok(()),
            Sharing::Offering { .. } | Sharing::Joining { .. } | Sharing::Shared { .. } => {
                Err(Reason::ChannelShared)
            }
        }
    }

    /// Whether `member` could be put into `channel`.
    fn room_for_member(&self, channel: ChannelId, member: MemberId) -> Result<(), Reason> {
        let known = self.channel(channel)?;
        if known.is_ended(self.now) {
            return Err(Reason::ChannelEnded);
        }
        if known.archived {
            return Err(Reason::ChannelArchived);
        }
        let known = self.state.memberships().contains_key(&(channel, member));
        if !known && self.state.memberships_of(channel).count() >= MEMBERS_PER_CHANNEL_COUNT_MAX {
            return Err(Reason::LimitReached);
        }
        Ok(())
    }

    pub(super) fn join_channel(&self, channel: ChannelId) -> Result<(), Reason> {
        let member = self.caller.writing_member()?;
        let known = self.channel(channel)?;
        let present = self.state.author(channel, member).is_some();
        if known.visibility != Visibility::Public && !present {
            return Err(Reason::ChannelNotPublic);
        }
        self.room_for_member(channel, member)
    }

    pub(super) fn leave_channel(&self, channel: ChannelId) -> Result<(), Reason> {
        let member = self.caller.writing_member()?;
        self.channel(channel)?;
        self.state
            .author(channel, member)
            .map(drop)
            .ok_or(Reason::NotInChannel)
    }

    pub(super) fn add_channel_member(
        &self,
        channel: ChannelId,
        member: MemberId,
    ) -> Result<(), Reason> {
        self.caller.writer()?;
        let known = self.channel(channel)?;
        self.keeper(channel)?;
        self.active_member(member)?;
        if known.visibility == Visibility::Direct {
            return Err(Reason::ChannelDirect);
        }
        self.room_for_member(channel, member)
    }

    pub(super) fn share_channel(
        &self,
        channel: ChannelId,
        partner: &str,
        project: &str,
        ends: Ends,
        purpose: &str,
    ) -> Result<(), Reason> {
        self.caller.writer()?;
        self.channel(channel)?;
        self.keeper(channel)?;
        Sentence::parse(purpose).map_err(|_| Reason::TextInvalid)?;
        let partner = Handle::parse(partner).map_err(|_| Reason::HandleInvalid)?;
        let project = Label::parse(project).map_err(|_| Reason::TextInvalid)?;
        self.sharable(channel, &partner, &project, ends.at())?;
        self.end_named(&project, ends)?;
        let same = |kind: &RequestKind| match kind {
            RequestKind::Share { offer, .. } => offer.channel == channel,
            RequestKind::Peer { .. } | RequestKind::Join { .. } => false,
        };
        let mut waiting = self
            .state
            .requests()
            .values()
            .filter(|request| request.is_waiting());
        if waiting.any(|request| same(&request.kind)) {
            return Err(Reason::RequestExists);
        }
        self.room_for_request()
    }

    /// Nobody shares without end by leaving a word out.
    fn end_named(&self, project: &Label, ends: Ends) -> Result<(), Reason> {
        let known = self.state.project_named(project.as_str());
        let known = known.and_then(|id| self.state.projects().get(&id));
        match (ends, known) {
            (Ends::WithProject, None) => Err(Reason::EndNeeded),
            (Ends::Never, Some(project)) if project.ends.is_some() => {
                Err(Reason::ProjectEndDiffers)
            }
            (Ends::At(_), _) | (Ends::WithProject, Some(_)) | (Ends::Never, _) => Ok(()),
        }
    }

    /// What must hold both when sharing is asked for and when it is approved.
    pub(super) fn sharable(
        &self,
        channel: ChannelId,
        partner: &Handle,
        project: &Label,
        ends: Option<Timestamp>,
    ) -> Result<(), Reason> {
        let known = self.channel(channel)?;
        if known.visibility == Visibility::Direct {
            return Err(Reason::ChannelDirect);
        }
        if known.sharing != Sharing::Local {
            return Err(Reason::ChannelShared);
        }
        if known.archived {
            return Err(Reason::ChannelArchived);
        }
        self.approachable(partner)?;
        let ends = match self.state.project_named(project.as_str()) {
            None if self.state.projects().len() >= PROJECTS_COUNT_MAX => {
                return Err(Reason::LimitReached);
            }
            None => ends,
            Some(id) => {
                let known = self
                    .state
                    .projects()
                    .get(&id)
                    .expect("names lead to projects");
                if known.ended.is_some() || known.ends.is_some_and(|ends| ends <= self.now) {
                    return Err(Reason::ProjectEnded);
                }
                if ends.is_some() && ends != known.ends {
                    return Err(Reason::ProjectEndDiffers);
                }
                known.ends
            }
        };
        if ends.is_some_and(|ends| ends <= self.now) {
            return Err(Reason::EndInPast);
        }
        Ok(())
    }

    /// A charter that came into force. That everybody needed agreed to it, the channel checked;
    /// that it is the one which an administrator said yes to is checked here once more.
    pub(super) fn channel_sealed(
        &self,
        channel: ChannelId,
        host: OrgId,
        participants: &BTreeMap<OrgId, Access>,
        ends: Option<Timestamp>,
    ) -> Result<(), Reason> {
        self.caller.daemon()?;
        let us = self.state.org().ok_or(Reason::NotInitialised)?;
        let known = self.channel(channel)?;
        let approved_host = match &known.sharing {
            // The offer was taken back while its charter was being sealed: that has to be ended.
            Sharing::Local if host == us && known.nonce.is_some() => return Ok(()),
            Sharing::Local => return Err(Reason::ChannelNotShared),
            // A further revision: by the charter's own rules it needed our consent, or took
            // something away.
            Sharing::Shared {
                host: known, ended, ..
            } => {
                return match ended {
                    Some(_) => Err(Reason::ChannelEnded),
                    None if *known == host && participants.contains_key(&us) => Ok(()),
                    None => Err(Reason::TermsDiffer),
                };
            }
            Sharing::Offering { .. } => us,
            Sharing::Joining { host, .. } => *host,
        };
        let (Sharing::Offering { offer, .. } | Sharing::Joining { offer, .. }) = &known.sharing
        else {
            unreachable!("the other two are answered above")
        };
        if host != approved_host || ends != offer.ends {
            return Err(Reason::TermsDiffer);
        }
        let named = participants.contains_key(&us) && participants.contains_key(&host);
        if !named || participants.len() > PARTICIPANTS_COUNT_MAX {
            return Err(Reason::ParticipantsInvalid);
        }
        Ok(())
    }

    pub(super) fn end_channel(&self, channel: ChannelId, cause: EndCause) -> Result<(), Reason> {
        // An end is for good, and somebody's.
        if self.caller != Caller::Daemon {
            self.caller.named_administrator()?;
        }
        let known = self.channel(channel)?;
        let host = match &known.sharing {
            Sharing::Local => return Err(Reason::ChannelNotShared),
            Sharing::Offering { .. } => self.state.org(),
            Sharing::Joining { host, .. } | Sharing::Shared { host, .. } => Some(*host),
        };
        if self.caller != Caller::Daemon {
            let hosted = host == self.state.org();
            return match cause {
                EndCause::Termination if hosted => Ok(()),
                EndCause::Withdrawal if !hosted => Ok(()),
                _ => Err(Reason::CauseInvalid),
            };
        }
        match &known.sharing {
            Sharing::Shared { ends, .. } if cause == EndCause::End => {
                self.clock_holds()?;
                self.reached(*ends)
            }
            _ => Ok(()),
        }
    }

    /// An end by the clock must be one.
    fn reached(&self, ends: Option<Timestamp>) -> Result<(), Reason> {
        match ends {
            Some(ends) if ends <= self.now => Ok(()),
            _ => Err(Reason::EndNotReached),
        }
    }

    pub(super) fn create_project(&self, name: &str, ends: Ends) -> Result<(), Reason> {
        self.caller.administrator()?;
        Label::parse(name).map_err(|_| Reason::TextInvalid)?;
        if self.state.project_named(name).is_some() {
            return Err(Reason::ProjectExists);
        }
        if self.state.projects().len() >= PROJECTS_COUNT_MAX {
            return Err(Reason::LimitReached);
        }
        match ends {
            Ends::WithProject => Err(Reason::EndNeeded),
            Ends::At(at) if at <= self.now => Err(Reason::EndInPast),
            Ends::At(_) | Ends::Never => Ok(()),
        }
    }

    /// Only its host can put a further revision of a channel before others, and what has ended
    /// does not begin again.
    pub(super) fn extend_project(
        &self,
        project: ProjectId,
        until: Timestamp,
    ) -> Result<(), Reason> {
        self.caller.named_administrator()?;
        let known = self.state.projects().get(&project);
        let known = known.ok_or(Reason::ProjectUnknown)?;
        if known.ended.is_some() || known.ends.is_some_and(|ends| ends <= self.now) {
            return Err(Reason::ProjectEnded);
        }
        if until <= self.now {
            return Err(Reason::EndInPast);
        }
        let extension = Extension::of(self.state, project, until, self.now);
        if extension.unsealed {
            return Err(Reason::ChannelNotSealed);
        }
        if extension.others && !extension.ours {
            return Err(Reason::NotHost);
        }
        let later = match extension.ours {
            true => !extension.channels.is_empty(),
            false => known.ends.is_some_and(|ends| ends < until),
        };
        later.then_some(()).ok_or(Reason::EndNotLater)
    }

    pub(super) fn end_project(&self, project: ProjectId) -> Result<(), Reason> {
        if self.caller != Caller::Daemon {
            self.caller.administrator()?;
        }
        let known = self
            .state
            .projects()
            .get(&project)
            .ok_or(Reason::ProjectUnknown)?;
        if self.caller == Caller::Daemon {
            self.clock_holds()?;
            self.reached(known.ends)
        } else {
            Ok(())
        }
    }

    pub(super) fn write(
        &self,
        channel: ChannelId,
        capability: Capability,
        charter: Option<&CharterFacts>,
    ) -> Result<AuthorId, Reason> {
        let member = self.caller.writing_member()?;
        let known = self.channel(channel)?;
        let author = self
            .state
            .author(channel, member)
            .ok_or(Reason::NotInChannel)?;
        // By a clock that leapt it may seem to have ended, and the writer must not hear that it did.
        if known.is_shared() && !known.is_over() {
            self.clock_holds()?;
        }
        if known.is_ended(self.now) {
            return Err(Reason::ChannelEnded);
        }
        if known.archived {
            return Err(Reason::ChannelArchived);
        }
        match (&known.sharing, charter) {
            (Sharing::Local | Sharing::Offering { .. }, _) => {
                // Both need a charter to say what they are for.
                if matches!(capability, Capability::Custom | Capability::Direct) {
                    return Err(Reason::CapabilityNotGranted);
                }
            }
            (Sharing::Joining { .. }, _) | (Sharing::Shared { .. }, None) => {
                return Err(Reason::ChannelNotSealed);
            }
            (Sharing::Shared { participants, .. }, Some(facts)) => {
                if !facts.access.may_post() {
                    return Err(Reason::AccessReadOnly);
                }
                if !facts.capabilities.contains(capability) {
                    return Err(Reason::CapabilityNotGranted);
                }
                // What is written now would reach who is kept out by whoever carries it.
                let us = self.state.org();
                for org in participants.keys().filter(|org| us != Some(**org)) {
                    origin_allowed(self.state, *org)?;
                }
            }
        }
        Ok(author)
    }

    /// What was written stays readable after the end. Being an administrator opens no private
    /// channel.
    pub(super) fn read(&self, channel: ChannelId) -> Result<(), Reason> {
        self.caller.person()?;
        let known = self.channel(channel)?;
        let present = match self.caller {
            Caller::Member { scopes, .. } if !scopes.read => return Err(Reason::ScopeMissing),
            Caller::Member { member, .. } => self.state.author(channel, member).is_some(),
            Caller::Operator(_) | Caller::Partner(_) | Caller::Daemon => false,
        };
        if present || known.visibility == Visibility::Public {
            return Ok(());
        }
        Err(Reason::NotInChannel)
    }

    /// Whoever may read all of a channel may take it along as they may read it. An administrator may
    /// take any channel, and what readers are not shown: both are in the audit log.
    pub(super) fn export_channel(&self, channel: ChannelId, all: bool) -> Result<(), Reason> {
        if let Caller::Member { scopes, .. } = self.caller
            && !scopes.read
        {
            return Err(Reason::ScopeMissing);
        }
        if self.caller.is_administrator() {
            return self.channel(channel).map(drop);
        }
        if all {
            self.caller.administrator()?;
        }
        self.read(channel)
    }
}
