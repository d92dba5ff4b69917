//! P1: what was acknowledged is on the author's disk, and said once.

use foedus_federation::channel::{Posted, Text, Verb};
use foedus_federation::kind::Body;
use foedus_policy::id::{ChannelId, EntryRef};

use super::{Acknowledged, DURABLE};
use crate::simulator::disk::ChannelOnDisk;
use crate::simulator::world::World;

impl World {
    /// A client was told that its request is durable: so it must be, now.
    pub fn acknowledged(&mut self, at: usize, number: usize, posted: Posted) {
        let attempt = &self.attempts[number];
        let channel = attempt.channel;
        let asked = bodies(&attempt.verb);
        self.checker.count(DURABLE);
        if posted.count as usize != asked.len() {
            let text = format!("request {number} made {} entries", posted.count);
            return self.checker.find(DURABLE, self.now, text);
        }
        let since = self.now;
        for (place, body) in (0..).zip(asked) {
            let entry = EntryRef {
                sequence: posted.first.sequence + place,
                ..posted.first
            };
            self.check_on_disk(at, channel, entry, &body);
            self.checker.acknowledged.push(Acknowledged {
                at,
                channel,
                entry,
                since,
            });
        }
    }

    /// The entry is there, counts, and says all of what was asked for and nothing else. A repeated retraction or
    /// reaction is answered with the entry that said the same before.
    fn check_on_disk(&mut self, at: usize, channel: ChannelId, entry: EntryRef, asked: &Body) {
        let disk = ChannelOnDisk::new(&self.orgs[at].disk, channel);
        let held = disk.entry(entry).filter(|held| held.verdict == 0);
        let text = match held.map(|held| held.body()) {
            Some(Some(said)) if said == *asked => return,
            Some(Some(said)) => {
                format!("{entry:?} was acknowledged at {at} for {asked:?} and says {said:?}")
            }
            Some(None) => format!("{entry:?} was acknowledged at {at} and its disk has no body"),
            None => format!("{entry:?} was acknowledged at {at} and is not on its disk"),
        };
        self.checker.find(DURABLE, self.now, text);
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
            self.outline_again(at, channel);
        }
    }
}

/// What entries have to say for somebody who asked for this. Put together here from what was asked, and not by the
/// code that is looked at.
fn bodies(asked: &Verb) -> Vec<Body> {
    match asked {
        Verb::Post(texts) => texts
            .iter()
            .map(|Text { text, reply_to }| Body::Post {
                text: text.clone(),
                reply_to: *reply_to,
            })
            .collect(),
        Verb::Edit { target, text } => vec![Body::Edit {
            target: *target,
            text: text.clone(),
        }],
        Verb::Retract { target } => vec![Body::Retract { target: *target }],
        Verb::React { target, emoji, on } => vec![Body::React {
            target: *target,
            emoji: emoji.clone(),
            on: *on,
        }],
    }
}
