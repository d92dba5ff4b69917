//! What the clock does to a channel: its end, entries that become due, old answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_policy::id::{EntryRef, OrgId};
use foedus_policy::state::Sharing;
use foedus_policy::time::{DAY_MILLIS, Now, Timestamp};
use foedus_policy::vocabulary::EndCause;

use super::governance::Governance;
use super::members::is_author_known;
use super::{Channel, Effect, Ended, Log, Waiting};
use crate::batch::Read;
use crate::bounds::{
    ANSWERS_DELETED_MAX, CHANNEL_REMINDER_MILLIS, NOTE_LOG_HEADS_MAX, RELEASED_MAX,
};
use crate::charter::{Termination, Withdrawal};
use crate::entry::LogId;
use crate::evidence::GovernanceNote;
use crate::message::OrgInput;
use crate::note::NoteType;
use crate::note::value::{LogHead, LogHeads};
use crate::record::DisconnectRecord;
use crate::snapshot::OrgSnapshot;
use crate::steploop::Step;
use crate::stored::{self, Record};

impl Channel {
    pub(super) fn reads_of_tick(&self) -> Vec<Read> {
        let first_kept = self.first_turn_kept();
        if first_kept > self.head.answers_from_turn {
            vec![self.keys.answered_before(first_kept, ANSWERS_DELETED_MAX)]
        } else {
            Vec::new()
        }
    }

    pub(super) fn on_tick(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        self.take_back_offer(step);
        self.seal_if_due(now, step);
        self.end_if_due(now, step);
        self.release_waiting(now, step);
        self.turn_answers(now);
        self.forget_answers(step);
        self.ask_for_bodies(now);
        self.retry_sessions(step);
        self.ask_for_ours(step);
        self.look_for_lacking(now, step);
        self.send_owed_notes(now, step);
        if now
            .steady_millis
            .saturating_sub(self.reminded_steady_millis)
            >= CHANNEL_REMINDER_MILLIS
        {
            self.reminded_steady_millis = now.steady_millis;
            self.remind_org(now, step);
            self.attach_others(step);
            self.introduce_again(step);
            self.reconsider_withheld(step);
        }
    }

    pub(super) fn on_org(&mut self, now: Now, org: &Arc<OrgSnapshot>, step: &mut Step<'_, Effect>) {
        let before = std::mem::replace(&mut self.org, org.clone());
        self.take_back_offer(step);
        self.leave_if_decided(now, step);
        self.end_if_due(now, step);
        self.reconsider_withheld(step);
        self.identities_changed(&before, step);
    }

    /// Whether entries may pass: whatever has ended by either of two times that it may be, has.
    pub(super) fn is_open(&self) -> bool {
        self.governance.is_open(self.clock.perhaps)
    }

    /// How the channel ended for us, once that can't be taken back: somebody said so, or the clock
    /// does and can be relied on.
    pub(super) fn ended_for_good(&self, now: Now) -> Option<Ended> {
        let said = || self.governance.ended(Timestamp::ZERO).is_some();
        let ended = self.governance.ended(now.wall);
        ended.filter(|_| self.clock.may_end || said())
    }

    /// The clock is relied on again. What did not pass while it was in doubt is asked for anew, and
    /// goes out anew.
    pub(super) fn go_on(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        self.end_if_due(now, step);
        self.charter_changed(now, step);
    }

    /// What came too early is asked for again.
    fn retry_sessions(&mut self, step: &mut Step<'_, Effect>) {
        for (partner, session) in &mut self.sessions {
            if std::mem::take(&mut session.retry) {
                step.effect(Effect::Attach(*partner));
            }
        }
    }

    /// Leaves where the organisation's own state says that we left: what it tells a channel beside may find no room, and
    /// a partner may see to that.
    pub(super) fn leave_if_decided(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let known = self.org.state.channels().get(&self.keys.channel());
        let left = match known.map(|known| &known.sharing) {
            Some(Sharing::Shared {
                ended: Some(ended), ..
            }) => matches!(ended.cause, EndCause::Withdrawal | EndCause::Termination),
            Some(_) => false,
            // We parted with its host before there was a seal: nobody is to have our yes from us any more.
            None => self.governance.newest().is_none(),
        };
        if left {
            self.leave(now, step);
        }
    }

