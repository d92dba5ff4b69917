//! Our members in the channel's log: who joined, under which address and name, who left.
//!
//! The organisation's state says who is in the channel; the log has to say the same. Comparing
//! the two at the end of each step needs no message between the scopes that could get lost.

use foedus_policy::id::{AuthorId, MemberId, OrgId};
use foedus_policy::state::Membership;
use foedus_policy::time::Now;
use foedus_policy::vocabulary::AuthorKind;

use super::append::Draft;
use super::{Channel, Effect, Governance, Unknown};
use crate::bounds::{AUTHORS_PER_ORIGIN_MAX, DISPLAY_NAME_BYTES_MAX};
use crate::entry::{Entry, ORG_AUTHOR};
use crate::hlc::Hlc;
use crate::kind::Body;
use crate::steploop::Step;
use crate::stored::{self, Announced, Record};

impl Channel {
    /// Appends what the log does not say yet of our members.
    pub(super) fn tell_members(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        if self.told_version == Some(self.org.version()) || !self.may_write_control(now) {
            return;
        }
        let state = self.org.state.clone();
        for (member, membership) in state.memberships_of(self.keys.0) {
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
        let mut memberships = state.memberships_of(self.keys.0);
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
        if self.append(now, Draft { author, body, salt }, step).is_ok() {
            step.put(self.keys.announced(author), wanted.to_value());
            self.announced.insert(author, wanted);
        }
    }

    /// Keeps what the latest accepted membership entry says of an author, whoever's it is.
    pub(super) fn note_author(
        &mut self,
        origin: OrgId,
        author: AuthorId,
        hlc: Hlc,
        body: &Body,
        step: &mut Step<'_, Effect>,
    ) {
        let known = self.authors.get(&(origin, author));
        if known.is_some_and(|known| known.hlc >= hlc) {
            return;
        }
        let now_known = match body {
            Body::Joined {
                author_kind,
                address,
                display_name,
            } => Author {
                kind: *author_kind,
                address: address.clone(),
                display_name: display_name.clone(),
                joined: true,
                hlc,
            },
            Body::Left => match known {
                Some(known) => Author {
                    joined: false,
                    hlc,
                    ..known.clone()
                },
                None => return,
            },
            _ => return,
        };
        if known.is_none() {
            let count = self.author_counts.entry(origin).or_default();
            if *count >= AUTHORS_PER_ORIGIN_MAX {
                return;
            }
            *count += 1;
        }
        step.put(
            self.keys.author(origin, author),
            now_known.to_record().to_value(),
        );
        self.authors.insert((origin, author), now_known);
        self.changed.view = true;
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

    /// Forgets what was said of an author by an entry that does not count.
    pub(super) fn forget_author(&mut self, author: (OrgId, AuthorId), step: &mut Step<'_, Effect>) {
        if self.authors.remove(&author).is_some() {
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
    /// When that was said.
    pub hlc: Hlc,
}

impl Author {
    fn to_record(&self) -> stored::Author {
        let Self {
            kind,
            address,
            display_name,
            joined,
            hlc,
        } = self;
        stored::Author {
            kind: *kind as u8,
            address: address.clone().into_bytes(),
            display_name: display_name.clone().into_bytes(),
            joined: u8::from(*joined),
            hlc: hlc.0,
        }
    }

    pub(super) fn of_record(record: stored::Author) -> Option<Self> {
        let stored::Author {
            kind,
            address,
            display_name,
            joined,
            hlc,
        } = record;
        Some(Self {
            kind: AuthorKind::ALL
                .iter()
                .copied()
                .find(|known| *known as u8 == kind)?,
            address: String::from_utf8(address).ok()?,
            display_name: String::from_utf8(display_name).ok()?,
            joined: joined == 1,
            hlc: Hlc(hlc),
        })
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
