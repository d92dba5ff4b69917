//! `ProjectService`: projects, and what is left of their channels when they end.

use std::collections::BTreeSet;

use foedus_federation::channel::ChannelView;
use foedus_federation::note::Verified;
use foedus_federation::note::value::{LogHead, LogHeads};
use foedus_federation::org;
use foedus_federation::record::DisconnectRecord;
use foedus_policy::action::{Action, Actor, Outcome};
use foedus_policy::extension::Extension;
use foedus_policy::id::{ChannelId, OrgId, ProjectId};
use foedus_policy::reason::Reason;
use foedus_policy::state::{Channel, Project, Sharing};
use foedus_policy::time::Timestamp;
use foedus_proto::api::v1;

use super::caller::{Caller, reader};
use super::member::unexpected;
use super::refusal::Refusal;
use super::show::{maybe_time, time};
use super::{Api, Seen, page, parse, service};

/// Whether a project is over: it was ended, or its time is up by the clock.
pub(super) fn has_ended(project: &Project, now: Timestamp) -> bool {
    project.ended.is_some() || project.ends.is_some_and(|ends| now >= ends)
}

impl Api {
    async fn create_project(
        &self,
        caller: &Caller,
        request: v1::CreateProjectRequest,
    ) -> Result<v1::CreateProjectResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "project.create",
            key,
            request,
            |api, caller, request| async move {
                let action = Action::CreateProject {
                    ends: parse::ends(request.ends_at, request.no_end)?,
                    name: request.name,
                };
                let outcome = api.runtime().act(caller.actor, action).await?;
                let Outcome::ProjectCreated { project } = outcome else {
                    return Err(unexpected());
                };
                Ok(v1::CreateProjectResponse {
                    project: Some(api.seen().project_message(&caller.actor, project)),
                })
            },
        )
        .await
    }

    async fn extend_project(
        &self,
        caller: &Caller,
        request: v1::ExtendProjectRequest,
    ) -> Result<v1::ExtendProjectResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "project.extend",
            key,
            request,
            |api, caller, request| async move {
                let project = api.seen().project(&request.project)?;
                let until = parse::time(request.ends_at)?.ok_or_else(|| {
                    Refusal::malformed(
                        "END_NEEDED",
                        "the request names no time",
                        "say when the project ends then",
                    )
                })?;
                let action = Action::ExtendProject { project, until };
                let acted = api.runtime().act(caller.actor, action).await;
                acted.map_err(|refused| api.seen().not_host(project, refused))?;
                Ok(v1::ExtendProjectResponse {
                    project: Some(api.seen().project_message(&caller.actor, project)),
                })
            },
        )
        .await
    }

    async fn list_projects(
        &self,
        caller: &Caller,
        request: v1::ListProjectsRequest,
    ) -> Result<v1::ListProjectsResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let all = seen
            .state()
            .projects()
            .iter()
            .filter(|(_, project)| request.include_ended || !has_ended(project, seen.now))
            .map(|(id, project)| (project.name.as_str().as_bytes().to_vec(), *id))
            .collect();
        let (projects, next_page_token) = page::list(
            "projects",
            request.page_size,
            &request.page_token,
            all,
            |id| seen.project_message(&caller.actor, id),
        )?;
        Ok(v1::ListProjectsResponse {
            projects,
            next_page_token,
        })
    }

    async fn get_project(
        &self,
        caller: &Caller,
        request: v1::GetProjectRequest,
    ) -> Result<v1::GetProjectResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let project = seen.project(&request.project)?;
        let mut channel_ends = Vec::new();
        for (id, channel) in seen.channels_of(&caller.actor, project) {
            if channel.is_shared() {
                let view = self.view(id).await?;
                channel_ends.push(seen.channel_end(id, channel, &view));
            }
        }
        Ok(v1::GetProjectResponse {
            project: Some(seen.project_message(&caller.actor, project)),
            channel_ends,
        })
    }

    async fn end_project(
        &self,
        caller: &Caller,
        request: v1::EndProjectRequest,
    ) -> Result<v1::EndProjectResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "project.end",
            key,
            request,
            |api, caller, request| async move {
                super::partner::no_reason(&request.reason)?;
                let project = api.seen().project(&request.project)?;
                let action = Action::EndProject { project };
                api.do_or_preview(&caller, action, request.preview).await?;
                Ok(v1::EndProjectResponse {
                    project: Some(api.seen().project_message(&caller.actor, project)),
                })
            },
        )
        .await
    }
}

impl Seen {
    /// The channels of a project that the caller may find, by name.
    fn channels_of(&self, actor: &Actor, project: ProjectId) -> Vec<(ChannelId, &Channel)> {
        let mut channels: Vec<(ChannelId, &Channel)> = self
            .state()
            .channels()
            .iter()
            .filter(|(id, channel)| channel.project == Some(project) && self.can_find(actor, **id))
            .map(|(id, channel)| (*id, channel))
            .collect();
        channels.sort_by(|(_, left), (_, right)| left.name.cmp(&right.name));
        channels
    }

