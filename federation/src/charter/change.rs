//! What one revision changes against the one before, and whose consent that needs.
//!
//! Knows nothing of signatures: it compares two texts.

use std::collections::BTreeSet;

use foedus_policy::id::OrgId;
use foedus_policy::vocabulary::{AuthorKind, Capability};

use super::{Admission, AtEnd, Charter, CustomName, DirectAtEnd, Newcomers};
use crate::planted::{Fault, planted};

/// What a revision adds to or takes away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// An organisation takes part.
    Participant(OrgId),
    /// An organisation may read.
    Reading(OrgId),
    /// An organisation may write.
    Posting(OrgId),
    /// A capability is granted.
    Capability(Capability),
    /// A kind of author may write.
    Kind(AuthorKind),
    /// A custom event may be sent.
    Custom(CustomName),
    /// How long the channel lasts.
    End,
    /// What of the history remains after the end.
    AtEnd,
    /// What of direct messages remains after the end.
    DirectAtEnd,
    /// How much newcomers may read.
    Newcomers,
    /// How long a text may be.
    TextBytes,
    /// Whose yes an addition needs. Either way it is an addition: it shifts who decides.
    Admission,
    /// What the channel is for. Always an addition: nobody takes part in something else unasked.
    Project,
    /// The format of entries. A later one is an addition.
    Format,
}

/// What a revision does, against the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What it adds.
    pub adds: BTreeSet<Aspect>,
    /// What it takes away.
    pub takes_away: BTreeSet<Aspect>,
}

impl Change {
    /// Whether it adds anything, so that consent is needed. A revision that only takes away is
    /// agreed to by whoever agreed to the one before.
    pub fn is_adding(&self) -> bool {
        !self.adds.is_empty()
    }

    /// Whose earlier words count only up to the heads that the revision names: those whom it
    /// removes or narrows; if it shortens, everybody's.
    pub fn limits(&self, previous: &Charter) -> BTreeSet<OrgId> {
        if self.takes_away.contains(&Aspect::End) {
            return previous.participants.keys().copied().collect();
        }
        let narrowed = self.takes_away.iter().filter_map(|aspect| match aspect {
            Aspect::Participant(org) | Aspect::Reading(org) | Aspect::Posting(org) => Some(*org),
            _ => None,
        });
        narrowed.collect()
    }

    /// Notes what `order` says of the new value: more than the old one, or less.
    fn note(&mut self, aspect: Aspect, order: std::cmp::Ordering) {
        match order {
            std::cmp::Ordering::Greater => self.adds.insert(aspect),
            std::cmp::Ordering::Less => self.takes_away.insert(aspect),
            std::cmp::Ordering::Equal => false,
        };
    }

    fn participants(&mut self, previous: &Charter, next: &Charter) {
        let orgs: BTreeSet<_> = previous
            .participants
            .keys()
            .chain(next.participants.keys())
            .copied()
            .collect();
        for org in orgs {
            match (previous.participants.get(&org), next.participants.get(&org)) {
                (Some(before), Some(after)) => {
                    self.note(
                        Aspect::Reading(org),
                        after.may_read().cmp(&before.may_read()),
                    );
                    self.note(
                        Aspect::Posting(org),
                        after.may_post().cmp(&before.may_post()),
                    );
                }
                (before, after) => {
                    self.note(
                        Aspect::Participant(org),
                        after.is_some().cmp(&before.is_some()),
                    );
                }
            }
        }
    }

    fn rights(&mut self, previous: &Charter, next: &Charter) {
        for word in Capability::ALL {
            let order = next
                .capabilities
                .contains(*word)
                .cmp(&previous.capabilities.contains(*word));
            self.note(Aspect::Capability(*word), order);
        }
        for kind in AuthorKind::ALL {
            let order = next
                .kinds
                .contains(*kind)
                .cmp(&previous.kinds.contains(*kind));
            self.note(Aspect::Kind(*kind), order);
        }
        for name in previous.custom.union(&next.custom) {
            let order = next
                .custom
                .contains(name)
                .cmp(&previous.custom.contains(name));
            self.note(Aspect::Custom(name.clone()), order);
        }
    }
}

impl Charter {
    /// What `next` changes against `previous`.
    pub fn compare(previous: &Self, next: &Self) -> Change {
        let mut change = Change::default();
        change.participants(previous, next);
        change.rights(previous, next);
        // No end at all is later than any.
        let end = |charter: &Self| (charter.end.is_none(), charter.end);
        change.note(Aspect::End, end(next).cmp(&end(previous)));
        let keeps = |charter: &Self| charter.at_end == AtEnd::Keep;
        change.note(Aspect::AtEnd, keeps(next).cmp(&keeps(previous)));
        let keeps_direct = |charter: &Self| charter.direct_at_end == DirectAtEnd::Keep;
        change.note(
            Aspect::DirectAtEnd,
            keeps_direct(next).cmp(&keeps_direct(previous)),
        );
        let opens = |charter: &Self| charter.newcomers == Newcomers::All;
        change.note(Aspect::Newcomers, opens(next).cmp(&opens(previous)));
        change.note(Aspect::TextBytes, next.text_bytes.cmp(&previous.text_bytes));
        change.note(Aspect::Format, next.format.cmp(&previous.format));
        if next.admission != previous.admission {
            change.adds.insert(Aspect::Admission);
        }
        if next.project != previous.project {
            change.adds.insert(Aspect::Project);
        }
        change
    }
}

/// Whose consent notes the host must hold before it seals `next`.
///
/// The host is not among them: its seal is its consent. The admission rule that counts is the one
/// in force, so that nobody can be outvoted by the revision that takes their vote. A revision that
/// only takes away needs none.
pub fn consents_needed(previous: Option<&Charter>, next: &Charter) -> BTreeSet<OrgId> {
    let everybody = next
        .participants
        .keys()
        .copied()
        .filter(|org| *org != next.host)
        .skip(usize::from(planted(Fault::SkippedConsent)));
    let Some(previous) = previous else {
        return everybody.collect();
    };
    if !Charter::compare(previous, next).is_adding() {
        return BTreeSet::new();
    }
    match previous.admission {
        Admission::All => everybody.collect(),
        Admission::Host => everybody
            .filter(|org| !previous.participants.contains_key(org))
            .collect(),
    }
}
