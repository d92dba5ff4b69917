//! P2: what is shown was said, by the one whose name stands at it.

use foedus_federation::channel::Verdict;
use foedus_federation::entry::LogId;
use foedus_federation::timeline::{Event, Happening, Message};
use foedus_policy::id::{ChannelId, EntryRef};

use super::{GENUINE, Said};
use crate::simulator::disk::ChannelOnDisk;
use crate::simulator::world::World;

impl World {
    /// A client at `at` was shown something.
    pub fn check_shown(&mut self, at: usize, channel: ChannelId, event: &Event) {
        self.checker.count(GENUINE);
        let disk = ChannelOnDisk::new(&self.orgs[at].disk, channel);
        let address = disk.address(event.entry.origin, event.author);
        match disk.entry(event.entry) {
            Some(held) => {
                if !Verdict::counts(held.verdict) {
                    let text = format!("{at} shows {:?}, which does not count", event.entry);
                    self.checker.find(GENUINE, self.now, text);
                }
                self.check_agreed(at, &held);
            }
            None => {
                let text = format!("{at} shows {:?}, which is on no disk of it", event.entry);
                return self.checker.find(GENUINE, self.now, text);
            }
        }
        let Some(origin) = self.index_of(event.entry.origin) else {
            let text = format!("{at} shows an entry of nobody");
            return self.checker.find(GENUINE, self.now, text);
        };
        let log = LogId {
            channel,
            origin: event.entry.origin,
            incarnation: event.entry.incarnation,
        };
        if self.checker.forged.contains(&log) {
            // Its origin's key signed it: what an organisation says of its own people is its word.
            return;
        }
        let said = |verbs: &[&'static str], target: Option<EntryRef>, text: &str| {
            let address = address.as_ref()?;
            let said = |verb: &&'static str| Said {
                at: origin,
                address: address.clone(),
                verb,
                target,
                text: text.to_owned(),
            };
            let mut said = verbs.iter().map(said);
            Some(said.any(|said| self.checker.said.contains(&said)))
        };
        let newest = |message: &Message, target: EntryRef| match &message.text {
            None => Some(true),
            Some(text) => {
                let first = said(&["post"], message.reply_to, text)?;
                Some(first || said(&["edit"], Some(target), text)?)
            }
        };
        let right = match &event.what {
            Happening::Posted(message) => newest(message, event.entry),
            Happening::Edited { target, message } => newest(message, *target),
            Happening::Retracted(target) => said(&["retract"], Some(*target), ""),
            Happening::Reacted { target, emoji, on } => {
                said(&["react"], Some(*target), &format!("{emoji} {on}"))
            }
            _ => Some(true),
        };
        if right != Some(true) && !self.orgs[origin].dishonest {
            let text = format!("{at} shows what nobody said: {:?}", event.what);
            self.checker.find(GENUINE, self.now, text);
        }
    }
}
