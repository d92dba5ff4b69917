//! What is wrong with a running daemon, and what to do: facts in, findings out.
//!
//! Pure. It must not know how a fact was had, nor how a finding is shown.

use foedus_policy::time::{DAY_MILLIS, Timestamp};

use crate::bounds::PARTNER_RESTS_MILLIS_MAX;
use crate::bounds::api::{
    CLOCK_SKEW_MILLIS_MAX, DISK_LOW_FACTOR, END_NEAR_MILLIS, LAG_ENTRIES_MAX, LINK_DOWN_MILLIS_MAX,
    TERMINATION_TOLD_MILLIS,
};
use crate::runtime::Trouble;

/// How bad it is; the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Notice,
    /// It will go wrong, or somebody waits.
    Warning,
    /// Something does not work.
    Error,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its name. Stable: programs may rely on it.
    pub name: &'static str,
    /// What it is about.
    pub subject: String,
    /// What is wrong, in one sentence.
    pub text: String,
    /// What to do about it.
    pub fix: String,
}

/// What is known of one active partner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartnerFacts {
    /// Its handle.
    pub handle: String,
    /// Whether its link is up.
    pub up: bool,
    /// Whether it rests, for nothing is shared.
    pub resting: bool,
    /// For how long it has been as it is.
    pub since_millis: u64,
    /// Why the last link ended, or the last attempt failed.
    pub problem: Option<String>,
    /// The same, where it is known better.
    pub trouble: Option<Trouble>,
    /// How far its clock is ahead of ours, by its last hello.
    pub skew_millis: Option<i64>,
    /// Entries that it has not acknowledged; without a link, that it had not when the last one ended.
    pub lag_entries: u64,
}

/// How an administrator here keeps a partner out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptOut {
    /// It is suspended.
    Suspended,
    /// It is on the deny list.
    Denied,
}

/// Entries of one channel that wait for their time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The channel, as we call it.
    pub channel: String,
    /// How many.
    pub count: u64,
    /// Whose.
    pub origins: String,
    /// Until when the first of them waits.
    pub until: Timestamp,
}

/// What is kept of one partner's up to a limit, and has come to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quota {
    /// Requests of its that wait.
    Requests,
    /// What it may send in a second.
    Pace,
    /// Entries of its that wait in one channel.
    Entries {
        /// The channel, as we call it.
        channel: String,
    },
}

/// What was signed twice, in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forked {
    /// A revision of a charter, by its host.
    Charter,
    /// A log, by its origin.
    Log,
}

/// Evidence against one organisation in one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The channel, as we call it.
    pub channel: String,
    /// Whose it is.
    pub signer: String,
    /// What it signed twice.
    pub what: Forked,
}

/// A channel that all others have left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alone {
    /// The channel, as we call it.
    pub channel: String,
    /// Whether we are its host.
    pub hosted: bool,
    /// Who left, and when.
    pub left: Vec<(String, Timestamp)>,
}

/// A channel that its host, another organisation, ended for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminated {
    /// The channel, as we call it.
    pub channel: String,
    /// Its host's handle.
    pub host: String,
    /// When.
    pub at: Timestamp,
}

/// All that is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// By our clock.
    pub now: Timestamp,
    /// Our clock leapt and nobody has said since that it is right.
    pub clock_paused: bool,
    /// An end by the clock is not recorded, as no partner's clock has agreed since the start.
    pub end_unconfirmed: bool,
    /// Each active partner.
    pub partners: Vec<PartnerFacts>,
    /// What waits for its time.
    pub held: Vec<Held>,
    /// What was signed in two ways.
    pub forks: Vec<Fork>,
    /// Channels that all others have left.
    pub alone: Vec<Alone>,
    /// Channels that others ended for all.
    pub terminated: Vec<Terminated>,
    /// Quotas that are used up: whose, and which.
    pub quotas: Vec<(String, Quota)>,
    /// What waits for an administrator, and how to look at it.
    pub approvals: Vec<(String, String)>,
    /// Projects that have an end.
    pub ends: Vec<(String, Timestamp)>,
    /// Addresses of ours that partners are told, at which nobody answers from here.
    pub unreachable: Vec<String>,
    /// Bytes that the store takes; `None` if that can't be told.
    pub store_bytes: Option<u64>,
    /// Bytes that are left on its disk; `None` if that can't be told.
    pub disk_free_bytes: Option<u64>,
    /// Partners that are kept out here.
    pub kept_out: Vec<(String, KeptOut)>,
    /// Below so many, nothing is taken any more.
    pub disk_reserve_bytes: u64,
    /// What the store should take at most.
    pub store_advised_bytes: u64,
    /// The store found no room for what it was last asked to write.
    pub store_lacks_room: bool,
}

