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
    /// An organisation changes and takes back another's words, in a log of its own that opens for
    /// nothing else, and sends that log to a partner.
    pub fn forge(&mut self, at: usize, to: usize) {
        let Some(channel) = self.shared_channel() else {
            return;
        };
        let Some(revision) = self.checker.in_force[at] else {
            return;
        };
        let victims: Vec<EntryRef> = self
            .clients
            .iter()
            .filter(|client| client.at != at)
            .flat_map(|client| client.mine.iter().copied())
            .collect();
        let Some(subscription) = self.network.subscription(to, at) else {
            return;
        };
        if victims.is_empty() || !self.is_connected(at, to) {
            return;
        }
        let target = victims[self.random.index(victims.len())];
        let log = LogId {
            channel,
            origin: self.orgs[at].id,
            incarnation: IncarnationId(self.random.bytes()),
        };
        self.checker.forged.insert(log);
        let keys = self.orgs[at].keys.clone();
        let author = AuthorId(self.random.bytes());
        let key = *keys.sign.verifying_key().as_bytes();
        let opened = Opened {
            key,
            closes: Vec::new(),
        };
        let bodies = [
            (ORG_AUTHOR, Body::Opened(opened)),
            (
                author,
                Body::Joined {
                    author_kind: AuthorKind::Member,
                    address: "mallory@nowhere.example".to_owned(),
                    display_name: "Mallory".to_owned(),
                },
            ),
            (
                author,
                Body::Edit {
                    target,
                    text: "what I would have said".to_owned(),
                },
            ),
            (author, Body::Retract { target }),
        ];
        let mut frontier = Frontier::EMPTY;
        let mut entries = Vec::new();
        for (sequence, (author, body)) in (0..).zip(bodies) {
            let place = Place {
                log,
                sequence,
                hlc: Hlc(Hlc::at(self.wall(at)).0 + sequence),
                revision,
                author,
            };
            let entry = compose(&place, &body, self.random.bytes()).expect("short bodies");
            frontier.append(entry.leaf);
            entries.push(entry.raw);
        }
        let checkpoint = Checkpoint {
            log,
            size: frontier.size(),
            root: frontier.root(),
        };
        let part = RawPart {
            origin: log.origin,
            incarnation: log.incarnation,
            first: 0,
            entries,
            checkpoint: checkpoint.sign(&keys.sign).bytes().to_vec(),
            proof: Vec::new(),
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
