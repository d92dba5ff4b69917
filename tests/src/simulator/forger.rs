//! A partner that lies: it signs, with its own key, what no daemon of ours would write.

use foedus_federation::checkpoint::Checkpoint;
use foedus_federation::entry::{LogId, ORG_AUTHOR, Place, compose};
use foedus_federation::frame::{Entries, Frame, RawPart};
use foedus_federation::hlc::Hlc;
use foedus_federation::kind::{Body, Opened};
use foedus_federation::tree::Frontier;
use foedus_policy::id::{AuthorId, EntryRef, IncarnationId};
use foedus_policy::vocabulary::AuthorKind;

use super::world::World;

impl World {
    /// An organisation lies to a partner, in a log of its own that it opens for nothing else.
    pub fn forge(&mut self, at: usize, to: usize) {
        let third = (0..self.orgs.len()).find(|other| *other != at && *other != to);
        match third.filter(|_| self.random.chance(500)) {
            Some(third) => self.tell_two_histories(at, to, third),
            None => self.change_anothers_words(at, to),
        }
    }

    /// Changes and takes back another's words.
    fn change_anothers_words(&mut self, at: usize, to: usize) {
        let victims: Vec<EntryRef> = self
            .clients
            .iter()
            .filter(|client| client.at != at)
            .flat_map(|client| client.mine.iter().copied())
            .collect();
        if victims.is_empty() || !self.hears(at, to) {
            return;
        }
        let target = victims[self.random.index(victims.len())];
        let Some(log) = self.open_forged(at) else {
            return;
        };
        let text = "what I would have said".to_owned();
        let bodies = [Body::Edit { target, text }, Body::Retract { target }];
        let seed = self.random.bytes();
        let part = self.forged(at, log, seed, &bodies);
        self.happened("another's words changed");
        self.tell_forged(at, to, part);
    }

    /// Tells two others two histories of one log.
    fn tell_two_histories(&mut self, at: usize, to: usize, third: usize) {
        if !self.hears(at, to) || !self.hears(at, third) {
            return;
        }
        let Some(log) = self.open_forged(at) else {
            return;
        };
        self.happened("two histories told");
        let seed = self.random.bytes();
        for other in [to, third] {
            let text = format!("what {:?} tells to {other}", log.incarnation);
            let body = Body::Post {
                text,
                reply_to: None,
            };
            let part = self.forged(at, log, seed, &[body]);
            self.tell_forged(at, other, part);
        }
    }

    fn hears(&self, at: usize, to: usize) -> bool {
        self.network.subscription(to, at).is_some() && self.is_connected(at, to)
    }

    fn open_forged(&mut self, at: usize) -> Option<LogId> {
        self.checker.in_force[at]?;
        let log = LogId {
            channel: self.shared_channel()?,
            origin: self.orgs[at].id,
            incarnation: IncarnationId(self.random.bytes()),
        };
        self.checker.forged.insert(log);
        Some(log)
    }

    /// A whole log: opened, joined by somebody whom nobody knows, who says these things.
    fn forged(&self, at: usize, log: LogId, seed: [u8; 32], bodies: &[Body]) -> RawPart {
        let revision = self.checker.in_force[at].expect("it was looked at before");
        let keys = &self.orgs[at].keys;
        let author = AuthorId(std::array::from_fn(|place| seed[place]));
        let opened = Opened {
            key: *keys.sign.verifying_key().as_bytes(),
            closes: Vec::new(),
        };
        let joined = Body::Joined {
            author_kind: AuthorKind::Member,
            address: format!("mallory@{}", self.orgs[at].handle),
            display_name: "Mallory".to_owned(),
        };
        let said = bodies.iter().map(|body| (author, body.clone()));
        let first = [(ORG_AUTHOR, Body::Opened(opened)), (author, joined)];
        let mut frontier = Frontier::EMPTY;
        let mut entries = Vec::new();
        for (sequence, (author, body)) in (0..).zip(first.into_iter().chain(said)) {
            let place = Place {
                log,
                sequence,
                hlc: Hlc(Hlc::at(self.wall(at)).0 + sequence),
                revision,
                author,
            };
            let entry = compose(&place, &body, seed).expect("short bodies");
            frontier.append(entry.leaf);
            entries.push(entry.raw);
        }
        let checkpoint = Checkpoint {
            log,
            size: frontier.size(),
            root: frontier.root(),
        };
        RawPart {
            origin: log.origin,
            incarnation: log.incarnation,
            first: 0,
            entries,
            checkpoint: checkpoint.sign(&keys.sign).bytes().to_vec(),
            proof: Vec::new(),
        }
    }

    fn tell_forged(&mut self, at: usize, to: usize, part: RawPart) {
        let (Some(channel), Some(subscription)) =
            (self.shared_channel(), self.network.subscription(to, at))
        else {
            return;
        };
        let now = self.now;
        self.trace
            .event(now, format_args!("{at} forges words for {to}"));
        let frame = Entries {
            channel,
            subscription,
            number: 0,
            cursor: None,
            parts: vec![part],
        };
        let partner = self.orgs[to].id;
        self.send_unchecked(at, partner, Frame::Entries(frame));
    }
}