/// What is found, the worst first.
#[must_use]
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    clock(facts, &mut found);
    for partner in &facts.partners {
        link(partner, &mut found);
    }
    let kept_out = facts.kept_out.iter();
    found.extend(kept_out.map(|(handle, how)| self::kept_out(handle, *how)));
    found.extend(facts.forks.iter().map(forked));
    let now = facts.now;
    found.extend(facts.alone.iter().map(|one| alone(one, now)));
    let lately = facts.terminated.iter();
    let lately = lately.filter(|one| now.millis_since(one.at) < TERMINATION_TOLD_MILLIS);
    found.extend(lately.map(|one| terminated(one, now)));
    store(facts, &mut found);
    people(facts, &mut found);
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

impl Finding {
    fn warning(
        name: &'static str,
        subject: impl Into<String>,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            name,
            subject: subject.into(),
            text: text.into(),
            fix: fix.into(),
        }
    }

    fn of(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

fn clock(facts: &Facts, found: &mut Vec<Finding>) {
    let confirm = "put this machine's clock right if it is wrong; then `foedus clock confirm`";
    if facts.clock_paused {
        let text = "our clock leapt by more than 48 hours: nothing ends by it, and nothing is posted to shared channels";
        found.push(Finding::warning("CLOCK_PAUSED", "", text, confirm).of(Severity::Error));
    }
    if facts.end_unconfirmed {
        let text = "a channel has come to its end by our clock, and since the start no partner's clock agreed with it: the record of the end waits";
        found.push(Finding::warning("CLOCK_UNCONFIRMED", "", text, confirm));
    }
    let off = |partner: &&PartnerFacts| {
        let skew = partner.skew_millis.unwrap_or(0);
        skew.abs() >= CLOCK_SKEW_MILLIS_MAX
    };
    let heard = facts.partners.iter();
    let heard = heard.filter(|partner| partner.up && partner.skew_millis.is_some());
    let (all, wrong) = (heard.clone().count(), heard.filter(off));
    let wrong: Vec<&PartnerFacts> = wrong.collect();
    // Whoever differs from most is the one who is wrong. Of two nobody can tell.
    let ours = wrong.len() * 2 > all || (all == 1 && wrong.len() == 1);
    if ours {
        let one = format!(
            "that of {} is {}",
            wrong[0].handle,
            shown(wrong[0].skew_millis)
        );
        let text = match all {
            1 => format!("{one}, and of two nobody can tell which is wrong"),
            _ => format!("the clocks of most partners differ from ours: {one}"),
        };
        let fix = "set this machine's clock, with NTP for example";
        found.push(Finding::warning("CLOCK_OURS_OFF", "", text, fix));
    }
    for partner in wrong.iter().filter(|_| !ours || all == 1) {
        let text = format!("its clock is {}", shown(partner.skew_millis));
        let fix = "ask them to look at their clock; what they write ahead of our time waits here";
        found.push(Finding::warning(
            "CLOCK_THEIRS_OFF",
            &partner.handle,
            text,
            fix,
        ));
    }
    for held in &facts.held {
        let text = format!(
            "{} entries of {} wait for their time, the first for {} more seconds",
            held.count,
            held.origins,
            held.until.millis_since(facts.now).div_ceil(1000)
        );
        let fix = "nothing: they are shown when it comes; whose clock is wrong is said beside this";
        found.push(Finding::warning("ENTRIES_HELD", &held.channel, text, fix).of(Severity::Notice));
    }
}

fn shown(skew_millis: Option<i64>) -> String {
    let skew = skew_millis.unwrap_or(0);
    let side = if skew > 0 { "ahead of" } else { "behind" };
    format!("{} s {side} ours", skew.unsigned_abs() / 1000)
}

fn link(partner: &PartnerFacts, found: &mut Vec<Finding>) {
    let subject = partner.handle.as_str();
    if partner.up {
        if partner.lag_entries >= LAG_ENTRIES_MAX {
            let text = format!("it has not acknowledged {} entries", partner.lag_entries);
            let fix = "ask them whether their disk is full, or their daemon busy";
            found.push(Finding::warning("PARTNER_LAGS", subject, text, fix));
        }
        return;
    }
    if partner.resting {
        return;
    }
    let why = partner.problem.as_deref();
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let behind = match partner.lag_entries {
        0 => String::new(),
        count => format!("; when the last link ended, it had not acknowledged {count} entries"),
    };
    let (name, text, fix) = match partner.trouble {
        Some(Trouble::WrongKey) => (
            "WRONG_KEY",
            format!("somebody with another key answers in its place{why}"),
            "ask them by telephone whether they renewed their keys or moved; until then no link is made",
        ),
        Some(Trouble::Version) => (
            "VERSION_TOO_OLD",
            format!("it speaks no version of the protocol that we speak{why}"),
            "the older of the two daemons has to be updated",
        ),
        Some(Trouble::Refused) if partner.since_millis >= LINK_DOWN_MILLIS_MAX => (
            "PARTNER_REFUSES",
            format!("it takes no link with us{why}{behind}"),
            "ask its administrator; if they ended it for good, end it here too: `foedus partner disconnect`",
        ),
        // It looks in by itself, and then hears of what we have for it.
        Some(Trouble::Rests) if partner.since_millis < PARTNER_RESTS_MILLIS_MAX => return,
        None | Some(Trouble::Rests) if partner.since_millis >= LINK_DOWN_MILLIS_MAX => (
            "PARTNER_UNREACHABLE",
            format!("the link is down{why}{behind}"),
            "nothing, if they are known to be away: it is tried again by itself; else ask them whether their daemon runs and its port is open",
        ),
        None | Some(Trouble::Refused | Trouble::Rests) => return,
    };
    found.push(Finding::warning(name, subject, text, fix).of(Severity::Error));
}

/// What is found of a fork, wherever it is told.
#[must_use]
pub fn forked(fork: &Fork) -> Finding {
    let channel = &fork.channel;
    let (name, text, fix) = match fork.what {
        Forked::Charter => (
            "CHARTER_FORKED",
            format!(
                "it sealed two revisions of the charter of {channel} after the same one; the channel is frozen"
            ),
            "ask its administrator by telephone, and share a new channel".to_owned(),
        ),
        Forked::Log => (
            "LOG_FORKED",
            format!(
                "it signed two histories of one log in {channel}; nothing more of that log is taken"
            ),
            format!(
                "ask its administrator by telephone; the evidence is kept, and `foedus log export {channel} --to FILE` gives it out"
            ),
        ),
    };
    Finding::warning(name, &fork.signer, text, fix).of(Severity::Error)
}

/// What is found of a channel that all others have left, wherever it is told.
#[must_use]
pub fn alone(alone: &Alone, now: Timestamp) -> Finding {
    let left = alone.left.iter();
    let left = left.map(|(who, at)| format!("{who} withdrew {}", ago(*at, now)));
    let left: Vec<String> = left.collect();
    let why = match left.is_empty() {
        true => String::new(),
        false => format!(": {}", left.join(", ")),
    };
    let text = format!("nobody else is in it any more{why}. What is written in it goes to nobody");
    let channel = &alone.channel;
    let how = match alone.hosted {
        true => "terminate",
        false => "withdraw",
    };
    let fix = format!(
        "`foedus --as NAME channel {how} {channel} --yes` puts it away, and all of it stays readable; to go on \
         together, share another channel"
    );
    Finding::warning("CHANNEL_ALONE", channel, text, fix)
}

fn terminated(terminated: &Terminated, now: Timestamp) -> Finding {
    let Terminated { channel, host, at } = terminated;
    let text = format!("{host} ended it for all {}", ago(*at, now));
    let fix = format!(
        "nothing: what was written stays readable by `foedus history {channel}`; if it came unexpected, ask its \
         administrator"
    );
    Finding::warning("CHANNEL_TERMINATED", channel, text, fix).of(Severity::Notice)
}

/// The time is its sender's: it may be ahead of ours.
fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", shown_time(now.millis_since(at)))
}

