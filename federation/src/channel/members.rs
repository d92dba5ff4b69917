//! Our members in the channel's log: who joined, under which address and name, who left.
//!
//! The organisation's state says who is in the channel; the log has to say the same. Comparing
//! the two at the end of each step needs no message between the scopes that could get lost.

use foedus_policy::bounds::{HANDLE_BYTES_MAX, MEMBER_NAME_BYTES_MAX};
use foedus_policy::id::{AuthorId, IncarnationId, MemberId, OrgId};
use foedus_policy::state::Membership;
use foedus_policy::time::Now;
use foedus_policy::vocabulary::AuthorKind;

use super::append::{Draft, NotAppended};
use super::{Channel, Effect, Governance, Unknown};
use crate::bounds::{ADDRESS_BYTES_MAX, AUTHORS_PER_ORIGIN_MAX, DISPLAY_NAME_BYTES_MAX};
use crate::entry::{Entry, Header, ORG_AUTHOR};
use crate::hlc::Hlc;
use crate::kind::Body;
use crate::steploop::Step;
use crate::stored::{self, Announced, Record};

// An address is a member's name, `@` and a handle.
const _: () = assert!(MEMBER_NAME_BYTES_MAX + 1 + HANDLE_BYTES_MAX <= ADDRESS_BYTES_MAX);

impl Channel {
    /// Appends what the log does not say yet of our members.
    pub(super) fn tell_members(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        if self.told_version == Some(self.org.version()) || !self.may_write_control(now) {
            return;
        }
        let state = self.org.state.clone();
        for (member, membership) in state.memberships_of(self.keys.channel()) {
            // The others follow with the next steps.
            if step.is_full() {
                return;
            }
            self.tell_member(now, member, membership, step);
        }
        self.told_version = Some(self.org.version());
    }

    /// Appends what the log does not say yet of one member, who is about to say something: whoever
    /// reads the log from its first entry on is to know who that is.
    pub(super) fn tell_author(&mut self, now: Now, member: MemberId, step: &mut Step<'_, Effect>) {
        if self.told_version == Some(self.org.version()) || !self.may_write_control(now) {
            return;
        }
        let state = self.org.state.clone();
        let mut memberships = state.memberships_of(self.keys.channel());
        if let Some((_, membership)) = memberships.find(|(of, _)| *of == member) {
            self.tell_member(now, member, membership, step);
        }
    }

    fn tell_member(
        &mut self,
        now: Now,
        member: MemberId,
        membership: &Membership,
        step: &mut Step<'_, Effect>,
    ) {
        let person = self.org.state.members().get(&member);
        let (Some(person), Some(handle)) = (person, self.org.handle()) else {
            return;
        };
        let mut display_name = person.display_name.to_string();
        truncate(&mut display_name, DISPLAY_NAME_BYTES_MAX);
        let author = membership.author;
        let wanted = Announced {
            joined: u8::from(membership.present),
            address: format!("{}@{handle}", person.name).into_bytes(),
            display_name: display_name.into_bytes(),
            shared: u8::from(self.governance.newest().is_some()),
        };
        // A log that participants can read must say all of it anew.
        let told = self.announced.get(&author);
        let told = told.filter(|told| told.shared == wanted.shared);
        let joined = wanted.joined == 1;
        let was_joined = told.is_some_and(|told| told.joined == 1);
        if told == Some(&wanted) || (!joined && !was_joined) {
            return;
        }
        let body = if joined {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Body::Joined {
                author_kind: AuthorKind::Member,
                address: text(&wanted.address),
                display_name: text(&wanted.display_name),
            }
        } else {
            Body::Left
        };
        let salt = self.derived_salt(author.as_bytes());
        match self.append(now, Draft { author, body, salt }, step) {
            Ok(_) => {
                step.put(self.keys.announced(author), wanted.to_value());
                self.announced.insert(author, wanted);
            }
            // The charter has no members among its kinds: a revision that does has all told anew.
            // Or this step has just written up to the channel's end, after which nobody reads
            // what it says of members.
            Err(NotAppended::Void(_)) => {}
            Err(NotAppended::Body(invalid)) => {
                unreachable!("an address and a display name keep their limits: {invalid}")
            }
        }
    }

    /// Keeps what the newest accepted membership entries say of an author, whoever's it is.
    pub(super) fn note_author(
        &mut self,
        header: &Header,
        body: &Body,
        step: &mut Step<'_, Effect>,
    ) {
        let id = (header.log.origin, header.author);
        let before = Heard {
            joined: self.authors.get(&id).cloned(),
            left: self.strangers_left.get(&id).copied(),
        };
        let mut heard = before.clone();
        if !heard.hear(Said::by(header), body) {
            return;
        }
        if before.is_nothing() {
            let count = self.author_counts.entry(id.0).or_default();
            if *count >= AUTHORS_PER_ORIGIN_MAX {
                return;
            }
            *count += 1;
        }
        step.put(self.keys.author(id.0, id.1), heard.to_record().to_value());
        self.take_heard(id, heard);
        self.changed.view = true;
    }

