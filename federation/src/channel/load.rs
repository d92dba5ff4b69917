//! Loading a channel from the store, signatures of its notes included.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_policy::id::{AuthorId, IncarnationId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;

use super::bodies::Bodiless;
use super::governance::{Breach, Governance, Learned};
use super::members::Heard;
use super::{Channel, Log, Setup, Waiting};
use crate::batch::Key;
use crate::clock::Reading;
use crate::damaged::Damaged;
use crate::entry::LogId;
use crate::evidence::GovernanceNote;
use crate::hlc::Hlc;
use crate::identity::IdentityChain;
use crate::keys::{ChannelKey, ChannelKeys};
use crate::planted::{Fault, planted};
use crate::steploop::Rows;
use crate::stored;
use crate::stored::{Announced, ChannelHead, LogHead, Record, Reviewing, StoredNote, Taken};

pub(super) fn load(setup: &Setup, tainted: u32, rows: Vec<Rows>) -> Result<Channel, Damaged> {
    let mut loading = Loading {
        channel: empty(setup, tainted),
        notes: Vec::new(),
        identities: BTreeMap::new(),
    };
    for (key, value) in rows.into_iter().flatten() {
        loading.take(key, &value)?;
    }
    let Loading {
        mut channel,
        mut notes,
        identities,
    } = loading;
    notes.sort_unstable();
    for (org, notes) in identities {
        let chain = IdentityChain::verify(notes.iter().map(Vec::as_slice)).map_err(|wrong| {
            let key = channel.keys.introduced(org, 0);
            Damaged::new(key, "a chain of identity notes").caused_by(wrong)
        })?;
        channel.introduced.insert(org, Arc::new(chain));
    }
    channel.note_orders = notes
        .iter()
        .map(|(order, hash, _)| (*hash, *order))
        .collect();
    channel.governance = Arc::new(governance(setup, notes)?);
    channel.own = own_incarnation(setup, tainted, &channel);
    Ok(channel)
}

/// A channel of which some records were read, and what is made of others once all were.
struct Loading {
    channel: Channel,
    /// With their place in the order in which they were learnt, and their identity.
    notes: Vec<(u32, NoteHash, Vec<u8>)>,
    /// Of each organisation, ascending by serial.
    identities: BTreeMap<OrgId, Vec<Vec<u8>>>,
}

impl Loading {
    /// Takes one record of the channel's state.
    fn take(&mut self, key: Key, value: &[u8]) -> Result<(), Damaged> {
        let channel = &mut self.channel;
        match ChannelKey::parse(&key).map(|(_, parsed)| parsed) {
            Some(ChannelKey::Head) => channel.head = ChannelHead::from_value(&key, value)?,
            Some(ChannelKey::Log(log)) => {
                let head = Log::of_record(&key, LogHead::from_value(&key, value)?)?;
                channel.logs.insert(log, head);
            }
            Some(ChannelKey::Note(hash)) => {
                let note = StoredNote::from_value(&key, value)?;
                self.notes.push((note.order, hash, note.bytes));
            }
            Some(ChannelKey::Taken(partner)) => {
                let taken = Taken::from_value(&key, value)?;
                channel.taken.insert(partner, taken);
            }
            Some(ChannelKey::Lost(partner)) => {
                stored::Lost::from_value(&key, value)?;
                channel.lost.insert(partner);
            }
            Some(ChannelKey::Bodiless(log)) => {
                let bodiless = stored::Bodiless::from_value(&key, value)?;
                channel.bodiless.insert(log, Bodiless::of_record(bodiless));
            }
            Some(ChannelKey::Announced(author)) => {
                let announced = Announced::from_value(&key, value)?;
                channel.announced.insert(author, announced);
            }
            Some(ChannelKey::Introduced(org, _)) => {
                let note = StoredNote::from_value(&key, value)?;
                self.identities.entry(org).or_default().push(note.bytes);
            }
            Some(ChannelKey::Author(org, author)) => {
                take_author(channel, (org, author), &key, value)?;
            }
            Some(ChannelKey::Waiting(arrival, place)) => {
                let waiting = Waiting::of_record(stored::Waiting::from_value(&key, value)?);
                take_waiting(channel, (arrival, place), waiting);
            }
            Some(ChannelKey::Judging(_)) => {
                let (log, next) = position(channel, &key, value)?;
                let judging = &mut channel.review.judging;
                judging.insert(log.origin, (log.incarnation, next));
            }
            Some(ChannelKey::Telling) => {
                channel.review.telling = Some(position(channel, &key, value)?);
            }
            _ => return Err(Damaged::new(key, "a record of a channel")),
        }
        Ok(())
    }
}

