//! `AuditService`: the audit log, newest first.

mod concerns;

use std::collections::{BTreeMap, BTreeSet};

use foedus_federation::batch::Read;
use foedus_federation::keys;
use foedus_federation::org::read_audit_entry;
use foedus_federation::org_store::{StoredAudit, StoredOutcome, read_audit};
use foedus_federation::steploop::Failure;
use foedus_policy::id::{ChannelId, MemberId, OrgId, ProjectId};
use foedus_policy::state::Sharing;
use foedus_policy::time::Timestamp;
use foedus_proto::api::v1;

use concerns::Concerns;

use super::caller::{Caller, administrator, reader};
use super::message::Sent;
use super::refusal::Refusal;
use super::{Api, Seen, page, parse, service, show};
use crate::bounds::api::{AUDIT_READ_RECORDS, AUDIT_SCANNED_MAX};

/// What is asked for.
pub(super) struct Filter {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    actor: String,
    action_prefix: String,
    partner: Option<About>,
    denied_only: bool,
}

/// One partner, and the projects of the channels that are shared with it.
struct About {
    partner: OrgId,
    projects: BTreeSet<ProjectId>,
}

impl Api {
    async fn list_audit_records(
        &self,
        caller: &Caller,
        request: v1::ListAuditRecordsRequest,
    ) -> Result<v1::ListAuditRecordsResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        administrator(seen.state(), &caller.actor)?;
        let filter = Filter {
            since: parse::time(request.since)?,
            until: parse::time(request.until)?,
            actor: request.actor,
            action_prefix: request.action_prefix,
            partner: about(&seen, &request.partner)?,
            denied_only: request.denied_only,
        };
        let mut before = place_of(&request.page_token)?;
        let mut page = page::Page::new("audit", request.page_size);
        let mut scanned = 0;
        'reading: loop {
            let rows = self.read(&[records_before(before)]).await?;
            let rows = rows.into_iter().next().unwrap_or_default();
            let last_chunk = rows.len() < AUDIT_READ_RECORDS;
            for (key, value) in rows {
                if page.is_full() {
                    break 'reading;
                }
                let record = read_audit_entry(&key, &value)?;
                before = record.number;
                scanned += 1;
                // Entries about the log itself are no acts.
                let Some(event) = record.event else { continue };
                let stored = read_audit(&event).map_err(|error| {
                    tracing::error!(%error, number = record.number, "a record of the audit log can't be read");
                    Refusal::from(Failure::Damaged)
                })?;
                if filter.since.is_some_and(|since| stored.at < since) {
                    break 'reading;
                }
                let concerns = seen.concerns(&stored);
                let message = seen.audit_message(record.number, stored, &concerns);
                if filter.meets(&message, &concerns) {
                    page.push(record.number.to_be_bytes().to_vec(), message);
                }
            }
            if last_chunk {
                break;
            }
            if scanned >= AUDIT_SCANNED_MAX {
                page.next = page::seal("audit", &before.to_be_bytes());
                break;
            }
        }
        Ok(v1::ListAuditRecordsResponse {
            records: page.items,
            next_page_token: page.next,
        })
    }
}

/// The partner that is meant, if one is.
fn about(seen: &Seen, partner: &str) -> Result<Option<About>, Refusal> {
    if partner.is_empty() {
        return Ok(None);
    }
    let partner = seen.partner(partner)?;
    let channels = seen.state().channels().values();
    let shared = channels.filter(|channel| match &channel.sharing {
        Sharing::Shared { participants, .. } => participants.contains_key(&partner),
        _ => false,
    });
    Ok(Some(About {
        partner,
        projects: shared.filter_map(|channel| channel.project).collect(),
    }))
}

/// The number of the record before which a page goes on.
fn place_of(page_token: &str) -> Result<u64, Refusal> {
    let Some(place) = page::after("audit", page_token)? else {
        return Ok(u64::MAX);
    };
    place.try_into().map(u64::from_be_bytes).map_err(|_| {
        Refusal::malformed(
            "PAGE_TOKEN_INVALID",
            "the page token is not one that this list gave",
            "begin again without a token",
        )
    })
}

fn records_before(before: u64) -> Read {
    Read::Scan {
        start: keys::audit_run(0),
        end: keys::audit_run(before),
        limit: AUDIT_READ_RECORDS,
        reverse: true,
    }
}

impl Filter {
    /// What of the log an export shows.
    pub(super) fn of_export(seen: &Seen, request: v1::ExportAuditRequest) -> Result<Self, Refusal> {
        Ok(Self {
            since: parse::time(request.since)?,
            until: parse::time(request.until)?,
            actor: String::new(),
            action_prefix: String::new(),
            partner: about(seen, &request.partner)?,
            denied_only: false,
        })
    }

