//! Loading a channel from the store, signatures of its notes included.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_policy::id::{AuthorId, EntryRef, IncarnationId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;

use super::governance::Governance;
use super::members::Heard;
use super::{Channel, Log, Setup, Unknown, Waiting};
use crate::evidence::GovernanceNote;
use crate::hlc::Hlc;
use crate::identity::IdentityChain;
use crate::keys::{ChannelKeys, log_of, state_kind};
use crate::planted::{Fault, planted};
use crate::steploop::{Damaged, Rows};
use crate::stored;
use crate::stored::{Announced, ChannelHead, LogHead, Record, Reviewing, StoredNote, Taken};

pub(super) fn load(setup: &Setup, tainted: u32, rows: Vec<Rows>) -> Result<Channel, Damaged> {
    let mut channel = empty(setup, tainted);
    let mut notes: Vec<(u32, NoteHash, Vec<u8>)> = Vec::new();
    let mut identities: BTreeMap<OrgId, Vec<Vec<u8>>> = BTreeMap::new();
    for (key, value) in rows.into_iter().flatten() {
        let damaged = || Damaged::new(key.clone(), "a record of a channel");
        let (kind, id) = state_kind(&key).ok_or_else(damaged)?;
        match kind {
            b'h' => channel.head = ChannelHead::from_value(&key, &value)?,
            b'l' => {
                let log = log_of(setup.channel, id).ok_or_else(damaged)?;
                let head = Log::of_record(&key, LogHead::from_value(&key, &value)?)?;
                channel.logs.insert(log, head);
            }
            b'n' => {
                let note = StoredNote::from_value(&key, &value)?;
                let hash = NoteHash(id.try_into().map_err(|_| damaged())?);
                notes.push((note.order, hash, note.bytes));
            }
            b'c' => {
                let partner = OrgId(id.try_into().map_err(|_| damaged())?);
                channel
                    .taken
                    .insert(partner, Taken::from_value(&key, &value)?);
            }
            b'g' => {
                let partner = OrgId(id.try_into().map_err(|_| damaged())?);
                stored::Lost::from_value(&key, &value)?;
                channel.lost.insert(partner);
            }
            b'm' => {
                let author = AuthorId(id.try_into().map_err(|_| damaged())?);
                channel
                    .announced
                    .insert(author, Announced::from_value(&key, &value)?);
            }
            b'i' => {
                let org = OrgId(
                    id.get(..32)
                        .and_then(|id| id.try_into().ok())
                        .ok_or_else(damaged)?,
                );
                identities
                    .entry(org)
                    .or_default()
                    .push(StoredNote::from_value(&key, &value)?.bytes);
            }
            b'a' => {
                let known = author_place(id).ok_or_else(damaged)?;
                let heard = Heard::of_record(stored::Author::from_value(&key, &value)?);
                channel.take_heard(known, heard.ok_or_else(damaged)?);
                *channel.author_counts.entry(known.0).or_default() += 1;
            }
            b'w' => {
                let place = waiting_place(id).ok_or_else(damaged)?;
                let waiting = waiting(stored::Waiting::from_value(&key, &value)?);
                channel.waiting.insert(place, waiting);
                let count = channel.waiting_counts.entry(waiting.entry.origin);
                *count.or_default() += 1;
            }
            b'j' => {
                let position = Reviewing::from_value(&key, &value)?;
                let next = (IncarnationId(position.incarnation), position.next);
                channel.review.judging.insert(OrgId(position.origin), next);
            }
            b't' => {
                let position = Reviewing::from_value(&key, &value)?;
                let incarnation = IncarnationId(position.incarnation);
                let log = channel.keys.log_id(OrgId(position.origin), incarnation);
                channel.review.telling = Some((log, position.next));
            }
            _ => return Err(damaged()),
        }
    }
    notes.sort_unstable();
    for (org, notes) in identities {
        let chain = IdentityChain::verify(notes.iter().map(Vec::as_slice)).map_err(|wrong| {
            let key = channel.keys.introduced(org, 0);
            Damaged::new(key, "a chain of identity notes").caused_by(wrong)
        })?;
        channel.introduced.insert(org, Arc::new(chain));
    }
    channel.governance = Arc::new(governance(setup, notes)?);
    channel.own = own_incarnation(setup, tainted, &channel.head);
    Ok(channel)
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
            answers_from_day: 0,
            last_run: None,
            runs: Vec::new(),
        },
        logs: imbl::OrdMap::new(),
        own: None,
        governance: Arc::new(Governance::local(setup.keys.org)),
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
        lacking: BTreeMap::new(),
        sessions: BTreeMap::new(),
        recovering: std::collections::BTreeSet::new(),
        lost: std::collections::BTreeSet::new(),
        doubted: std::collections::BTreeSet::new(),
        told_version: None,
        step_wall: Timestamp::ZERO,
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
/// each of its commits. So a store that was put back never writes a second history.
fn own_incarnation(setup: &Setup, tainted: u32, head: &ChannelHead) -> Option<IncarnationId> {
    let opened_by_this_run = head.run == Some(setup.run.0) || planted(Fault::OldIncarnation);
    if opened_by_this_run && head.tainted == tainted {
        head.incarnation.map(IncarnationId)
    } else {
        None
    }
}

fn governance(setup: &Setup, notes: Vec<(u32, NoteHash, Vec<u8>)>) -> Result<Governance, Damaged> {
    let mut governance = Governance::local(setup.keys.org);
    for (_, hash, bytes) in notes {
        let note = GovernanceNote::read_back(hash, &bytes).map_err(|wrong| {
            let key = ChannelKeys(setup.channel).note(hash);
            Damaged::new(key, "a note about the channel").caused_by(wrong)
        })?;
        // What was learnt once is learnt again; a second seal is an error both times.
        let host = match &note {
            GovernanceNote::Charter(charter) => charter.note().host,
            _ => setup.keys.org,
        };
        governance.learn(&note, host).ok();
    }
    Ok(governance)
}

fn author_place(id: &[u8]) -> Option<(OrgId, AuthorId)> {
    let origin = OrgId(id.get(..32)?.try_into().ok()?);
    Some((origin, AuthorId(id.get(32..)?.try_into().ok()?)))
}

fn waiting_place(id: &[u8]) -> Option<(u64, u16)> {
    let arrival = u64::from_be_bytes(id.get(..8)?.try_into().ok()?);
    Some((arrival, u16::from_be_bytes(id.get(8..)?.try_into().ok()?)))
}

fn waiting(record: stored::Waiting) -> Waiting {
    Waiting {
        entry: EntryRef {
            origin: OrgId(record.origin),
            incarnation: IncarnationId(record.incarnation),
            sequence: record.sequence,
        },
        until: (record.until > 0).then_some(Timestamp(record.until)),
        revision: (record.revision > 0).then_some(record.revision),
        author: record.author.map(|unknown| Unknown {
            author: AuthorId(unknown.author),
            written: unknown.written,
        }),
    }
}