    /// Ends the channel for us, at once and alone: whoever hosts it ends it for all.
    pub(super) fn leave(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let Some(newest) = self.governance.newest_naming(self.ours.org) else {
            // Nothing is in force that could be left. If a seal comes that uses our yes, we leave then.
            self.forget_proposal(step);
            return;
        };
        let (org, host, revision) = (self.ours.org, newest.charter().host, newest.hash());
        if self.ended_for_good(now).is_some() {
            return;
        }
        let (channel, at) = (self.keys.channel(), now.wall);
        let note = if host == org {
            let heads = self.shared_heads(|_| true);
            let termination = Termination {
                channel,
                host,
                revision,
                heads,
                at,
            };
            let signed = termination.sign(&self.ours.sign);
            signed.map(GovernanceNote::Termination)
        } else {
            let heads = self.shared_heads(|origin| origin == org);
            let withdrawal = Withdrawal {
                channel,
                org,
                revision,
                heads,
                at,
            };
            let signed = withdrawal.sign(&self.ours.sign);
            signed.map(GovernanceNote::Withdrawal)
        };
        let note = note.expect("256 heads of logs fit into a note");
        if self.learn(&note, self.ours.org, step).is_err() {
            // We left and came back more often than others keep notes of: then only our record
            // says that we left once more.
            let mut governance = Governance::clone(&self.governance);
            governance.disconnect(now.wall);
            self.governance = Arc::new(governance);
        }
        self.end_if_due(now, step);
    }

    pub(super) fn on_disconnected(
        &mut self,
        now: Now,
        partner: OrgId,
        step: &mut Step<'_, Effect>,
    ) {
        let others = |org: &OrgId| *org != self.ours.org && *org != partner;
        if self.governance.participants().any(|org| others(&org)) {
            let newest = self.governance.newest();
            // Without its host a channel is over for us, whoever else goes on.
            if newest.is_some_and(|newest| newest.charter().host == partner) {
                self.leave(now, step);
            }
            return;
        }
        let mut governance = Governance::clone(&self.governance);
        governance.disconnect(now.wall);
        self.governance = Arc::new(governance);
        self.end_if_due(now, step);
    }

    /// Signs what we hold of the channel, once it ended for us. From then on the record itself
    /// says that it ended, whatever a clock says later.
    pub(super) fn end_if_due(&mut self, now: Now, step: &mut Step<'_, Effect>) -> bool {
        if self.governance.newest_naming(self.ours.org).is_none() || self.is_recorded() {
            return false;
        }
        let Some(ended) = self.ended_for_good(now) else {
            return false;
        };
        let record = self.disconnect_record(ended);
        let record = record
            .sign(&self.ours.sign)
            .expect("256 heads of logs fit into a note");
        let record = GovernanceNote::DisconnectRecord(record);
        let learned = self.learn(&record, self.ours.org, step);
        assert!(learned.is_ok(), "it names a revision that names us");
        step.effect(Effect::Org(Box::new(OrgInput::ChannelEnded {
            channel: self.keys.channel(),
            ended,
        })));
        self.charter_changed(now, step);
        true
    }

    /// Whether what we hold is said in a record of ours. If an old copy of our data was put back,
    /// the record that partners give back says nothing of what our people wrote before we heard
    /// of the end once more: then we sign another.
    fn is_recorded(&self) -> bool {
        let us = self.ours.org;
        let said =
            |(id, log): &(&LogId, &Log)| log.size() <= self.governance.recorded_size(us, **id);
        self.governance.has_all_records(us)
            || (self.governance.final_record().is_some()
                && self.stated_logs(|_| true).iter().all(said))
    }

    fn disconnect_record(&self, ended: Ended) -> DisconnectRecord {
        let newest = self
            .governance
            .newest_naming(self.ours.org)
            .expect("a channel ends for those who took part");
        DisconnectRecord {
            channel: self.keys.channel(),
            org: self.ours.org,
            revision: newest.hash(),
            cause: ended.cause,
            at: ended.at,
            logs: self.shared_heads(|_| true),
        }
    }

    /// The logs that participants know, as many as a note names: of each organisation those that
    /// go on before those that are closed, and the latest before the older; of all organisations
    /// alike, so that nobody who begins one log after the other hinders us to sign that we leave,
    /// or takes the place of another's.
    fn stated_logs(&self, of: impl Fn(OrgId) -> bool) -> Vec<(&LogId, &Log)> {
        let shared = |(id, log): &(&LogId, &Log)| log.is_shared() && of(id.origin);
        let mut logs: Vec<_> = self.logs.iter().filter(shared).collect();
        logs.sort_by_key(|(_, log)| std::cmp::Reverse((log.closed_at.is_none(), log.hlc)));
        let mut of_origin = BTreeMap::<OrgId, usize>::new();
        let mut ranked: Vec<(usize, _)> = logs
            .into_iter()
            .map(|log| {
                let before = of_origin.entry(log.0.origin).or_default();
                *before += 1;
                (*before, log)
            })
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.truncate(NOTE_LOG_HEADS_MAX);
        ranked.into_iter().map(|(_, log)| log).collect()
    }