fn store(facts: &Facts, found: &mut Vec<Finding>) {
    // With no reserve it is taken as long as a byte is left.
    let reserve = facts.disk_reserve_bytes.max(1);
    match facts.disk_free_bytes {
        Some(free) if free >= reserve && facts.store_lacks_room => found.push(Finding::warning("DISK_LOW",
            "",
            format!("the store's disk took no more at last, although {free} bytes are free on it: nothing is taken until it does"),
            "see whether a quota of the daemon's user or the disk's inodes are used up (`df --inodes`), and make room; it goes on by itself",
        ).of(Severity::Error)),
        Some(free) if free < reserve => found.push(Finding::warning("DISK_LOW",
            "",
            format!("{free} bytes are left on the store's disk: nothing is taken any more"),
            "make room; it goes on by itself",
        ).of(Severity::Error)),
        Some(free) if free < reserve.saturating_mul(DISK_LOW_FACTOR) => found.push(Finding::warning("DISK_LOW",
            "",
            format!("{free} bytes are left on the store's disk; below {reserve} nothing is taken any more"),
            "make room",
        )),
        // What is free can't be found out, which the writer takes for nothing.
        None if facts.store_lacks_room => found.push(Finding::warning("DISK_LOW",
            "",
            "the store's disk took no more at last, and the system does not say how much is free on it: nothing is taken until it does",
            "see that the store's folder is there and can be looked at by the daemon's user (`df`)",
        ).of(Severity::Error)),
        _ => {}
    }
    let advised = facts.store_advised_bytes;
    // The product of two such numbers may be beyond 64 bits.
    let large = |bytes: &u64| u128::from(*bytes) * 10 >= u128::from(advised) * 8;
    if let Some(bytes) = facts.store_bytes.filter(large) {
        let text = format!("the store takes {bytes} bytes, of {advised} that are advised");
        let fix = "plan for a bigger machine, or for fewer channels on this one; a machine that is big enough is told so by store.advised_bytes";
        found.push(Finding::warning("STORE_LARGE", "", text, fix));
    }
    for (subject, quota) in &facts.quotas {
        let (text, fix) = match quota {
            Quota::Requests => (
                "as many of its requests wait as are kept: further ones are refused".to_owned(),
                "decide some of them, or ask the partner why there are so many",
            ),
            Quota::Pace => (
                "it sends more in a second than link.bytes_per_second_max: the rest waits with it, and nothing is refused"
                    .to_owned(),
                "nothing, if it has much to catch up with; else ask the partner why it sends so much",
            ),
            Quota::Entries { channel } => (
                format!(
                    "as many of its entries wait in {channel} as are kept: others that would have to are withheld"
                ),
                "see what they wait for: an answer of yours to its newest charter, by `foedus request list`, or the time, when a clock is wrong",
            ),
        };
        found.push(Finding::warning("QUOTA_REACHED", subject, text, fix));
    }
}

