//! What a partner is sent: a feed for each channel that it subscribed to, in turns, as far as its credit goes.
//!
//! It must not know how pages are read, nor what becomes of what the partner sends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::{ChannelId, OrgId, RunId};
use foedus_policy::time::Now;

use super::{Effect, Link, Session, Unacknowledged};
use crate::bounds::{CREDIT_BYTES_MAX, CREDIT_FRAMES_MAX, PAGE_BYTES_MAX, SILENT_ARRIVALS_MAX};
use crate::channel::{ChannelView, FeedStart};
use crate::entry::LogId;
use crate::feed::{Page, PageReader, Wanted};
use crate::frame::{Cursor, Entries, Frame};

/// What the partner is owed of one channel.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) subscription: u32,
    origins: BTreeSet<OrgId>,
    missing: VecDeque<(LogId, u64, u64)>,
    pub(super) after: u64,
    /// The last arrival that the partner was told of.
    pub(super) told: Option<u64>,
    reading: bool,
    /// The channel changed while a page was being read, which may not show it.
    changed: bool,
    /// A page could not be read: tried again with the next tick.
    failed: bool,
    /// Logs of which entries were left out from this sequence on, until they can be proven.
    /// A position given meanwhile lies beyond them: if the session ends first, the partner finds
    /// the gap with the next entry of that log.
    unsigned: BTreeMap<LogId, u64>,
}

impl Feed {
    pub(super) fn of(start: FeedStart) -> Self {
        Self {
            subscription: start.subscription,
            origins: start.origins.into_iter().collect(),
            told: (start.missing.is_empty()).then_some(start.after),
            missing: start.missing.into(),
            after: start.after,
            reading: false,
            changed: false,
            failed: false,
            unsigned: BTreeMap::new(),
        }
    }

    fn leave_out(&mut self, unsigned: Vec<(LogId, u64)>) {
        for (log, from) in unsigned {
            let known = self.unsigned.entry(log).or_insert(from);
            *known = from.min(*known);
        }
    }

    /// What was left out is sent before what arrived later.
    fn take_up(&mut self, view: &ChannelView) {
        let signed = |log: &LogId| view.logs.get(log).map_or(0, |log| log.signed);
        self.unsigned.retain(|log, from| {
            let signed = signed(log);
            if signed > *from {
                self.missing.push_back((*log, *from, signed));
            }
            signed <= *from
        });
    }

    /// What is to be read next; `None` while there is nothing.
    fn wanted(&self, view: &ChannelView) -> Option<Wanted> {
        match self.missing.front() {
            // What the channel told of this feed is newer than the view that we have: the view that shows
            // these entries is on its way, and brings the turn back.
            Some((log, _, to)) if view.logs.get(log).is_none_or(|log| log.size() < *to) => None,
            Some((log, from, to)) => Some(Wanted::Missing {
                log: *log,
                from: *from,
                to: *to,
            }),
            None if self.has_more(view) => Some(Wanted::Arrivals { after: self.after }),
            None => None,
        }
    }

    fn has_more(&self, view: &ChannelView) -> bool {
        !self.missing.is_empty() || self.told.is_none() || view.arrival > self.after
    }

    /// Moves on by a page. Returns whether it brought the feed further, and where the partner then is.
    fn advance(&mut self, page: &Page, run: RunId) -> (bool, Option<Cursor>) {
        match page.wanted {
            Wanted::Missing { to, .. } => {
                if page.through >= to {
                    self.missing.pop_front();
                } else if let Some((_, from, _)) = self.missing.front_mut() {
                    *from = page.through;
                }
                (true, None)
            }
            Wanted::Arrivals { after } => {
                let silent = page.parts.is_empty()
                    && self
                        .told
                        .is_some_and(|told| page.through < told + SILENT_ARRIVALS_MAX);
                let cursor = (!silent).then_some(Cursor {
                    run,
                    arrival: page.through,
                });
                if cursor.is_some() {
                    self.told = Some(page.through);
                }
                self.after = page.through;
                (page.through > after, cursor)
            }
        }
    }
}

impl Session {
    /// A channel comes once in the turns, wherever.
    pub(super) fn give_turn(&mut self, channel: ChannelId) {
        if !self.turns.contains(&channel) {
            self.turns.push_back(channel);
        }
    }

    /// What was sent for an earlier subscription, or is of a channel that is over for the partner, will never be acknowledged:
    /// it is no reason to hold back what is of other channels. It is not forgotten at once: who subscribes again and again
    /// gets no more than who acknowledges.
    pub(super) fn give_up(&mut self, channel: ChannelId) {
        let mut bytes = 0;
        self.unacknowledged.retain(|_, sent| {
            let stale = sent.channel == channel;
            bytes += if stale { sent.bytes } else { 0 };
            !stale
        });
        self.unacknowledged_bytes -= bytes;
        self.given_up_bytes += bytes;
    }

