//! What is counted, in the form that Prometheus reads.
//!
//! Labels are few and bounded: partners by id, rules by name. No names of people or channels. What a partner calls itself
//! is in one metric only, beside its id, for it may call itself otherwise one day.

pub mod server;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use foedus_federation::batch::CommitOutcome;
use foedus_federation::channel::Reject;
use foedus_policy::id::OrgId;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPartner {
    partner: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartnerInfo {
    partner: String,
    handle: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPartnerAndVerdict {
    partner: String,
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByQueue {
    queue: &'static str,
}

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    posts: Counter,
    refusals: Family<ByReason, Counter>,
    rejects: Family<ByReason, Counter>,
    pairing_rejects: Family<ByReason, Counter>,
    lacks_room: AtomicBool,
    strangers_refused: AtomicU64,
    commits: Family<ByOutcome, Counter>,
    commit_seconds: Histogram,
    entries: Family<ByPartnerAndVerdict, Counter>,
    partner_info: Family<PartnerInfo, Gauge>,
    /// Who is in that one.
    partners_named: Mutex<BTreeMap<OrgId, String>>,
    link_up: Family<ByPartner, Gauge>,
    link_resting: Family<ByPartner, Gauge>,
    link_lag: Family<ByPartner, Gauge>,
    clock_skew: Family<ByPartner, Gauge>,
    queue_depth: Family<ByQueue, Gauge>,
    channels_loaded: Gauge,
    accept: Family<ByOutcome, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("foedus");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of this daemon", build);
        // From 100 microseconds, what a fast disk takes, to 6 seconds, when something is wrong.
        let buckets = prometheus_client::metrics::histogram::exponential_buckets(0.0001, 2.0, 17);
        let metrics = Self {
            posts: Counter::default(),
            refusals: Family::default(),
            rejects: Family::default(),
            pairing_rejects: Family::default(),
            lacks_room: AtomicBool::new(false),
            strangers_refused: AtomicU64::new(0),
            commits: Family::default(),
            commit_seconds: Histogram::new(buckets),
            entries: Family::default(),
            partner_info: Family::default(),
            partners_named: Mutex::default(),
            link_up: Family::default(),
            link_resting: Family::default(),
            link_lag: Family::default(),
            clock_skew: Family::default(),
            queue_depth: Family::default(),
            channels_loaded: Gauge::default(),
            accept: Family::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut registry);
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        let r = registry;
        r.register(
            "posts",
            "Entries that our own people wrote",
            self.posts.clone(),
        );
        r.register(
            "refusals",
            "Acts that a rule refused",
            self.refusals.clone(),
        );
        r.register(
            "rejects",
            "What a partner sent or did against a rule of links or channels",
            self.rejects.clone(),
        );
        r.register(
            "pairing_rejects",
            "Calls to the pairing port that were not taken, whoever they came from",
            self.pairing_rejects.clone(),
        );
        r.register("commits", "Commits by how they ended", self.commits.clone());
        r.register(
            "commit_seconds",
            "How long a commit took",
            self.commit_seconds.clone(),
        );
        r.register(
            "entries",
            "Entries taken from a partner by verdict",
            self.entries.clone(),
        );
        r.register(
            "partner_info",
            "What a partner calls itself; always 1",
            self.partner_info.clone(),
        );
        r.register("link_up", "Whether there is a link", self.link_up.clone());
        r.register(
            "link_resting",
            "Whether there is no link because nothing is shared any more",
            self.link_resting.clone(),
        );
        r.register(
            "link_lag_entries",
            "Arrivals that the partner has not acknowledged",
            self.link_lag.clone(),
        );
        r.register(
            "link_clock_skew_milliseconds",
            "How far the partner's clock is ahead of ours",
            self.clock_skew.clone(),
        );
        r.register("queue_depth", "Inputs that wait", self.queue_depth.clone());
        r.register(
            "channels_loaded",
            "Channels in memory",
            self.channels_loaded.clone(),
        );
        r.register(
            "connections",
            "Connections to the link port since the start, by what became of them",
            self.accept.clone(),
        );
    }

    /// Everything as text, in the OpenMetrics form.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to memory does not fail");
        text
    }

    /// Our own people wrote entries.
    pub fn posted(&self, count: u64) {
        self.posts.inc_by(count);
    }

    /// A rule refused an act.
    pub fn refused(&self, rule: &str) {
        self.refusals
            .get_or_create(&ByReason {
                reason: rule.to_owned(),
            })
            .inc();
    }

    /// A partner broke a rule of channels.
    pub fn rejected(&self, reject: &Reject) {
        self.reject_counted(match reject {
            Reject::NotACarrier => "not_a_carrier",
            Reject::NotAsked(_) => "not_asked",
            Reject::NotReconciled(_) => "not_reconciled",
            Reject::Fork(_) => "fork",
            Reject::TooManyLogs(_) => "too_many_logs",
            Reject::LateSeal(_) => "late_seal",
            Reject::Note(..) => "note",
        });
    }

    /// A partner broke a rule of links.
    pub fn reject_counted(&self, reason: &'static str) {
        self.rejects
            .get_or_create(&ByReason {
                reason: reason.to_owned(),
            })
            .inc();
    }

    /// Somebody, who need not be a partner, was turned away where invitations are answered.
    pub fn pairing_rejected(&self, reason: &'static str) {
        self.pairing_rejects
            .get_or_create(&ByReason {
                reason: reason.to_owned(),
            })
            .inc();
    }

    /// The same, of somebody who showed nothing that makes them known here: the audit log is told of these in one.
    pub fn stranger_rejected(&self, reason: &'static str) {
        self.pairing_rejected(reason);
        self.strangers_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How often strangers were turned away since this was asked last.
    #[must_use]
    pub fn take_strangers_refused(&self) -> u64 {
        self.strangers_refused.swap(0, Ordering::Relaxed)
    }

    /// Whether the store found no room for what it was last asked to write, whatever the system says is free: a quota of
    /// its user may be used up, or the disk's inodes.
    #[must_use]
    pub fn store_lacks_room(&self) -> bool {
        self.lacks_room.load(Ordering::Relaxed)
    }

    /// The store waits for room, and can't be read meanwhile.
    pub fn found_no_room(&self) {
        self.lacks_room.store(true, Ordering::Relaxed);
    }

    /// A commit ended.
    pub fn committed(&self, outcome: CommitOutcome, took: Duration) {
        match outcome {
            CommitOutcome::DiskFull => self.found_no_room(),
            CommitOutcome::Durable => self.lacks_room.store(false, Ordering::Relaxed),
            // These say nothing about it.
            CommitOutcome::Conflict | CommitOutcome::Refused | CommitOutcome::Unknown => {}
        }
        let outcome = match outcome {
            CommitOutcome::Durable => "durable",
            CommitOutcome::Conflict => "conflict",
            CommitOutcome::DiskFull => "disk_full",
            CommitOutcome::Refused => "refused",
            CommitOutcome::Unknown => "unknown",
        };
        self.commits.get_or_create(&ByOutcome { outcome }).inc();
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Entries came from a partner.
    pub fn taken(&self, partner: OrgId, accepted: u64, void: u64, withheld: u64) {
        let counts = [
            ("accepted", accepted),
            ("void", void),
            ("withheld", withheld),
        ];
        for (verdict, count) in counts {
            self.entries
                .get_or_create(&ByPartnerAndVerdict {
                    partner: partner.to_string(),
                    verdict,
                })
                .inc_by(count);
        }
    }

    /// The partners that there are, and what they call themselves.
    pub fn name_partners(&self, partners: BTreeMap<OrgId, String>) {
        let labels = |(org, handle): (&OrgId, &String)| PartnerInfo {
            partner: org.to_string(),
            handle: handle.clone(),
        };
        let named = self.partners_named.lock();
        let mut named = named.unwrap_or_else(PoisonError::into_inner);
        let gone = named
            .iter()
            .filter(|(org, handle)| partners.get(org) != Some(handle));
        for gone in gone {
            self.partner_info.remove(&labels(gone));
        }
        for partner in &partners {
            self.partner_info.get_or_create(&labels(partner)).set(1);
        }
        *named = partners;
    }

    /// How the link of a partner is.
    pub fn link(&self, partner: OrgId, up: bool, lag_entries: u64, skew_millis: Option<i64>) {
        let labels = ByPartner {
            partner: partner.to_string(),
        };
        self.link_up.get_or_create(&labels).set(i64::from(up));
        let lag = i64::try_from(lag_entries).unwrap_or(i64::MAX);
        self.link_lag.get_or_create(&labels).set(lag);
        if let Some(skew) = skew_millis {
            self.clock_skew.get_or_create(&labels).set(skew);
        }
    }

    /// Whether a partner has no link because nothing is shared with it any more.
    pub fn link_resting(&self, partner: OrgId, resting: bool) {
        let labels = ByPartner {
            partner: partner.to_string(),
        };
        let resting = i64::from(resting);
        self.link_resting.get_or_create(&labels).set(resting);
    }

    /// There is to be no link with it.
    pub fn forget_link(&self, partner: OrgId) {
        let labels = ByPartner {
            partner: partner.to_string(),
        };
        for of_links in [
            &self.link_up,
            &self.link_resting,
            &self.link_lag,
            &self.clock_skew,
        ] {
            of_links.remove(&labels);
        }
    }

    /// How many inputs wait in a queue.
    pub fn queue_depth(&self, queue: &'static str, depth: usize) {
        let depth = i64::try_from(depth).unwrap_or(i64::MAX);
        self.queue_depth
            .get_or_create(&ByQueue { queue })
            .set(depth);
    }

    /// How many channels are in memory.
    pub fn channels_loaded(&self, count: usize) {
        self.channels_loaded
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// What became of connections to the link port.
    pub fn connections(&self, outcome: &'static str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.accept.get_or_create(&ByOutcome { outcome }).set(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_are_named_as_they_call_themselves_now() {
        let metrics = Metrics::default();
        let (acme, globex) = (OrgId([1; 32]), OrgId([2; 32]));
        let lines = |named: &[(OrgId, &str)]| {
            let named = named
                .iter()
                .map(|(org, handle)| (*org, (*handle).to_owned()));
            metrics.name_partners(named.collect());
            let text = metrics.text();
            let lines = text
                .lines()
                .filter(|line| line.starts_with("foedus_partner_info{"));
            let mut lines: Vec<String> = lines.map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let line = |org: OrgId, handle: &str| {
            format!("foedus_partner_info{{partner=\"{org}\",handle=\"{handle}\"}} 1")
        };
        let mut both = vec![line(acme, "acme.example"), line(globex, "globex.example")];
        both.sort();
        assert_eq!(
            lines(&[(acme, "acme.example"), (globex, "globex.example")]),
            both
        );
        // One has another name now, and the other is none any more.
        assert_eq!(
            lines(&[(acme, "acme2.example")]),
            [line(acme, "acme2.example")]
        );
        // What is no handle could not break out of its label.
        assert_eq!(lines(&[(acme, "a\"}\n")]), [line(acme, "a\\\"}\\n")]);
    }

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::default();
        metrics.posted(3);
        metrics.refused("NOT_IN_CHANNEL");
        metrics.pairing_rejected("busy");
        metrics.committed(CommitOutcome::Durable, Duration::from_millis(2));
        let text = metrics.text();
        assert!(text.contains("foedus_posts_total 3"), "{text}");
        assert!(text.contains("reason=\"NOT_IN_CHANNEL\""), "{text}");
        // A stranger who knocks is no partner that breaks a rule.
        let of_a_stranger = "foedus_pairing_rejects_total{reason=\"busy\"} 1";
        assert!(text.contains(of_a_stranger), "{text}");
        assert!(!text.contains("foedus_rejects_total{"), "{text}");
        assert!(text.contains("outcome=\"durable\""), "{text}");
        assert!(text.contains("foedus_build_info{version="), "{text}");
    }
}