/// In the largest unit of which there are two, as people say it.
fn shown_time(millis: u64) -> String {
    let (minutes, hours) = (millis.div_ceil(60_000), millis.div_ceil(3_600_000));
    match (minutes, hours) {
        (..=1, _) => "a minute".to_owned(),
        (..=120, _) => format!("{minutes} minutes"),
        (_, ..=48) => format!("{hours} hours"),
        _ => format!("{} days", millis.div_ceil(DAY_MILLIS)),
    }
}

fn kept_out(handle: &str, how: KeptOut) -> Finding {
    let (name, fix) = match how {
        KeptOut::Suspended => (
            "PARTNER_SUSPENDED",
            format!("`foedus --as NAME partner resume {handle}` lets it in again"),
        ),
        KeptOut::Denied => (
            "PARTNER_DENIED",
            format!(
                "`foedus --as NAME partner deny {handle} --remove` lets it in again, if that line denies it"
            ),
        ),
    };
    let text =
        "nothing goes to it or comes from it, and nothing is posted to channels that it is in";
    Finding::warning(name, handle, text, fix).of(Severity::Notice)
}

fn people(facts: &Facts, found: &mut Vec<Finding>) {
    for (subject, fix) in &facts.approvals {
        let text = "it waits for an administrator";
        found.push(Finding::warning("APPROVAL_WAITS", subject, text, fix));
    }
    for (project, ends) in &facts.ends {
        let left = ends.millis_since(facts.now);
        if left > 0 && left <= END_NEAR_MILLIS {
            let text = format!("it ends in {}", shown_time(left));
            let fix =
                "nothing, if it is to end; otherwise its host extends it, and the others agree";
            found.push(Finding::warning("END_NEAR", project, text, fix).of(Severity::Notice));
        }
    }
    for address in &facts.unreachable {
        let text = "partners are told this address of ours, and from here nobody answers at it";
        let fix = "look at link.listen, at link.advertise, and at the firewall; it may be reachable from outside all the same";
        found.push(Finding::warning("PORT_UNREACHABLE", address, text, fix));
    }
}

#[cfg(test)]
mod tests;