    /// How many pages more the partner's credit allows.
    fn room(&self) -> usize {
        let reading = self.feeds.values().filter(|feed| feed.reading).count();
        let frames_left = CREDIT_FRAMES_MAX
            .saturating_sub(self.unacknowledged.len())
            .saturating_sub(reading);
        // A page that is being read counts as full.
        let used = self.unacknowledged_bytes + self.given_up_bytes;
        let pages_left =
            (CREDIT_BYTES_MAX.saturating_sub(used) / PAGE_BYTES_MAX).saturating_sub(reading);
        frames_left.min(pages_left)
    }

    /// What a page comes to on the wire, against the partner's credit.
    fn entries(
        &mut self,
        channel: ChannelId,
        subscription: u32,
        page: Page,
        cursor: Option<Cursor>,
    ) -> Entries {
        self.frames += 1;
        let number = self.frames;
        let bytes = page.bytes;
        let sent = Unacknowledged {
            channel,
            bytes,
            entries: page.parts.iter().map(|part| part.entries.len()).sum(),
        };
        self.unacknowledged.insert(number, sent);
        self.unacknowledged_bytes += bytes;
        Entries {
            channel,
            subscription,
            number,
            cursor,
            parts: page.parts,
        }
    }
}

impl Link {
    pub(super) fn on_view(&mut self, now: Now, view: Arc<ChannelView>) {
        let open = view.is_open_to(self.partner, self.org.clock(now).perhaps);
        if let Some(session) = self.session.as_mut().filter(|_| !open) {
            session.give_up(view.channel);
        }
        if let Some(session) = &mut self.session
            && let Some(feed) = session.feeds.get_mut(&view.channel)
        {
            feed.take_up(&view);
            feed.changed = true;
            session.give_turn(view.channel);
        }
        self.views.insert(view.channel, view);
    }

    pub(super) fn on_feed(&mut self, channel: ChannelId, start: FeedStart) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.feeds.insert(channel, Feed::of(start));
        session.give_up(channel);
        session.give_turn(channel);
    }

    /// Asks for the next pages, as far as credit goes, one at a time for each channel.
    pub(super) fn pump(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(session) = self.session.as_mut().filter(|session| session.greeted) else {
            return;
        };
        let latest = self.org.clock(now).perhaps;
        let mut room = session.room();
        while room > 0 {
            let Some(channel) = session.turns.pop_front() else {
                break;
            };
            let (Some(feed), Some(view)) =
                (session.feeds.get_mut(&channel), self.views.get(&channel))
            else {
                continue;
            };
            if feed.reading || feed.failed || !view.is_open_to(self.partner, latest) {
                continue;
            }
            let Some(wanted) = feed.wanted(view) else {
                continue;
            };
            feed.reading = true;
            feed.changed = false;
            room -= 1;
            let reader = PageReader::new(view.clone(), self.partner, feed.origins.clone(), wanted);
            out.push(Effect::Read(channel, feed.subscription, reader));
        }
    }

    pub(super) fn on_page(
        &mut self,
        now: Now,
        channel: ChannelId,
        subscription: u32,
        mut page: Page,
        out: &mut Vec<Effect>,
    ) {
        let Some(session) = &mut self.session else {
            return;
        };
        let Some(feed) = session.feeds.get_mut(&channel) else {
            return;
        };
        if feed.subscription != subscription {
            return;
        }
        feed.reading = false;
        // The channel may have ended, or the partner left it, while the page was read.
        let Some(view) = self.views.get(&channel) else {
            return;
        };
        if !view.is_open_to(self.partner, self.org.clock(now).perhaps)
            || carrier_allowed(&self.org.state, self.partner).is_err()
        {
            return;
        }
        feed.leave_out(std::mem::take(&mut page.unsigned));
        feed.take_up(view);
        let (progressed, cursor) = feed.advance(&page, self.run);
        // Without progress the next change of the channel brings the turn back, unless it came already.
        if (progressed || feed.changed) && feed.has_more(view) {
            session.give_turn(channel);
        }
        if page.parts.is_empty() && cursor.is_none() {
            return;
        }
        let entries = session.entries(channel, subscription, page, cursor);
        out.push(Effect::Send(Frame::Entries(entries)));
    }

    pub(super) fn on_page_failed(&mut self, channel: ChannelId, subscription: u32) {
        let Some(session) = &mut self.session else {
            return;
        };
        if let Some(feed) = session.feeds.get_mut(&channel)
            && feed.subscription == subscription
        {
            feed.reading = false;
            feed.failed = true;
        }
    }

    /// What could not be read is tried again.
    pub(super) fn retry_failed(&mut self) {
        let Some(session) = &mut self.session else {
            return;
        };
        let mut again = Vec::new();
        for (channel, feed) in &mut session.feeds {
            if std::mem::take(&mut feed.failed) {
                again.push(*channel);
            }
        }
        for channel in again {
            session.give_turn(channel);
        }
    }
}