fn take_author(
    channel: &mut Channel,
    place: (OrgId, AuthorId),
    key: &[u8],
    value: &[u8],
) -> Result<(), Damaged> {
    let heard = Heard::of_record(stored::Author::from_value(key, value)?);
    let heard = heard.ok_or_else(|| Damaged::new(key.to_vec(), "an author"))?;
    channel.take_heard(place, heard);
    *channel.author_counts.entry(place.0).or_default() += 1;
    Ok(())
}

fn take_waiting(channel: &mut Channel, place: (u64, u16), waiting: Waiting) {
    channel.waiting.insert(place, waiting);
    let count = channel.waiting_counts.entry(waiting.entry.origin);
    *count.or_default() += 1;
}

/// How far a log was looked at again.
fn position(channel: &Channel, key: &[u8], value: &[u8]) -> Result<(LogId, u64), Damaged> {
    let position = Reviewing::from_value(key, value)?;
    let incarnation = IncarnationId(position.incarnation);
    let log = channel.keys.log_id(OrgId(position.origin), incarnation);
    Ok((log, position.next))
}

fn empty(setup: &Setup, tainted: u32) -> Channel {
    Channel {
        keys: ChannelKeys(setup.channel),
        ours: setup.keys.clone(),
        run: setup.run,
        seed: setup.seed,
        tainted,
        org: setup.org.clone(),
        head: ChannelHead {
            arrival: 0,
            hlc: Hlc::ZERO.0,
            run: None,
            incarnation: None,
            tainted: 0,
            unstated: 0,
            unstated_since: 0,
            notes: 0,
            answers_turn: 0,
            answers_turn_since: 0,
            answers_from_turn: 0,
            last_run: None,
            runs: Vec::new(),
        },
        logs: imbl::OrdMap::new(),
        own: None,
        governance: Arc::new(Governance::local(setup.keys.org)),
        note_orders: BTreeMap::new(),
        announced: BTreeMap::new(),
        authors: imbl::OrdMap::new(),
        strangers_left: BTreeMap::new(),
        introduced: BTreeMap::new(),
        taken: BTreeMap::new(),
        waiting: imbl::OrdMap::new(),
        waiting_counts: BTreeMap::new(),
        author_counts: BTreeMap::new(),
        examining: 0,
        examined: BTreeMap::new(),
        bodiless: BTreeMap::new(),
        filling: BTreeMap::new(),
        filled: None,
        lacking: BTreeMap::new(),
        sessions: BTreeMap::new(),
        recovering: std::collections::BTreeSet::new(),
        lost: std::collections::BTreeSet::new(),
        doubted: std::collections::BTreeSet::new(),
        told_version: None,
        step_wall: Timestamp::ZERO,
        clock: Reading::default(),
        reminded_steady_millis: 0,
        news: false,
        review: Default::default(),
        pending: Default::default(),
        // Whoever loads it is shown it, although nothing changes.
        changed: super::log::Changed {
            view: true,
            ..Default::default()
        },
    }
}

/// Only the run that opened an incarnation goes on in it, and only while it knows what became of
/// each of its commits, and while its key is still ours. So a store that was put back never writes a
/// second history.
fn own_incarnation(setup: &Setup, tainted: u32, channel: &Channel) -> Option<IncarnationId> {
    let head = &channel.head;
    let opened_by_this_run = head.run == Some(setup.run.0) || planted(Fault::OldIncarnation);
    let own = head.incarnation.map(IncarnationId)?;
    let log = channel.logs.get(&channel.own_log(own));
    let under_our_key =
        log.is_some_and(|log| log.key == *setup.keys.sign.verifying_key().as_bytes());
    (opened_by_this_run && head.tainted == tainted && under_our_key).then_some(own)
}

fn governance(setup: &Setup, notes: Vec<(u32, NoteHash, Vec<u8>)>) -> Result<Governance, Damaged> {
    let mut governance = Governance::local(setup.keys.org);
    for (_, hash, bytes) in notes {
        let note = GovernanceNote::read_back(hash, &bytes).map_err(|wrong| {
            let key = ChannelKeys(setup.channel).note(hash);
            Damaged::new(key, "a note about the channel").caused_by(wrong)
        })?;
        let host = match &note {
            GovernanceNote::Charter(charter) => charter.note().host,
            _ => setup.keys.org,
        };
        // What was learnt once is learnt again; a second seal is an error both times. What finds no place any more stood
        // on a note that is gone, and without it the channel would be under an older charter, or none.
        let learned = governance.learn(&note, host);
        if !matches!(
            learned,
            Ok(Learned::Kept | Learned::InForce) | Err(Breach::TwoSeals)
        ) {
            let key = ChannelKeys(setup.channel).note(hash);
            return Err(Damaged::new(
                key,
                "a note about the channel, in its place among the others",
            ));
        }
    }
    Ok(governance)
}