    pub(super) fn meets(&self, record: &v1::AuditRecord, concerns: &Concerns) -> bool {
        let at = record.at.map_or(0, |at| {
            u64::try_from(at.seconds).unwrap_or(0) * 1000
                + u64::try_from(at.nanos).unwrap_or(0) / 1_000_000
        });
        self.since.is_none_or(|since| at >= since.0)
            && self.until.is_none_or(|until| at < until.0)
            && (self.actor.is_empty()
                || record.actor == self.actor
                || is_name(&record.actor, &self.actor))
            && record.action.starts_with(&self.action_prefix)
            && self
                .partner
                .as_ref()
                .is_none_or(|about| about.is_in(concerns))
            && (!self.denied_only || record.outcome() == v1::AuditOutcome::Denied)
    }
}

impl About {
    fn is_in(&self, concerns: &Concerns) -> bool {
        let project = concerns.project.as_ref();
        concerns.orgs.contains(&self.partner)
            || project.is_some_and(|project| self.projects.contains(project))
    }
}

/// Who acted on the administration socket, if the actor did: a user id, and perhaps in whose name.
fn operator(actor: &str) -> Option<&str> {
    actor.strip_prefix("operator ")
}

/// Whether `actor` is the address that begins with this name.
fn is_name(actor: &str, name: &str) -> bool {
    actor
        .split_once('@')
        .is_some_and(|(local, _)| local == name)
}

impl Seen {
    pub(super) fn audit_message(
        &self,
        number: u64,
        stored: StoredAudit,
        concerns: &Concerns,
    ) -> v1::AuditRecord {
        let StoredAudit {
            at,
            actor,
            verb,
            object,
            outcome,
            details,
        } = stored;
        let (outcome, rule) = match outcome {
            StoredOutcome::Done => (v1::AuditOutcome::Done, String::new()),
            StoredOutcome::Denied { reason } => (v1::AuditOutcome::Denied, reason),
        };
        let mut details: BTreeMap<String, String> = details.into_iter().collect();
        let counted = match verb.as_str() {
            "audit.denials" => details.remove("count"),
            _ => None,
        };
        let subject = self.audit_subject(&object);
        for value in details.values_mut() {
            *value = self.audit_subject(value);
        }
        // In whose name it was done is the actor; who sat at the socket is told, too.
        if let Some((uid, _)) = operator(&actor).and_then(|who| who.split_once(" as ")) {
            details.insert("socket_uid".to_owned(), uid.to_owned());
        }
        v1::AuditRecord {
            sequence: number.saturating_sub(1),
            at: show::time(at),
            actor: self.audit_actor(&actor),
            action: verb,
            subject,
            outcome: outcome.into(),
            rule,
            partner: concerns
                .orgs
                .first()
                .map_or_else(String::new, |org| self.handle(*org)),
            details,
            count: counted.and_then(|count| count.parse().ok()).unwrap_or(1),
        }
    }

    /// Who it was, by the name used here: `mem_…`, `operator 1000`, `operator 1000 as mem_…`, `org_…`, `system`.
    fn audit_actor(&self, actor: &str) -> String {
        if actor == "system" {
            return "clock".to_owned();
        }
        if let Some(who) = operator(actor) {
            return match who.split_once(" as ") {
                None => format!("socket:{who}"),
                Some((_, member)) => self.audit_subject(member),
            };
        }
        self.audit_subject(actor)
    }

    /// What an identifier stands for here; any other text as it is.
    fn audit_subject(&self, text: &str) -> String {
        if let Ok(member) = text.parse::<MemberId>() {
            return self.address(member);
        }
        if let Ok(channel) = text.parse::<ChannelId>()
            && let Some(known) = self.state().channels().get(&channel)
        {
            return known.name.to_string();
        }
        if let Ok(org) = text.parse::<OrgId>() {
            let handle = self.handle(org);
            return if handle.is_empty() {
                text.to_owned()
            } else {
                handle
            };
        }
        text.to_owned()
    }
}

service!(v1::audit_service_server::AuditService {
    list_audit_records: ListAuditRecordsRequest => ListAuditRecordsResponse,
}
    type ExportAuditStream = Sent<v1::ExportAuditResponse>;

    async fn export_audit(
        &self,
        request: tonic::Request<v1::ExportAuditRequest>,
    ) -> Result<tonic::Response<Self::ExportAuditStream>, tonic::Status> {
        self.export_audit_stream(request).await
    }
);
