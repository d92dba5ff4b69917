//! Partners with which there is a session now: what we ask of them, and what they ask of us.
//!
//! A session is not stored: one that is forgotten begins anew, from what is stored. What is stored
//! here is who holds words of ours that we lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::{IncarnationId, NoteHash, OrgId};
use foedus_policy::time::Now;

use super::relays::relayed_digest;
use super::{Channel, Effect, FeedStart};
use crate::bounds::{
    HELD_LOGS_MAX, NOTES_AGAIN_MILLIS_MIN, NOTES_IDENTITIES_SENT_MAX, NOTES_SENT_BYTES_MAX,
    NOTES_SENT_MAX,
};
use crate::entry::LogId;
use crate::frame::{Cursor, Frame, LogSize, Notes, Subscribe};
use crate::identity::IdentityChain;
use crate::snapshot::OrgSnapshot;
use crate::steploop::Step;
use crate::stored::{self, Record};

/// One session with one partner, as far as this channel is concerned.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    /// Number of our subscription; entries for another are ignored.
    pub subscription: u32,
    /// Whose logs we asked for beside the partner's own.
    pub relayed: Vec<OrgId>,
    /// What the partner asked for, and has to be looked at again when the charter changes.
    pub asked: Option<Subscribe>,
    /// Whether the partner is being sent what arrives.
    pub feeding: bool,
    /// Something before what the partner sends now is missing: ignored until we subscribe again.
    pub stalled: bool,
    /// Subscribe again with the next tick.
    pub retry: bool,
    /// Logs of which it was asked for all, since what it brought did not fit what we hold.
    pub unreconciled: BTreeSet<LogId>,
    /// Logs of which it was asked for all, because it may hold another history of them.
    pub doubts: BTreeSet<LogId>,
    /// Logs of which it was asked for bodies that we lack.
    pub filling: BTreeSet<LogId>,
    /// It brought others' words without bodies that we may read.
    pub bodiless: bool,
    /// Logs with entries under revisions that we do not hold: as of which notes, and how often they came.
    pub unjudged: BTreeMap<LogId, (NoteHash, u32)>,
    /// What was counted so far of the frame of this number, which takes several steps.
    pub counted: Option<(u64, super::accept::Counts)>,
    /// Notes that the partner was sent since it was last sent all of them.
    told: BTreeSet<NoteHash>,
    /// Whose identities it was sent since then, and the newest note of each.
    introduced: BTreeMap<OrgId, NoteHash>,
    /// Whose words it brought under a key that we know nothing of: who that was as we knew them
    /// then, and how often.
    pub left_out: BTreeMap<OrgId, (Option<NoteHash>, u32)>,
    /// When it was last sent all of them.
    told_all_steady_millis: Option<u64>,
    /// It asked for all of them again, too soon after that.
    owed_notes: bool,
    /// It said something about this channel. Before, it may keep nothing of what it is sent: the
    /// channel may be no more to it than an offer.
    spoke: bool,
}

impl Channel {
    pub(super) fn on_partner_up(
        &mut self,
        partner: OrgId,
        subscription: u32,
        step: &mut Step<'_, Effect>,
    ) {
        // What the partner asked for before stays asked for: only our side begins anew.
        let session = self.sessions.entry(partner).or_default();
        session.subscription = subscription;
        session.stalled = false;
        session.retry = false;
        self.forget_filled(partner);
        self.subscribe(partner, step);
        self.share_out_relays(partner, step);
    }

    pub(super) fn on_partner_down(&mut self, partner: OrgId, step: &mut Step<'_, Effect>) {
        self.sessions.remove(&partner);
        self.recovering.remove(&partner);
        self.forget_filled(partner);
        self.filling.retain(|_, filling| filling.partner != partner);
        self.share_out_relays(partner, step);
    }

