//! The organisation's state as it is stored: one key and one value for each record, and the way
//! back. Also what the body of an audit entry looks like.
//!
//! A value is a version byte and then the TLS presentation language (RFC 8446 §3). There is one
//! accepted form: what does not come out again byte for byte as it was read is refused. The
//! domain types know nothing of this; the mirrors in the modules below know nothing else, and
//! destructure every field, so that a new field does not compile until it is stored.
//!
//! Must not know what a record means, nor which engine keeps it.

mod audit;
mod channels;
mod clock;
mod field;
mod partners;
mod people;
mod requests;

use foedus_policy::id::{ChannelId, MemberId, OrgId, ProjectId, RequestNumber, TokenId};
use foedus_policy::name::Pattern;
use foedus_policy::state::{Change, InvitationId, Record};
use tls_codec::{DeserializeBytes, Serialize};

use crate::batch::{Key, Value};
use crate::keys;

pub(crate) use audit::actor_text;
pub use audit::{InvalidAudit, StoredAudit, StoredOutcome, audit_value, read_audit};
pub use field::InvalidField;

/// What every key of a state record begins with.
const PREFIX: &[u8; 2] = b"os";

/// The format of values that this code writes, and the only one that it reads.
const VERSION: u8 = 1;

// The kinds of records: the byte after the prefix, and what follows it. Stored for ever: a number
// is never given to another kind.

/// Nothing.
const IDENTITY: u8 = 1;
/// Nothing.
const PARTNER_MODE: u8 = 2;
/// The member's id.
const MEMBER: u8 = 3;
/// The token's id.
const TOKEN: u8 = 4;
/// The invitation's id.
const INVITATION: u8 = 5;
/// The organisation's id.
const PARTNER: u8 = 6;
/// The pattern's text.
const PATTERN: u8 = 7;
/// The request's number, big-endian, so that keys sort as requests do.
const REQUEST: u8 = 8;
/// The project's id.
const PROJECT: u8 = 9;
/// The channel's id.
const CHANNEL: u8 = 10;
/// The channel's id and the member's.
const MEMBERSHIP: u8 = 11;
/// Nothing.
const LEAP: u8 = 12;

/// Why a key and a value are no record of the organisation's state.
///
/// Such a store was written by another version of foedusd, or is damaged: nothing must be made of the rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// The key is none of a state record.
    #[error("expected the key of a state record, found {}", field::hex(.key))]
    Kind {
        /// The key.
        key: Key,
    },
    /// The key names a kind of record, and something else than such a record's id.
    #[error("state record {}: expected {expected} in its key", field::hex(.key))]
    Id {
        /// The key.
        key: Key,
        /// What the key of this kind holds.
        expected: &'static str,
    },
    /// The value is empty.
    #[error("state record {}: expected a value, found nothing", field::hex(.key))]
    Empty {
        /// The key.
        key: Key,
    },
    /// The value has a format that this release does not know.
    #[error(
        "state record {}: expected format version {known}, found {found}: \
         it was written by another version of foedusd, or is damaged",
        field::hex(.key)
    )]
    Version {
        /// The key.
        key: Key,
        /// The version that is read here.
        known: u8,
        /// The version found.
        found: u8,
    },
    /// The value is not laid out as such a record is.
    #[error("state record {}: expected {expected}", field::hex(.key))]
    Layout {
        /// The key.
        key: Key,
        /// Which kind of record was expected.
        expected: &'static str,
        /// What is wrong.
        #[source]
        source: tls_codec::Error,
    },
    /// The layout is right; one field holds what no such field may.
    #[error("state record {}: expected {expected}", field::hex(.key))]
    Field {
        /// The key.
        key: Key,
        /// Which kind of record was expected.
        expected: &'static str,
        /// Which field, and what is wrong.
        #[source]
        source: InvalidField,
    },
    /// Something that could be read, in another form than the one that is written.
    #[error("state record {}: expected the one form of {expected}", field::hex(.key))]
    Form {
        /// The key.
        key: Key,
        /// Which kind of record was expected.
        expected: &'static str,
    },
}