    /// The same refusal; where only another organisation could, with its name.
    fn not_host(&self, project: ProjectId, refused: org::Refused) -> Refusal {
        let channels = self.state().channels().values();
        let mut hosts = channels.filter_map(|channel| match &channel.sharing {
            Sharing::Shared { host, .. } if channel.project == Some(project) => {
                Some((*host, channel.name.as_str())).filter(|_| !channel.is_ended(self.now))
            }
            _ => None,
        });
        match (refused, hosts.next()) {
            (org::Refused::Denied(Reason::NotHost), Some((host, channel))) => {
                let host = self.handle(host);
                Refusal {
                    text: format!(
                        "{host} hosts {channel}, and only its host can propose a further revision"
                    ),
                    fix: format!("ask an administrator of {host} to extend it"),
                    ..Refusal::from(Reason::NotHost)
                }
            }
            (refused, _) => refused.into(),
        }
    }

    /// The later end that was proposed and that not everybody has agreed to, and who has yet to.
    fn extension(&self, id: ProjectId, project: &Project) -> Option<(Timestamp, Vec<String>)> {
        let until = project.extended_to?;
        let channels = Extension::of(self.state(), id, until, self.now).channels;
        let us = self.state().org();
        let mut awaited = BTreeSet::new();
        for channel in channels {
            if let Sharing::Shared { participants, .. } = &self.state().channels()[&channel].sharing
            {
                let others = participants.keys().filter(|org| Some(**org) != us);
                awaited.extend(others.map(|org| self.handle(*org)));
            }
        }
        (!awaited.is_empty()).then(|| (until, awaited.into_iter().collect()))
    }

    fn project_message(&self, actor: &Actor, id: ProjectId) -> v1::Project {
        let Some(project) = self.state().projects().get(&id) else {
            return v1::Project::default();
        };
        let channels = self.channels_of(actor, id);
        let mut partners: Vec<String> = project
            .partners
            .iter()
            .map(|org| self.handle(*org))
            .collect();
        partners.sort_unstable();
        let extension = self.extension(id, project);
        v1::Project {
            extended_to: extension.as_ref().and_then(|(until, _)| time(*until)),
            extension_awaits: extension.map_or_else(Vec::new, |(_, awaited)| awaited),
            project_id: id.to_string(),
            name: project.name.to_string(),
            state: match has_ended(project, self.now) {
                true => v1::ProjectState::Ended.into(),
                false => v1::ProjectState::Active.into(),
            },
            ends_at: maybe_time(project.ended.or(project.ends)),
            channels: channels
                .iter()
                .map(|(_, channel)| channel.name.to_string())
                .collect(),
            partners,
        }
    }

    /// The records of a channel's end, and what comparing them says.
    fn channel_end(&self, id: ChannelId, channel: &Channel, view: &ChannelView) -> v1::ChannelEnd {
        let governance = &view.governance;
        let ended = governance.ended(self.now).is_some() || channel.is_ended(self.now);
        let ours = governance.record(view.us);
        let mut missing: Vec<String> = governance
            .newest()
            .into_iter()
            .flat_map(|newest| newest.charter().participants.keys())
            .filter(|org| governance.record(**org).is_none())
            .map(|org| self.handle(*org))
            .collect();
        missing.sort_unstable();
        let mut differences = Vec::new();
        if let Some(ours) = ours {
            for theirs in governance
                .records()
                .filter(|record| record.note().org != view.us)
            {
                self.differences(&ours.note().logs, theirs.note(), &mut differences);
            }
        }
        let reconciliation = match (ended, missing.is_empty(), differences.is_empty()) {
            (false, _, _) => v1::Reconciliation::Unspecified,
            (true, false, _) => v1::Reconciliation::Waiting,
            (true, true, true) => v1::Reconciliation::Equal,
            (true, true, false) => v1::Reconciliation::Different,
        };
        let mut records: Vec<&Verified<DisconnectRecord>> = governance.records().collect();
        records.sort_by_key(|record| (record.note().org != view.us, record.note().org));
        v1::ChannelEnd {
            channel_id: id.to_string(),
            channel_name: channel.name.to_string(),
            ended,
            records: records
                .into_iter()
                .map(|record| self.record_message(record, view.us))
                .collect(),
            records_missing: match ended {
                true => missing,
                false => Vec::new(),
            },
            reconciliation: reconciliation.into(),
            differences,
        }
    }

