//! `DoctorService`: gathers what is known of the running daemon, and shows what follows from it.

use std::collections::BTreeSet;

use foedus_federation::bounds::WAITING_PER_ORIGIN_MAX;
use foedus_federation::channel::{ChannelView, Waiting};
use foedus_policy::bounds::REQUESTS_PER_PARTNER_COUNT_MAX;
use foedus_policy::decide::{carrier_allowed, origin_allowed};
use foedus_policy::id::OrgId;
use foedus_policy::state::{PartnerState, Person, Sharing};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::EndCause;
use foedus_proto::api::v1;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::caller::{Caller, administrator, reader};
use super::clock::clock_message;
use super::refusal::Refusal;
use super::show::held;
use super::{Api, Seen, service};
use crate::bounds::api::OWN_ADDRESS_TIMEOUT;
use crate::doctor::{
    Facts, Finding, Held, KeptOut, PartnerFacts, Quota, Severity, Terminated, examine,
};
use crate::runtime::LinkState;

impl Api {
    async fn examine(
        &self,
        caller: &Caller,
        _request: v1::ExamineRequest,
    ) -> Result<v1::ExamineResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        administrator(seen.state(), &caller.actor)?;
        let facts = Facts {
            unreachable: self.unanswered().await,
            ..self.gathered(&seen).await
        };
        let findings = examine(&facts);
        Ok(v1::ExamineResponse {
            findings: findings.into_iter().map(finding_message).collect(),
        })
    }

    /// What is known here, without asking anybody.
    pub(super) async fn gathered(&self, seen: &Seen) -> Facts {
        let clock = clock_message(&seen.org, self.runtime().now());
        let sizes = self.sizes().await;
        let mut facts = Facts {
            now: seen.now,
            clock_paused: clock.paused,
            end_unconfirmed: clock.unconfirmed && seen.end_waits(),
            partners: self.partner_facts(seen),
            kept_out: kept_out(seen),
            approvals: approvals(seen),
            terminated: terminated(seen),
            ends: seen
                .state()
                .projects()
                .values()
                .filter(|project| project.ended.is_none())
                .filter_map(|project| Some((project.name.to_string(), project.ends?)))
                .collect(),
            store_bytes: sizes.store_bytes,
            disk_free_bytes: sizes.disk_free_bytes,
            disk_reserve_bytes: self.inner.facts.disk_reserve_bytes,
            store_advised_bytes: self.inner.facts.store_advised_bytes,
            store_lacks_room: self.runtime().metrics().store_lacks_room(),
            quotas: full_of_requests(seen)
                .into_iter()
                .chain(self.held_back(seen))
                .collect(),
            ..Facts::default()
        };
        let channels = seen.state().channels().iter();
        for (id, channel) in channels.filter(|(_, channel)| channel.is_shared()) {
            if channel.is_over() {
                continue;
            }
            if let Ok(view) = self.view(*id).await {
                let name = channel.name.to_string();
                if let Some((count, origins, until)) = timed(view.waiting.values()) {
                    let origins: Vec<String> =
                        origins.iter().map(|one| seen.handle(*one)).collect();
                    facts.held.push(Held {
                        channel: name.clone(),
                        count,
                        origins: origins.join(", "),
                        until,
                    });
                }
                let (_, origins, _) = held(&view);
                let full = origins.iter().filter(|origin| is_full(&view, **origin));
                let of_channel = |origin: &OrgId| {
                    let channel = name.clone();
                    (seen.handle(*origin), Quota::Entries { channel })
                };
                facts.quotas.extend(full.map(of_channel));
                facts.forks.extend(seen.forks(&name, &view));
                facts.alone.extend(seen.alone(&name, &view));
            }
        }
        facts
    }

    fn partner_facts(&self, seen: &Seen) -> Vec<PartnerFacts> {
        let links = self.runtime().links().into_iter();
        let active = links.filter(|(org, _)| carrier_allowed(seen.state(), *org).is_ok());
        let now = self.runtime().now();
        active
            .map(|(org, link)| PartnerFacts {
                handle: seen.handle(org),
                up: link.state == LinkState::Up,
                resting: link.state == LinkState::Resting,
                since_millis: link.lasts_millis(now),
                problem: link.last_problem,
                trouble: link.trouble,
                skew_millis: link.clock_skew_millis,
                lag_entries: link.lag_entries,
            })
            .collect()
    }

    /// Partners that send more than they may.
    fn held_back(&self, seen: &Seen) -> Vec<(String, Quota)> {
        let now = self.runtime().now();
        let links = self.runtime().links().into_iter();
        let held_back = links.filter(|(_, link)| link.is_held_back(now));
        held_back
            .map(|(org, _)| (seen.handle(org), Quota::Pace))
            .collect()
    }

    /// Addresses of ours at which nobody answers. All are tried at one time, and each for a short one.
    async fn unanswered(&self) -> Vec<String> {
        let mut tried = JoinSet::new();
        for address in self.runtime().addresses() {
            tried.spawn(async move {
                let answer =
                    tokio::time::timeout(OWN_ADDRESS_TIMEOUT, TcpStream::connect(&address));
                let answers = matches!(answer.await, Ok(Ok(_)));
                (!answers).then_some(address)
            });
        }
        let mut unanswered: Vec<String> = tried.join_all().await.into_iter().flatten().collect();
        unanswered.sort_unstable();
        unanswered
    }
}