/// The key of the record that a change is about.
pub fn record_key(change: &Change) -> Key {
    match change {
        Change::Identity => key(IDENTITY, &[]),
        Change::PartnerMode => key(PARTNER_MODE, &[]),
        Change::Member(id) => key(MEMBER, &[id.as_bytes()]),
        Change::Token(id) => key(TOKEN, &[id.as_bytes()]),
        Change::Invitation(id) => key(INVITATION, &[id.as_bytes()]),
        Change::Partner(org) => key(PARTNER, &[org.as_bytes()]),
        Change::Pattern(pattern) => key(PATTERN, &[pattern.to_string().as_bytes()]),
        Change::Request(number) => key(REQUEST, &[&number.0.to_be_bytes()]),
        Change::Project(id) => key(PROJECT, &[id.as_bytes()]),
        Change::Channel(id) => key(CHANNEL, &[id.as_bytes()]),
        Change::Membership(channel, member) => {
            key(MEMBERSHIP, &[channel.as_bytes(), member.as_bytes()])
        }
        Change::Leap => key(LEAP, &[]),
    }
}

/// The value of a record. What its key says is not said again.
pub fn record_value(record: &Record) -> Value {
    match record {
        Record::Identity(identity) => encode(&people::IdentityRow::from(identity)),
        Record::PartnerMode(mode) => encode(&partners::ModeRow::from(mode)),
        Record::Member(_, member) => encode(&people::MemberRow::from(member)),
        Record::Token(_, token) => encode(&people::TokenRow::from(token)),
        Record::Invitation(_, invitation) => encode(&partners::InvitationRow::from(invitation)),
        Record::Partner(_, partner) => encode(&partners::PartnerRow::from(partner)),
        Record::Pattern(_, listing) => encode(&partners::ListingRow::from(listing)),
        Record::Request(_, request) => encode(&requests::RequestRow::from(request)),
        Record::Project(_, project) => encode(&channels::ProjectRow::from(project)),
        Record::Channel(_, channel) => encode(&channels::ChannelRow::from(channel)),
        Record::Membership(_, _, membership) => encode(&channels::MembershipRow::from(membership)),
        Record::Leap(leap) => encode(&clock::LeapRow::from(leap)),
    }
}

/// The record that was stored under a key.
pub fn read_record(key: &[u8], value: &[u8]) -> Result<Record, InvalidRecord> {
    let known = key
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_first())
        .and_then(|(kind, id)| Some((*kind, id, kind_name(*kind)?)));
    let Some((kind, id, expected)) = known else {
        return Err(InvalidRecord::Kind { key: key.to_vec() });
    };
    let stored = Stored {
        key,
        id,
        value,
        expected,
    };
    Ok(match kind {
        IDENTITY => {
            stored.no_id()?;
            Record::Identity(stored.read::<people::IdentityRow, _>()?)
        }
        PARTNER_MODE => {
            stored.no_id()?;
            Record::PartnerMode(stored.read::<partners::ModeRow, _>()?)
        }
        MEMBER => {
            let id = MemberId(stored.id("a member's id")?);
            Record::Member(id, stored.read::<people::MemberRow, _>()?)
        }
        TOKEN => {
            let id = TokenId(stored.id("a token's id")?);
            Record::Token(id, stored.read::<people::TokenRow, _>()?)
        }
        INVITATION => {
            let id = InvitationId(stored.id("an invitation's id")?);
            Record::Invitation(id, stored.read::<partners::InvitationRow, _>()?)
        }
        PARTNER => {
            let org = OrgId(stored.id("an organisation's id")?);
            Record::Partner(org, stored.read::<partners::PartnerRow, _>()?)
        }
        PATTERN => {
            let pattern = stored.pattern()?;
            Record::Pattern(pattern, stored.read::<partners::ListingRow, _>()?)
        }
        REQUEST => {
            let number = RequestNumber(u32::from_be_bytes(stored.id("a request's number")?));
            Record::Request(number, stored.read::<requests::RequestRow, _>()?)
        }
        PROJECT => {
            let id = ProjectId(stored.id("a project's id")?);
            Record::Project(id, stored.read::<channels::ProjectRow, _>()?)
        }
        CHANNEL => {
            let id = ChannelId(stored.id("a channel's id")?);
            Record::Channel(id, stored.read::<channels::ChannelRow, _>()?)
        }
        MEMBERSHIP => {
            let (channel, member) = stored.channel_and_member()?;
            let membership = stored.read::<channels::MembershipRow, _>()?;
            Record::Membership(channel, member, membership)
        }
        LEAP => {
            stored.no_id()?;
            Record::Leap(stored.read::<clock::LeapRow, _>()?)
        }
        _ => unreachable!("a kind that has a name is read above"),
    })
}