    fn record_message(
        &self,
        record: &Verified<DisconnectRecord>,
        us: OrgId,
    ) -> v1::DisconnectRecord {
        let note = record.note();
        let log = |((origin, incarnation), head): (&(OrgId, _), &LogHead)| {
            let incarnation: &foedus_policy::id::IncarnationId = incarnation;
            v1::LogState {
                origin_organisation_id: origin.to_string(),
                origin_handle: self.handle(*origin),
                incarnation_id: incarnation.to_string(),
                size: head.size,
                root: data_encoding::HEXLOWER.encode(&head.root),
            }
        };
        v1::DisconnectRecord {
            organisation_id: note.org.to_string(),
            handle: self.handle(note.org),
            ours: note.org == us,
            cause: note.cause.to_string(),
            at: time(note.at),
            logs: note.logs.iter().map(log).collect(),
            note: String::from_utf8_lossy(record.bytes()).into_owned(),
        }
    }

    /// The logs of which we hold another size or root than somebody else.
    fn differences(
        &self,
        ours: &LogHeads,
        theirs: &DisconnectRecord,
        differences: &mut Vec<v1::LogDifference>,
    ) {
        let logs: BTreeSet<_> = ours.keys().chain(theirs.logs.keys()).copied().collect();
        for log in logs {
            let (our, their) = (ours.get(&log), theirs.logs.get(&log));
            // A log without an entry is as good as none.
            let size = |head: Option<&LogHead>| head.map_or(0, |head| head.size);
            let root = |head: Option<&LogHead>| head.map(|head| head.root);
            let same_size = size(our) == size(their);
            let forked = same_size && size(our) > 0 && root(our) != root(their);
            if same_size && !forked {
                continue;
            }
            let (origin, incarnation) = log;
            differences.push(v1::LogDifference {
                origin_organisation_id: origin.to_string(),
                origin_handle: self.handle(origin),
                incarnation_id: incarnation.to_string(),
                our_size: size(our),
                their_organisation_id: theirs.org.to_string(),
                their_handle: self.handle(theirs.org),
                their_size: size(their),
                forked,
            });
        }
    }
}

service!(v1::project_service_server::ProjectService {
    create_project: CreateProjectRequest => CreateProjectResponse,
    list_projects: ListProjectsRequest => ListProjectsResponse,
    get_project: GetProjectRequest => GetProjectResponse,
    extend_project: ExtendProjectRequest => ExtendProjectResponse,
    end_project: EndProjectRequest => EndProjectResponse,
});

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use foedus_federation::org::OrgSnapshot;
    use foedus_policy::id::{IncarnationId, NoteHash};
    use foedus_policy::vocabulary::EndCause;

    use super::*;

    /// Logs by organisation, incarnation, size and root.
    fn heads(logs: &[(u8, u8, u64, u8)]) -> LogHeads {
        logs.iter()
            .map(|(org, incarnation, size, root)| {
                let log = (OrgId([*org; 32]), IncarnationId([*incarnation; 16]));
                let root = [*root; 32];
                (log, LogHead { size: *size, root })
            })
            .collect()
    }

    /// The differences, as (origin, ours, theirs, forked).
    fn compared(
        ours: &[(u8, u8, u64, u8)],
        theirs: &[(u8, u8, u64, u8)],
    ) -> Vec<(u8, u64, u64, bool)> {
        let seen = Seen {
            org: Arc::new(OrgSnapshot::default()),
            now: Timestamp(0),
        };
        let theirs = DisconnectRecord {
            channel: ChannelId([9; 32]),
            org: OrgId([2; 32]),
            revision: NoteHash([1; 32]),
            cause: EndCause::End,
            at: Timestamp(0),
            logs: heads(theirs),
        };
        let mut differences = Vec::new();
        seen.differences(&heads(ours), &theirs, &mut differences);
        let origin = |text: &str| text.parse::<OrgId>().expect("an id").0[0];
        differences
            .iter()
            .map(|one| {
                (
                    origin(&one.origin_organisation_id),
                    one.our_size,
                    one.their_size,
                    one.forked,
                )
            })
            .collect()
    }

    #[test]
    fn what_two_records_differ_in_is_named_log_by_log() {
        let equal = [(1, 1, 7, 1), (2, 1, 5, 2)];
        assert_eq!(compared(&equal, &equal), []);
        let cases = [
            (
                [(1, 1, 9, 1), (2, 1, 5, 2)],
                [(1, 1, 7, 8), (2, 1, 5, 2)],
                vec![(1, 9, 7, false)],
            ),
            (
                [(1, 1, 7, 1), (2, 1, 5, 2)],
                [(1, 1, 7, 1), (2, 1, 5, 3)],
                vec![(2, 5, 5, true)],
            ),
            (
                [(1, 1, 7, 1), (2, 1, 5, 2)],
                [(1, 1, 7, 1), (2, 2, 5, 2)],
                vec![(2, 5, 0, false), (2, 0, 5, false)],
            ),
        ];
        for (ours, theirs, expected) in cases {
            assert_eq!(compared(&ours, &theirs), expected);
        }
        assert_eq!(
            compared(&[(1, 1, 0, 0)], &[]),
            [],
            "a log without an entry is as good as none"
        );
    }
}