/// What of a channel waits for its time: how much, whose, and until when the first. What waits for an answer of ours
/// or for its author is not among it.
fn timed<'a>(
    waiting: impl Iterator<Item = &'a Waiting>,
) -> Option<(u64, BTreeSet<OrgId>, Timestamp)> {
    let timed = waiting.filter_map(|one| Some((one.until?, one.entry.origin)));
    let timed: Vec<(Timestamp, OrgId)> = timed.collect();
    let (until, _) = timed.iter().min()?;
    let origins = timed.iter().map(|(_, origin)| *origin).collect();
    Some((timed.len() as u64, origins, *until))
}

fn is_full(view: &ChannelView, origin: OrgId) -> bool {
    let waiting = view.waiting.values();
    let own = waiting.filter(|waiting| waiting.entry.origin == origin);
    own.count() >= WAITING_PER_ORIGIN_MAX
}

/// Partners that an administrator here keeps out, and how to let them in again.
fn kept_out(seen: &Seen) -> Vec<(String, KeptOut)> {
    let partners = seen.state().partners().iter();
    let kept_out = partners.filter_map(|(org, partner)| {
        let how = match (partner.state, origin_allowed(seen.state(), *org)) {
            (PartnerState::Suspended, _) => KeptOut::Suspended,
            (PartnerState::Active, Err(_)) => KeptOut::Denied,
            _ => return None,
        };
        Some((partner.handle.to_string(), how))
    });
    kept_out.collect()
}

/// Partners whose requests fill what is kept of theirs.
fn full_of_requests(seen: &Seen) -> Vec<(String, Quota)> {
    let state = seen.state();
    let full = state.partners().keys().filter(|org| {
        let requests = state.requests().values();
        let theirs = requests.filter(|one| one.is_waiting() && one.by == Person::Partner(**org));
        theirs.count() >= REQUESTS_PER_PARTNER_COUNT_MAX
    });
    full.map(|org| (seen.handle(*org), Quota::Requests))
        .collect()
}

/// Channels that their hosts ended for all.
fn terminated(seen: &Seen) -> Vec<Terminated> {
    let channels = seen.state().channels().values();
    let terminated = channels.filter_map(|channel| match &channel.sharing {
        Sharing::Shared {
            host,
            ended: Some(ended),
            ..
        } if ended.cause == EndCause::Termination && Some(*host) != seen.org.org() => {
            Some(Terminated {
                channel: channel.name.to_string(),
                host: seen.handle(*host),
                at: ended.at,
            })
        }
        _ => None,
    });
    terminated.collect()
}

/// What waits for an administrator, and how to look at it.
fn approvals(seen: &Seen) -> Vec<(String, String)> {
    let partners = seen.state().partners().values();
    let replied = partners.filter(|partner| partner.state == PartnerState::Replied);
    let replied = replied.map(|partner| {
        let handle = partner.handle.to_string();
        let fix = format!("foedus partner show {handle}");
        (handle, fix)
    });
    let requests = seen.state().requests().iter();
    let waiting = requests.filter(|(_, request)| request.is_waiting() && !request.is_due(seen.now));
    let waiting = waiting.map(|(number, _)| {
        let fix = format!("foedus request show {number}");
        (number.to_string(), fix)
    });
    replied.chain(waiting).collect()
}

fn finding_message(finding: Finding) -> v1::Finding {
    let severity = match finding.severity {
        Severity::Notice => v1::Severity::Notice,
        Severity::Warning => v1::Severity::Warning,
        Severity::Error => v1::Severity::Error,
    };
    v1::Finding {
        severity: severity.into(),
        problem: Some(problem_message(finding)),
    }
}

pub(super) fn problem_message(finding: Finding) -> v1::Problem {
    v1::Problem {
        reason: finding.name.to_owned(),
        text: finding.text,
        fix: finding.fix,
        subject: finding.subject,
    }
}

service!(v1::doctor_service_server::DoctorService {
    examine: ExamineRequest => ExamineResponse,
});

#[cfg(test)]
mod tests {
    use foedus_policy::id::{EntryRef, IncarnationId};

    use super::*;

    #[test]
    fn only_what_waits_for_its_time_is_counted_so() {
        let one = |origin: u8, until: Option<u64>, revision: Option<u64>| Waiting {
            entry: EntryRef {
                origin: OrgId([origin; 32]),
                incarnation: IncarnationId([1; 16]),
                sequence: 0,
            },
            until: until.map(Timestamp),
            revision,
            author: None,
        };
        let waiting = [
            one(1, Some(20), None),
            one(1, None, Some(2)),
            one(2, Some(10), Some(2)),
            one(3, None, Some(2)),
        ];
        let (count, origins, until) = timed(waiting.iter()).expect("two of them do");
        let whose: Vec<OrgId> = [1, 2].map(|origin| OrgId([origin; 32])).to_vec();
        assert_eq!((count, until), (2, Timestamp(10)));
        assert!(origins.into_iter().eq(whose));
        assert_eq!(timed([one(1, None, Some(2))].iter()), None);
    }
}