    /// Brings the partner the notes that it may lack, and asks it for what arrives there.
    fn subscribe(&mut self, partner: OrgId, step: &mut Step<'_, Effect>) {
        if !self.governance.names(partner) {
            return;
        }
        if !self.is_open() {
            // Before the charter is in force and after its end only notes pass.
            self.send_notes(partner, step);
            self.ask_for_notes(partner, step);
            return;
        }
        let relayed = self.relayed_by(partner);
        let digest = relayed_digest(&relayed);
        let notes = self.governance.digest();
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.unjudged.retain(|_, (of, _)| *of == notes);
        }
        let filling = self.filled_by(partner);
        let in_doubt = self.doubted.iter().any(|(org, _)| *org == partner);
        let from_held = in_doubt || !filling.is_empty();
        let cursor = self
            .taken
            .get(&partner)
            .filter(|taken| taken.relayed == digest && !from_held);
        let cursor = cursor.map(|taken| Cursor {
            run: foedus_policy::id::RunId(taken.run),
            arrival: taken.arrival,
        });
        let held = if cursor.is_some() {
            Vec::new()
        } else {
            self.held(partner, &relayed)
        };
        let doubts = self.doubted.iter().filter(|(org, _)| *org == partner);
        let doubts: BTreeSet<LogId> = doubts.map(|(_, log)| *log).collect();
        let session = self.sessions.get_mut(&partner).expect("there is a session");
        session.doubts = doubts;
        session.filling = filling;
        session.relayed = relayed.clone();
        let subscribe = Subscribe {
            channel: self.keys.channel(),
            subscription: session.subscription,
            cursor,
            held,
            relayed,
            notes,
        };
        step.effect(Effect::Send(partner, Frame::Subscribe(subscribe)));
    }

    /// Says which notes we hold, so that the partner sends the others: what it sent before may have
    /// been lost here with a commit. What we say to hold of its logs keeps it from sending entries
    /// that we would not take.
    fn ask_for_notes(&mut self, partner: OrgId, step: &mut Step<'_, Effect>) {
        let held = self.held(partner, &[]);
        let session = self.sessions.get_mut(&partner).expect("there is a session");
        session.relayed = Vec::new();
        let subscribe = Subscribe {
            channel: self.keys.channel(),
            subscription: session.subscription,
            cursor: None,
            held,
            relayed: Vec::new(),
            notes: self.governance.digest(),
        };
        step.effect(Effect::Send(partner, Frame::Subscribe(subscribe)));
    }

    /// How much we hold of the logs that `partner` is asked for; of one whose bodies it is asked for,
    /// up to where they are all there.
    fn held(&self, partner: OrgId, relayed: &[OrgId]) -> Vec<LogSize> {
        let asked = |origin: &OrgId| *origin == partner || relayed.contains(origin);
        self.logs
            .iter()
            .filter(|(id, log)| asked(&id.origin) && log.is_shared())
            .filter(|(id, _)| !self.doubted.contains(&(partner, **id)))
            .take(HELD_LOGS_MAX)
            .map(|(id, log)| LogSize {
                origin: id.origin,
                incarnation: id.incarnation,
                size: match self.filling.get(id) {
                    Some(filling) if filling.partner == partner => filling.from.min(log.size()),
                    _ => log.size(),
                },
            })
            .collect()
    }

    pub(super) fn on_subscribed(
        &mut self,
        now: Now,
        partner: OrgId,
        subscribe: &Subscribe,
        step: &mut Step<'_, Effect>,
    ) {
        if !self.governance.names(partner) {
            return;
        }
        // It may be in the channel before our organisation has noted that it is.
        let session = self.sessions.entry(partner).or_default();
        session.asked = Some(subscribe.clone());
        session.feeding = false;
        session.spoke = true;
        if subscribe.notes != self.governance.digest() {
            self.send_all_notes(now, partner, step);
        }
        self.feed(now, partner, step);
    }

    /// Sends the partner what it asked for, as soon as it may have it.
    pub(super) fn feed(&mut self, now: Now, partner: OrgId, step: &mut Step<'_, Effect>) {
        let Some(session) = self.sessions.get(&partner) else {
            return;
        };
        let Some(asked) = session.asked.clone().filter(|_| !session.feeding) else {
            return;
        };
        let carrier = carrier_allowed(&self.org.state, partner);
        if carrier.is_err() || !self.is_open() || !self.governance.takes_part(partner) {
            return;
        }
        if asked.cursor.is_some_and(|cursor| !self.knows(cursor)) {
            // It has seen more than we hold: an old copy of our store was put back. It may hold
            // words of ours, too.
            self.recover_from(now, partner, step);
            step.effect(Effect::Send(
                partner,
                Frame::UnknownCursor(self.keys.channel()),
            ));
            return;
        }
        let us = self.ours.org;
        let ahead = |held: &LogSize| {
            let id = self.keys.log_id(us, held.incarnation);
            held.origin == us && held.size > self.logs.get(&id).map_or(0, |log| log.size())
        };
        if asked.held.iter().any(ahead) {
            self.recover_from(now, partner, step);
        }
        let start = self.feed_start(partner, &asked);
        if let Some(session) = self.sessions.get_mut(&partner) {
            session.feeding = true;
        }
        step.effect(Effect::Feed(partner, start));
    }

    /// Has the partner give back what we lost. It is written down until all of it is here: once
    /// the partner follows what arrives here now, nothing it says shows any more that it has it.
    pub(super) fn recover_from(&mut self, now: Now, partner: OrgId, step: &mut Step<'_, Effect>) {
        if self.lost.insert(partner) {
            let since = now.wall.0;
            step.put(self.keys.lost(partner), stored::Lost { since }.to_value());
        }
        if self.recovering.insert(partner) {
            step.effect(Effect::Attach(partner));
        }
    }

    /// The partner sent all that it holds of the logs that it was asked for.
    pub(super) fn recovered_from(
        &mut self,
        partner: OrgId,
        relayed: &[OrgId],
        step: &mut Step<'_, Effect>,
    ) {
        // What came back was compared entry by entry: once is enough, but not less.
        if let Some(session) = self.sessions.get_mut(&partner) {
            for log in std::mem::take(&mut session.doubts) {
                self.doubted.remove(&(partner, log));
            }
            let filling = std::mem::take(&mut session.filling);
            self.note_asked(partner, filling, step);
        }
        if relayed.contains(&self.ours.org) && self.lost.remove(&partner) {
            step.delete(self.keys.lost(partner));
        }
    }

    fn feed_start(&self, partner: OrgId, asked: &Subscribe) -> FeedStart {
        let mut origins = vec![self.ours.org];
        origins.extend(asked.relayed.iter().copied().filter(|org| {
            *org != self.ours.org && (self.governance.names(*org) || *org == partner)
        }));
        let rows: BTreeMap<(OrgId, IncarnationId), u64> = asked
            .held
            .iter()
            .map(|row| ((row.origin, row.incarnation), row.size))
            .collect();
        let held = |id: &LogId| rows.get(&(id.origin, id.incarnation)).copied().unwrap_or(0);
        let missing = match asked.cursor {
            Some(_) => Vec::new(),
            None => self
                .logs
                .iter()
                .filter(|(id, log)| {
                    origins.contains(&id.origin) && log.is_shared() && log.size() > held(id)
                })
                .map(|(id, log)| (*id, held(id), log.size()))
                .collect(),
        };
        FeedStart {
            subscription: asked.subscription,
            origins,
            missing,
            after: asked
                .cursor
                .map_or(self.head.arrival, |cursor| cursor.arrival),
        }
    }

    /// The partner keeps notes about this channel from now on.
    pub(super) fn on_spoken(&mut self, partner: OrgId) {
        if let Some(session) = self.sessions.get_mut(&partner)
            && !session.spoke
        {
            session.spoke = true;
            session.told.clear();
            session.introduced.clear();
        }
    }

    /// Sends a partner that says to hold other notes than we do all of ours: a few bytes of its
    /// must not make us send them as often as it likes.
    fn send_all_notes(&mut self, now: Now, partner: OrgId, step: &mut Step<'_, Effect>) {
        let Some(session) = self.sessions.get_mut(&partner) else {
            return;
        };
        let too_soon = session
            .told_all_steady_millis
            .is_some_and(|last| now.steady_millis.saturating_sub(last) < NOTES_AGAIN_MILLIS_MIN);
        session.owed_notes = too_soon;
        if !too_soon {
            session.told_all_steady_millis = Some(now.steady_millis);
            session.told.clear();
            session.introduced.clear();
        }
        self.send_notes(partner, step);
    }

    /// Sends what was asked for too often, once it is time.
    pub(super) fn send_owed_notes(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let owed = self
            .sessions
            .iter()
            .filter(|(_, session)| session.owed_notes);
        let owed: Vec<OrgId> = owed.map(|(partner, _)| *partner).collect();
        for partner in owed {
            self.send_all_notes(now, partner, step);
        }
    }

    /// Sends what governs the channel, and who the organisations in it are, as far as the partner
    /// was not sent it before, in as many frames as it takes.
    pub(super) fn send_notes(&mut self, partner: OrgId, step: &mut Step<'_, Effect>) {
        let Some(mut session) = self.sessions.remove(&partner) else {
            return;
        };
        if !session.spoke {
            session.told.clear();
            session.introduced.clear();
        }
        let named = self.governance.orgs().filter(|org| *org != partner);
        let identities: Vec<Vec<Vec<u8>>> = named
            .filter_map(|org| {
                let chain = self.identity_of(org)?;
                let newest = chain.newest().hash();
                let notes = chain.notes().iter().map(|note| note.bytes().to_vec());
                let known = session.introduced.insert(org, newest) == Some(newest);
                (!known).then(|| notes.collect())
            })
            .collect();
        // A text that was given up for another may come back.
        let held: BTreeSet<NoteHash> = self.governance.notes().map(|(hash, _)| hash).collect();
        session.told.retain(|hash| held.contains(hash));
        let notes: Vec<Vec<u8>> = self
            .governance
            .notes_for(partner)
            .filter(|(hash, _)| session.told.insert(*hash))
            .map(|(_, bytes)| self.as_sent(bytes))
            .collect();
        self.sessions.insert(partner, session);
        let channel = self.keys.channel();
        let mut frames = Vec::new();
        let bytes = |chain: &Vec<Vec<u8>>| chain.iter().map(Vec::len).sum();
        for identities in cut(identities, NOTES_IDENTITIES_SENT_MAX, bytes) {
            frames.push(Notes {
                channel,
                identities,
                notes: Vec::new(),
            });
        }
        for notes in cut(notes, NOTES_SENT_MAX, Vec::len) {
            match frames.last_mut().filter(|last| last.notes.is_empty()) {
                Some(last) => last.notes = notes,
                None => {
                    frames.push(Notes {
                        channel,
                        identities: Vec::new(),
                        notes,
                    });
                }
            }
        }
        for frame in frames {
            step.effect(Effect::Send(partner, Frame::Notes(frame)));
        }
    }

    /// These notes are to be sent again to whoever was sent them before.
    pub(super) fn tell_anew(&mut self, notes: &BTreeSet<NoteHash>) {
        for session in self.sessions.values_mut() {
            session.told.retain(|told| !notes.contains(told));
        }
    }

    pub(super) fn identity_of(&self, org: OrgId) -> Option<Arc<IdentityChain>> {
        let introduced = || self.introduced.get(&org).cloned();
        self.org.identity(org).or_else(introduced)
    }

    /// Somebody in the channel is known by a newer identity: the others may need it for what they
    /// are brought, and what was left out under an older one is asked for again.
    pub(super) fn identities_changed(&mut self, before: &OrgSnapshot, step: &mut Step<'_, Effect>) {
        if self.org.identities.ptr_eq(&before.identities) {
            return;
        }
        let newest = |snapshot: &OrgSnapshot, org: OrgId| {
            let chain = snapshot.identities.get(&org);
            chain.map(|chain| chain.newest().hash())
        };
        let changed = |org: OrgId| newest(before, org) != newest(&self.org, org);
        if !self.governance.orgs().any(changed) {
            return;
        }
        let partners: Vec<OrgId> = self.sessions.keys().copied().collect();
        for partner in partners {
            if self.governance.names(partner) {
                self.send_notes(partner, step);
            }
        }
        self.share_out_relays(self.ours.org, step);
    }

    /// Reaches for those whom a text names and with whom this channel has no session yet: a
    /// proposal may be the first that they hear of the channel.
    pub(super) fn attach_others(&self, step: &mut Step<'_, Effect>) {
        for org in self.governance.orgs() {
            if org != self.ours.org && !self.sessions.contains_key(&org) {
                step.effect(Effect::Attach(org));
            }
        }
    }

    /// The charter changed: everybody hears of it, and what was asked for is looked at again.
    pub(super) fn charter_changed(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let partners: Vec<OrgId> = self.sessions.keys().copied().collect();
        let open = self.is_open();
        for partner in partners {
            if self.governance.names(partner) {
                self.send_notes(partner, step);
            }
            if !open || !self.governance.takes_part(partner) {
                step.effect(Effect::StopFeed(partner));
                if let Some(session) = self.sessions.get_mut(&partner) {
                    session.feeding = false;
                }
            } else {
                step.effect(Effect::Attach(partner));
                self.feed(now, partner, step);
            }
        }
        self.attach_others(step);
        self.changed.view = true;
    }
}

/// What is sent, in as many lists as it takes for none to be too long, by count or by bytes.
fn cut<T>(all: Vec<T>, count_max: usize, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut lists, mut held) = (Vec::<Vec<T>>::new(), 0);
    for item in all {
        let more = bytes(&item);
        match lists.last_mut() {
            Some(last) if last.len() < count_max && held + more <= NOTES_SENT_BYTES_MAX => {
                held += more;
                last.push(item);
            }
            _ => {
                held = more;
                lists.push(vec![item]);
            }
        }
    }
    lists
}