    /// What is known of an author from here on.
    pub(super) fn take_heard(&mut self, id: (OrgId, AuthorId), heard: Heard) {
        self.strangers_left.remove(&id);
        if let Some(joined) = heard.joined {
            self.authors.insert(id, joined);
        } else if let Some(left) = heard.left {
            self.strangers_left.insert(id, left);
        }
    }
}

/// Whoever wrote, or writes, in a channel, by organisation.
pub(super) type Authors = imbl::OrdMap<(OrgId, AuthorId), Author>;

/// Whether what an author of `origin` wrote is shown, as far as that depends on who it is: the
/// author joined, and is of a kind that the revision allows to write.
pub(super) fn is_author_known(
    authors: &Authors,
    governance: &Governance,
    origin: OrgId,
    author: Unknown,
) -> bool {
    let known = authors.get(&(origin, author.author));
    let revision = governance.revision_numbered(author.written);
    known.is_some_and(|known| {
        revision.is_none_or(|revision| revision.charter().kinds.contains(known.kind))
    })
}

impl Channel {
    /// The author of an entry that people would be shown if it were known who that is. Logs come in
    /// any order, so that the word that somebody joined may come after what was said: a live stream
    /// that read on in between would never show it.
    pub(super) fn unknown_author(&self, entry: &Entry) -> Option<Unknown> {
        let header = &entry.header;
        let says = matches!(
            entry.body,
            Some(
                Body::Post { .. }
                    | Body::Edit { .. }
                    | Body::Retract { .. }
                    | Body::React { .. }
                    | Body::Custom { .. }
            )
        );
        let revision = self.governance.revision(header.revision);
        let unknown = Unknown {
            author: header.author,
            written: revision.map_or(0, |revision| revision.charter().number),
        };
        // An organisation itself never joins.
        let may_join = header.author != ORG_AUTHOR;
        let origin = header.log.origin;
        let known = is_author_known(&self.authors, &self.governance, origin, unknown);
        (says && may_join && !known).then_some(unknown)
    }

    /// Whether what is known of an author is what this entry says of it.
    pub(super) fn is_author_by(&self, header: &Header) -> bool {
        let id = (header.log.origin, header.author);
        let said = Some(Said::by(header));
        let known = self.authors.get(&id);
        known.is_some_and(|known| Some(known.said) == said || known.left == said)
            || self.strangers_left.get(&id).copied() == said
    }

    /// Forgets what was said of an author, of which something was said by an entry that does not count.
    pub(super) fn forget_author(&mut self, author: (OrgId, AuthorId), step: &mut Step<'_, Effect>) {
        let stranger = self.strangers_left.remove(&author).is_some();
        if self.authors.remove(&author).is_some() || stranger {
            let count = self.author_counts.entry(author.0).or_default();
            *count = count.saturating_sub(1);
            step.delete(self.keys.author(author.0, author.1));
            self.changed.view = true;
        }
    }
}

/// What is known of one author in one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// What kind of author, by its organisation's word.
    pub kind: AuthorKind,
    /// A label to show, never an identifier to trust.
    pub address: String,
    /// The name to show.
    pub display_name: String,
    /// In the channel now.
    pub joined: bool,
    /// Where that it joined was said last.
    pub said: Said,
    /// Where that it left was said last.
    pub left: Option<Said>,
}

/// Which entry said something, in the order of entries of one organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// When.
    pub hlc: Hlc,
    /// In which incarnation of its log.
    pub incarnation: IncarnationId,
    /// Where in it.
    pub sequence: u64,
}

impl Said {
    fn by(header: &Header) -> Self {
        Self {
            hlc: header.hlc,
            incarnation: header.log.incarnation,
            sequence: header.sequence,
        }
    }

    fn to_record(self) -> stored::Said {
        stored::Said {
            hlc: self.hlc.0,
            incarnation: self.incarnation.0,
            sequence: self.sequence,
        }
    }

    fn of_record(record: stored::Said) -> Self {
        Self {
            hlc: Hlc(record.hlc),
            incarnation: IncarnationId(record.incarnation),
            sequence: record.sequence,
        }
    }
}

/// What was said of one author: by the newest `joined`, and by the newest `left`. Logs come in any
/// order, and one of the two says nothing of what the other does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub joined: Option<Author>,
    /// That somebody left of whom it is not known that they joined. Else it stands in `joined`.
    pub left: Option<Said>,
}

impl Heard {
    fn is_nothing(&self) -> bool {
        self.joined.is_none() && self.left.is_none()
    }

