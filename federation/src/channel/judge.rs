//! Verdicts: what we make of an entry that its origin's log proves.
//!
//! *Void* is a function of charter and logs alone, so that every organisation comes to the same.
//! *Withheld* is our own rule, ours alone. A verdict never removes a leaf.

use foedus_policy::id::{EntryRef, OrgId};
use foedus_policy::time::{Now, Timestamp};
use foedus_policy::vocabulary::{Access, Capability};

use super::{Channel, Governance, Log, Unknown, Waiting};
use crate::charter::Charter;
use crate::entry::Entry;
use crate::hlc::Hlc;
use crate::kind::{Body, Class, Kind};
use crate::planted::{Fault, planted};

/// What we make of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Accepted,
    /// It breaks the charter, and counts nowhere.
    Void(Void),
    /// Our own rules keep it from having any effect here.
    Withheld(Withheld),
}

/// Which of our own rules keeps an entry from having any effect here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// We take nothing from its origin at present: it is suspended, or denied.
    Origin,
    /// Too much waits to be shown already.
    NoRoom,
}

/// Which rule of the charter an entry breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Void {
    /// The entry is at odds with itself: unknown kind, unreadable body, time that does not grow.
    Fault,
    /// Its origin takes no part in the revision that it names.
    NotAParticipant,
    /// Its origin may not write in the revision that it names.
    ReadOnly,
    /// The revision does not grant what it does.
    NotGranted,
    /// It names an older revision than an entry before it.
    RevisionWentBack,
    /// It lies after the heads up to which its origin's words count.
    AfterFinalHeads,
    /// It was written after the end of the channel, by its own time.
    AfterTheEnd,
    /// It changes what another organisation wrote.
    NotItsOwn,
    /// Its text is longer than the charter allows.
    TooLong,
}

/// From this number on, verdicts are ours alone.
const WITHHELD: u8 = 64;

impl Verdict {
    /// The number that is stored.
    pub const fn code(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Void(Void::Fault) => 1,
            Self::Void(Void::NotAParticipant) => 2,
            Self::Void(Void::ReadOnly) => 3,
            Self::Void(Void::NotGranted) => 4,
            Self::Void(Void::RevisionWentBack) => 5,
            Self::Void(Void::AfterFinalHeads) => 6,
            Self::Void(Void::AfterTheEnd) => 7,
            Self::Void(Void::NotItsOwn) => 8,
            Self::Void(Void::TooLong) => 9,
            Self::Withheld(Withheld::Origin) => WITHHELD,
            Self::Withheld(Withheld::NoRoom) => WITHHELD + 1,
        }
    }

    /// Whether a stored number means that the entry counts.
    pub const fn counts(code: u8) -> bool {
        code == Self::Accepted.code()
    }

    /// Whether a stored number means that the entry is void.
    pub const fn is_void(code: u8) -> bool {
        code != 0 && code < WITHHELD
    }
}

impl Channel {
    /// What we make of an entry of `log`, which is as it was before the entry.
    ///
    /// `None` if we do not hold the revision that it names: then nothing can be said yet.
    pub(super) fn judge(&self, entry: &Entry, log: &Log) -> Option<Verdict> {
        let void = void(&self.governance, entry, log)?;
        Some(match void {
            Err(void) => Verdict::Void(void),
            Ok(()) if !self.takes_from(entry.header.log.origin) => {
                Verdict::Withheld(Withheld::Origin)
            }
            Ok(()) => Verdict::Accepted,
        })
    }

    /// What everybody else will make of an entry of our own that was not appended yet. What is
    /// void elsewhere must not count here, so it is not written.
    pub(super) fn judge_own(&self, entry: &Entry) -> Result<(), Void> {
        let empty = Log::empty();
        let log = self.logs.get(&entry.header.log).unwrap_or(&empty);
        match void(&self.governance, entry, log) {
            Some(judged) => judged,
            None => self.without_charter(),
        }
    }

    /// Whether so many entries that we append now count, if what they say is as the charter wants
    /// it.
    pub(super) fn judge_next(&self, now: Now, count: u64) -> Result<(), Void> {
        let Some(revision) = self.governance.revision(self.writing_revision().0) else {
            return self.without_charter();
        };
        let next = self.next_place(now, count);
        let empty = Log::empty();
        let log = self.logs.get(&next.log).unwrap_or(&empty);
        let place = next.log.entry(next.sequence);
        let charter = revision.charter();
        check_place(&self.governance, charter, place, next.hlc, log).map(|_| ())
    }

    /// What names no revision counts in a local channel, and only there.
    fn without_charter(&self) -> Result<(), Void> {
        match self.governance.newest() {
            None => Ok(()),
            Some(_) => Err(Void::NotAParticipant),
        }
    }
}