    fn shared_heads(&self, of: impl Fn(OrgId) -> bool) -> LogHeads {
        let logs = self.stated_logs(of).into_iter();
        logs.map(|(id, log)| {
            let head = LogHead {
                size: log.size(),
                root: log.frontier.root(),
            };
            ((id.origin, id.incarnation), head)
        })
        .collect()
    }

    /// Shows what waited: its time has come, we agreed to the revision that it was written under,
    /// or its author joined. It arrives once more, so that a live stream does not miss it.
    pub(super) fn release_waiting(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let agreed = |number: u64| {
            let newest = self.governance.agreed_number(self.ours.org);
            newest.is_some_and(|newest| number <= newest)
        };
        let due: Vec<((u64, u16), Waiting)> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| {
                waiting.until.is_none_or(|until| now.wall >= until)
                    && waiting.revision.is_none_or(agreed)
                    && waiting.author.is_none_or(|author| {
                        is_author_known(
                            &self.authors,
                            &self.governance,
                            waiting.entry.origin,
                            author,
                        )
                    })
            })
            .map(|(key, waiting)| (*key, *waiting))
            .take(RELEASED_MAX)
            .collect();
        for ((arrival, place), waiting) in due {
            self.delete_waiting((arrival, place), step);
            self.show_late(waiting.entry, Vec::new(), step);
        }
    }

    /// An entry that is here arrives once more, to be shown now unless it is held back; says under
    /// which number.
    pub(super) fn show_late(
        &mut self,
        entry: EntryRef,
        held_back: Vec<u64>,
        step: &mut Step<'_, Effect>,
    ) -> u64 {
        let arrival = stored::Arrival {
            origin: entry.origin.0,
            incarnation: entry.incarnation.0,
            first: entry.sequence,
            last: entry.sequence,
            shown_late: stored::Arrival::SHOWN_LATE,
            held_back,
        };
        let number = self.next_arrival();
        step.put(self.keys.arrival(number), arrival.to_value());
        self.changed.view = true;
        number
    }

    /// Has an entry wait to be shown.
    pub(super) fn put_waiting(
        &mut self,
        place: (u64, u16),
        waiting: Waiting,
        step: &mut Step<'_, Effect>,
    ) {
        let key = self.keys.waiting(place.0, place.1);
        step.put(key, waiting.to_record().to_value());
        self.waiting.insert(place, waiting);
        *self.waiting_counts.entry(waiting.entry.origin).or_default() += 1;
    }

    pub(super) fn delete_waiting(&mut self, place: (u64, u16), step: &mut Step<'_, Effect>) {
        let Some(waiting) = self.waiting.remove(&place) else {
            return;
        };
        if let Some(count) = self.waiting_counts.get_mut(&waiting.entry.origin) {
            *count = count.saturating_sub(1);
        }
        step.delete(self.keys.waiting(place.0, place.1));
        self.changed.view = true;
    }

    fn turn_answers(&mut self, now: Now) {
        if now.wall.0.abs_diff(self.head.answers_turn_since) >= DAY_MILLIS {
            self.head.answers_turn = self.head.answers_turn.saturating_add(1);
            self.head.answers_turn_since = now.wall.0;
            self.changed.head = true;
        }
    }

    fn first_turn_kept(&self) -> u32 {
        *self.turns_of_answers().start()
    }

    fn forget_answers(&mut self, step: &mut Step<'_, Effect>) {
        let first_kept = self.first_turn_kept();
        let Some(old) =
            step.try_scanned(&self.keys.answered_before(first_kept, ANSWERS_DELETED_MAX))
        else {
            return;
        };
        let all = old.len() < ANSWERS_DELETED_MAX;
        let keys: Vec<_> = old.iter().map(|(key, _)| key.clone()).collect();
        for key in keys {
            step.delete(key);
        }
        if all {
            self.head.answers_from_turn = first_kept;
            self.changed.head = true;
        }
    }
}
