//! P1: what was acknowledged is on the author's disk, and said once.

use foedus_federation::channel::{Posted, Verb};
use foedus_federation::kind::Body;
use foedus_policy::id::EntryRef;

use super::Acknowledged;
use crate::simulator::disk::ChannelOnDisk;
use crate::simulator::world::World;

const CHECKER: &str = "P1 durable";

impl World {
    /// A client was told that its request is durable: so it must be, now.
    pub fn acknowledged(&mut self, at: usize, number: usize, posted: Posted) {
        let attempt = &self.attempts[number];
        let channel = attempt.channel;
        let texts: Vec<Option<String>> = match &attempt.verb {
            Verb::Post(texts) => texts.iter().map(|text| Some(text.text.clone())).collect(),
            Verb::Edit { text, .. } => vec![Some(text.clone())],
            Verb::Retract { .. } | Verb::React { .. } => vec![None],
        };
        self.checker.count(CHECKER);
        if posted.count as usize != texts.len() {
            let text = format!("request {number} made {} entries", posted.count);
            return self.checker.find(CHECKER, self.now, text);
        }
        let since = self.now;
        for (place, text) in (0..).zip(texts) {
            let entry = EntryRef {
                sequence: posted.first.sequence + place,
                ..posted.first
            };
            self.check_on_disk(at, channel, entry, text.as_deref());
            self.checker.acknowledged.push(Acknowledged {
                at,
                channel,
                entry,
                since,
            });
        }
    }

    fn check_on_disk(
        &mut self,
        at: usize,
        channel: foedus_policy::id::ChannelId,
        entry: EntryRef,
        text: Option<&str>,
    ) {
        let disk = ChannelOnDisk::new(&self.orgs[at].disk, channel);
        let held = disk.entry(entry).filter(|held| held.verdict == 0);
        let said = held.as_ref().and_then(|held| held.body());
        let right = match (&said, text) {
            (Some(Body::Post { text: said, .. } | Body::Edit { text: said, .. }), Some(text)) => {
                said == text
            }
            (Some(_), None) => true,
            _ => false,
        };
        if !right {
            let text = format!("{entry:?} was acknowledged at {at} and is not on its disk");
            self.checker.find(CHECKER, self.now, text);
        }
    }

    /// An old copy of the data was put back: it knows less of the channel than the disk did.
    pub fn disk_was_put_back(&mut self, at: usize) {
        self.checker.in_force[at] = None;
        self.checker.ended[at] = None;
        if let Some(channel) = self.checker.shared {
            let notes = ChannelOnDisk::new(&self.orgs[at].disk, channel).notes();
            for note in notes {
                self.checker.noted(at, self.now, &note);
            }
        }
    }
}