/// Which rule of the charter the entry breaks, if any; a function of charter and logs alone.
pub(super) fn void(governance: &Governance, entry: &Entry, log: &Log) -> Option<Result<(), Void>> {
    let header = &entry.header;
    let revision = governance.revision(header.revision)?;
    let charter = revision.charter();
    let check = || {
        if entry.fault.is_some() {
            return Err(Void::Fault);
        }
        let access = check_place(governance, charter, header.reference(), header.hlc, log)?;
        let needed = needed(&header.class, header.kind, entry.body.as_ref());
        if matches!(needed, Need::Right(_)) && !access.may_post() {
            return Err(Void::ReadOnly);
        }
        match needed {
            Need::Nothing => {}
            Need::Right(capability) if charter.capabilities.contains(capability) => {}
            Need::Right(_) => return Err(Void::NotGranted),
        }
        if let Class::Custom(name) = &header.class
            && !charter.custom.contains(name)
        {
            return Err(Void::NotGranted);
        }
        if let Some(body) = &entry.body {
            check_body(header.log.origin, body, charter)?;
        }
        Ok(())
    };
    Some(check())
}

/// As [`void`], of an entry before which its log has come to the revision of this number.
pub(crate) fn judged(
    governance: &Governance,
    entry: &Entry,
    revision: u64,
) -> Option<Result<(), Void>> {
    let log = Log {
        revision,
        ..Log::empty()
    };
    void(governance, entry, &log)
}

/// Whether anything counts that an organisation writes at a place of `log`, at a time and under a
/// revision, and if so, what it may do there. A later place of the log may break a rule that this
/// one does not, and none the other way round.
fn check_place(
    governance: &Governance,
    charter: &Charter,
    place: EntryRef,
    hlc: Hlc,
    log: &Log,
) -> Result<Access, Void> {
    if charter.number < log.revision {
        return Err(Void::RevisionWentBack);
    }
    let access = charter
        .participants
        .get(&place.origin)
        .ok_or(Void::NotAParticipant)?;
    if governance.is_after_final_heads(place, charter.number) {
        return Err(Void::AfterFinalHeads);
    }
    if charter.end.is_some_and(|end| hlc.wall() >= end) {
        return Err(Void::AfterTheEnd);
    }
    Ok(*access)
}

enum Need {
    Nothing,
    Right(Capability),
}

/// By which right of the charter an entry of this class and kind is written.
fn needed(class: &Class, kind: u16, body: Option<&Body>) -> Need {
    match class {
        Class::Content => match body {
            Some(Body::Post {
                reply_to: Some(_), ..
            }) => Need::Right(Capability::Thread),
            _ => Need::Right(Capability::Post),
        },
        Class::ChangeOfOwn if kind == Kind::Retract.number() => Need::Right(Capability::Retract),
        Class::ChangeOfOwn => Need::Right(Capability::Edit),
        Class::Reaction => Need::Right(Capability::React),
        Class::Custom(_) => Need::Right(Capability::Custom),
        Class::Membership | Class::Control | Class::Unknown(_) => Need::Nothing,
    }
}

fn check_body(origin: OrgId, body: &Body, charter: &Charter) -> Result<(), Void> {
    match body {
        Body::Edit { target, .. } | Body::Retract { target } | Body::Erase { target }
            if target.origin != origin && !planted(Fault::AnothersAuthor) =>
        {
            Err(Void::NotItsOwn)
        }
        Body::Post { text, .. } | Body::Edit { text, .. }
            if text.len() > charter.text_bytes as usize =>
        {
            Err(Void::TooLong)
        }
        // An author of a kind that the charter does not name never joins, and whoever never
        // joined is not shown.
        Body::Joined { author_kind, .. } if !charter.kinds.contains(*author_kind) => {
            Err(Void::NotGranted)
        }
        _ => Ok(()),
    }
}

/// Why an accepted entry is not shown yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// Its time lies ahead of our clock; shown once the clock says this.
    pub until: Option<Timestamp>,
    /// We have not agreed to the revision that lets its origin write.
    pub revision: Option<u64>,
    /// Its author has not joined, as far as we know.
    pub author: Option<Unknown>,
}

impl Wait {
    /// That an entry waits so.
    pub fn of(self, entry: EntryRef) -> Waiting {
        let Self {
            until,
            revision,
            author,
        } = self;
        Waiting {
            entry,
            until,
            revision,
            author,
        }
    }

    /// Whether it is for nothing but the author.
    pub fn is_for_author_only(&self) -> bool {
        self.until.is_none() && self.revision.is_none()
    }
}

#[cfg(test)]
mod tests;