/// What errors call a record of this kind; `None` if there is no such kind.
fn kind_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        IDENTITY => "this organisation's identity",
        PARTNER_MODE => "the partner mode",
        MEMBER => "a member",
        TOKEN => "a token",
        INVITATION => "an invitation",
        PARTNER => "a partner",
        PATTERN => "a listing",
        REQUEST => "a request",
        PROJECT => "a project",
        CHANNEL => "a channel",
        MEMBERSHIP => "a membership",
        LEAP => "a leap of our clock",
        _ => return None,
    })
}

fn key(kind: u8, id: &[&[u8]]) -> Key {
    keys::org_record(kind, &id.concat())
}

fn encode(row: &impl Serialize) -> Value {
    let mut value = vec![VERSION];
    row.tls_serialize(&mut value)
        .expect("the limits of the state are far below what the length of a vector can say");
    value
}

/// What was found in the store, with what it should be.
struct Stored<'a> {
    key: &'a [u8],
    /// What follows the kind in the key.
    id: &'a [u8],
    value: &'a [u8],
    expected: &'static str,
}

impl Stored<'_> {
    fn wrong_id(&self, expected: &'static str) -> InvalidRecord {
        InvalidRecord::Id {
            key: self.key.to_vec(),
            expected,
        }
    }

    fn no_id(&self) -> Result<(), InvalidRecord> {
        match self.id {
            [] => Ok(()),
            _ => Err(self.wrong_id("nothing more")),
        }
    }

    fn id<const BYTES: usize>(&self, expected: &'static str) -> Result<[u8; BYTES], InvalidRecord> {
        self.id.try_into().map_err(|_| self.wrong_id(expected))
    }

    fn channel_and_member(&self) -> Result<(ChannelId, MemberId), InvalidRecord> {
        let ids: [u8; 48] = self.id("a channel's id and a member's")?;
        let (channel, member) = ids.split_at(32);
        Ok((
            ChannelId(channel.try_into().expect("split at 32")),
            MemberId(member.try_into().expect("split at 32 of 48")),
        ))
    }

    fn pattern(&self) -> Result<Pattern, InvalidRecord> {
        std::str::from_utf8(self.id)
            .ok()
            .and_then(|text| Pattern::parse(text).ok())
            // Otherwise a second key could stand for the same pattern.
            .filter(|pattern| pattern.to_string().as_bytes() == self.id)
            .ok_or_else(|| self.wrong_id("a pattern's text"))
    }

    /// The value as `T`, by way of its mirror, if it is just what would be written for it.
    fn read<Row, T>(&self) -> Result<T, InvalidRecord>
    where
        Row: DeserializeBytes + Serialize + for<'t> From<&'t T>,
        T: TryFrom<Row>,
        InvalidField: From<T::Error>,
    {
        let (key, expected) = (|| self.key.to_vec(), self.expected);
        let body = match self.value.split_first() {
            Some((&VERSION, body)) => body,
            Some((found, _)) => {
                return Err(InvalidRecord::Version {
                    key: key(),
                    known: VERSION,
                    found: *found,
                });
            }
            None => return Err(InvalidRecord::Empty { key: key() }),
        };
        let row =
            Row::tls_deserialize_exact_bytes(body).map_err(|source| InvalidRecord::Layout {
                key: key(),
                expected,
                source,
            })?;
        let read = T::try_from(row).map_err(|fault| {
            let source = InvalidField::from(fault);
            InvalidRecord::Field {
                key: key(),
                expected,
                source,
            }
        })?;
        // Sets that are out of order or name something twice are found here, whatever they hold.
        if encode(&Row::from(&read)) != self.value {
            return Err(InvalidRecord::Form {
                key: key(),
                expected,
            });
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