    fn newest_left(&self) -> Option<Said> {
        let joined = self.joined.as_ref();
        joined.map_or(self.left, |joined| joined.left)
    }

    /// Takes what one entry says, and says whether that is news.
    fn hear(&mut self, said: Said, body: &Body) -> bool {
        let mut left = self.newest_left();
        match body {
            Body::Joined {
                author_kind,
                address,
                display_name,
            } => {
                let known = self.joined.as_ref();
                if known.is_some_and(|known| known.said >= said) {
                    return false;
                }
                self.joined = Some(Author {
                    kind: *author_kind,
                    address: address.clone(),
                    display_name: display_name.clone(),
                    joined: true,
                    said,
                    left,
                });
            }
            Body::Left if left.is_none_or(|left| left < said) => left = Some(said),
            _ => return false,
        }
        self.set_left(left);
        true
    }

    fn set_left(&mut self, left: Option<Said>) {
        self.left = left.filter(|_| self.joined.is_none());
        if let Some(author) = &mut self.joined {
            author.joined = left.is_none_or(|left| left < author.said);
            author.left = left;
        }
    }

    fn to_record(&self) -> stored::Author {
        let joined = self.joined.as_ref().map(|author| {
            let Author {
                kind,
                address,
                display_name,
                joined: _,
                said,
                left: _,
            } = author;
            stored::Joined {
                kind: *kind as u8,
                address: address.clone().into_bytes(),
                display_name: display_name.clone().into_bytes(),
                said: said.to_record(),
            }
        });
        let left = self.newest_left().map(Said::to_record);
        stored::Author { joined, left }
    }

    pub(super) fn of_record(record: stored::Author) -> Option<Self> {
        let mut heard = Self::default();
        if let Some(joined) = record.joined {
            let stored::Joined {
                kind,
                address,
                display_name,
                said,
            } = joined;
            let mut kinds = AuthorKind::ALL.iter().copied();
            heard.joined = Some(Author {
                kind: kinds.find(|known| *known as u8 == kind)?,
                address: String::from_utf8(address).ok()?,
                display_name: String::from_utf8(display_name).ok()?,
                joined: true,
                said: Said::of_record(said),
                left: None,
            });
        }
        heard.set_left(record.left.map(Said::of_record));
        (!heard.is_nothing()).then_some(heard)
    }
}

/// Cuts `text` to at most `bytes_max` bytes, at the end of a character.
fn truncate(text: &mut String, bytes_max: usize) {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(hlc: u64, incarnation: u8, sequence: u64) -> Said {
        Said {
            hlc: Hlc(hlc),
            incarnation: IncarnationId([incarnation; 16]),
            sequence,
        }
    }

    fn joined(name: &str, author_kind: AuthorKind) -> Body {
        Body::Joined {
            author_kind,
            address: "carol@globex.example".to_owned(),
            display_name: name.to_owned(),
        }
    }

    /// Every order of `rest` after what was heard.
    fn heard_in_every_order(heard: &Heard, rest: &[(Said, Body)], all: &mut Vec<Heard>) {
        if rest.is_empty() {
            all.push(heard.clone());
        }
        for at in 0..rest.len() {
            let (mut heard, mut rest) = (heard.clone(), rest.to_vec());
            let (said, body) = rest.remove(at);
            heard.hear(said, &body);
            let stored = heard.to_record();
            assert_eq!(Heard::of_record(stored), Some(heard.clone()), "stored");
            heard_in_every_order(&heard, &rest, all);
        }
    }

    /// P3. Logs come in any order: who an author is comes to the same after each, whichever of what
    /// was said came at all.
    #[test]
    fn who_somebody_is_does_not_depend_on_what_came_first() {
        let everything = [
            (said(5, 1, 1), joined("Carol", AuthorKind::Member)),
            (said(7, 1, 2), joined("Carola", AuthorKind::Bot)),
            (said(7, 2, 1), joined("Caro", AuthorKind::Guest)),
            (said(7, 2, 2), Body::Left),
            (said(10, 1, 3), Body::Left),
            (said(10, 2, 3), joined("C.", AuthorKind::Member)),
        ];
        for chosen in 1_u32..1 << everything.len() {
            let of_these = everything.iter().enumerate();
            let of_these = of_these.filter(|(at, _)| chosen & (1 << at) != 0);
            let these: Vec<_> = of_these.map(|(_, one)| one.clone()).collect();
            let mut all = Vec::new();
            heard_in_every_order(&Heard::default(), &these, &mut all);
            assert!(all.iter().all(|heard| *heard == all[0]), "{these:?}");
        }
        let mut all = Vec::new();
        heard_in_every_order(&Heard::default(), &everything[..5], &mut all);
        let author = all[0].joined.clone().expect("it joined");
        assert_eq!((author.kind, author.joined), (AuthorKind::Guest, false));
    }
}
