//! An origin that is not one of our daemons: it signs whatever a test wants, with its own keys.

use foedus_policy::id::{AuthorId, ChannelId, IncarnationId, NoteHash, OrgId};

use crate::checkpoint::Checkpoint;
use crate::entry::{Entry, LogId, ORG_AUTHOR, Place, compose};
use crate::examples::{key, org, sign_seed};
use crate::frame::{Entries, Frame, RawPart};
use crate::hlc::Hlc;
use crate::key::SigningKey;
use crate::kind::{Body, ClosedLog, Opened};
use crate::tree::{Frontier, Nodes};

/// One log under construction.
#[derive(Clone)]
pub(crate) struct Forger {
    pub log: LogId,
    pub key: SigningKey,
    pub revision: NoteHash,
    pub author: AuthorId,
    pub hlc: Hlc,
    pub entries: Vec<Entry>,
    frontiers: Vec<Frontier>,
    nodes: Nodes,
}

impl Forger {
    /// The log of the organisation whose root has seed `root`, under its true key, opened.
    pub(crate) fn new(
        root: u8,
        channel: ChannelId,
        incarnation: u8,
        revision: NoteHash,
        hlc: Hlc,
    ) -> Self {
        Self::under(
            key(sign_seed(root)),
            org(root),
            channel,
            incarnation,
            revision,
            hlc,
        )
    }

    /// A log under any key.
    pub(crate) fn under(
        key: SigningKey,
        origin: OrgId,
        channel: ChannelId,
        incarnation: u8,
        revision: NoteHash,
        hlc: Hlc,
    ) -> Self {
        let log = LogId {
            channel,
            origin,
            incarnation: IncarnationId([incarnation; 16]),
        };
        Self::of(key, log, revision, hlc)
    }

    /// Any log under any key, opened.
    pub(crate) fn of(key: SigningKey, log: LogId, revision: NoteHash, hlc: Hlc) -> Self {
        Self::closing(key, log, revision, hlc, Vec::new())
    }

    /// Any log under any key, opened, and closing others.
    pub(crate) fn closing(
        key: SigningKey,
        log: LogId,
        revision: NoteHash,
        hlc: Hlc,
        closes: Vec<ClosedLog>,
    ) -> Self {
        let mut forger = Self {
            log,
            revision,
            author: ORG_AUTHOR,
            hlc,
            entries: Vec::new(),
            frontiers: vec![Frontier::EMPTY],
            nodes: Nodes::new(),
            key,
        };
        let opened = Opened {
            key: *forger.key.verifying_key().as_bytes(),
            closes,
        };
        forger.append(&Body::Opened(opened));
        forger
    }

    pub(crate) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn frontier(&self) -> &Frontier {
        self.frontiers.last().expect("there is the empty one")
    }

    pub(crate) fn append(&mut self, body: &Body) {
        self.hlc = Hlc(self.hlc.0 + 1);
        let place = Place {
            log: self.log,
            sequence: self.size(),
            hlc: self.hlc,
            revision: self.revision,
            author: self.author,
        };
        let entry = compose(&place, body, [self.entries.len() as u8; 32]).expect("it fits");
        self.push(entry);
    }

    pub(crate) fn post(&mut self, text: &str) {
        self.append(&Body::Post {
            text: text.to_owned(),
            reply_to: None,
        });
    }

    /// Appends a message whose header was changed, byte by byte.
    pub(crate) fn append_raw(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        self.post("raw");
        let mut raw = self.entries.pop().expect("just appended").raw;
        self.frontiers.pop();
        let mut nodes = Nodes::new();
        for (sequence, entry) in (0..).zip(&self.entries) {
            nodes.add_leaf(sequence, entry.leaf);
        }
        self.nodes = nodes;
        change(&mut raw.header);
        self.push(Entry::read(raw).expect("it is laid out as a header"));
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        let mut frontier = self.frontier().clone();
        frontier.append(entry.leaf);
        self.nodes.add_leaf(self.size(), entry.leaf);
        self.frontiers.push(frontier);
        self.entries.push(entry);
    }

    pub(crate) fn checkpoint_root(&self, size: u64) -> [u8; 32] {
        self.frontiers[usize::try_from(size).expect("small")].root()
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Vec<u8> {
        let at = usize::try_from(size).expect("small");
        let checkpoint = Checkpoint {
            log: self.log,
            size,
            root: self.frontiers[at].root(),
        };
        checkpoint.sign(&self.key).bytes().to_vec()
    }

    /// Entries `first..end`, proven to the checkpoint of `size`.
    pub(crate) fn part(&self, first: u64, end: u64, size: u64) -> RawPart {
        let proof = self.nodes.consistency_proof(end, size);
        let range = usize::try_from(first).expect("small")..usize::try_from(end).expect("small");
        RawPart {
            origin: self.log.origin,
            incarnation: self.log.incarnation,
            first,
            entries: self.entries[range]
                .iter()
                .map(|entry| entry.raw.clone())
                .collect(),
            checkpoint: self.checkpoint(size),
            proof: proof.expect("all leaves are known"),
        }
    }

    /// All of it.
    pub(crate) fn whole(&self) -> RawPart {
        self.part(0, self.size(), self.size())
    }

    /// A frame of parts.
    pub(crate) fn frame(&self, subscription: u32, number: u64, parts: Vec<RawPart>) -> Frame {
        Frame::Entries(Entries {
            channel: self.log.channel,
            subscription,
            number,
            cursor: None,
            parts,
        })
    }
}

impl super::World {
    /// The number of the subscription by which `at` now takes entries of `from`.
    pub(crate) fn subscription(&self, at: usize, from: usize, channel: ChannelId) -> u32 {
        let partner = self.id(from);
        let asked = self.sides[at]
            .sent
            .iter()
            .rev()
            .find_map(|(to, frame)| match frame {
                Frame::Subscribe(subscribe) if *to == partner && subscribe.channel == channel => {
                    Some(subscribe.subscription)
                }
                _ => None,
            });
        asked.expect("it subscribed")
    }

    /// All that `at` holds of the newest log of `origin`, as a part.
    pub(crate) fn part_of(&self, at: usize, channel: ChannelId, origin: usize) -> RawPart {
        use crate::batch::Reading;
        use crate::feed::{PageReader, Wanted};
        let view = self.sides[at].views[&channel].clone();
        let (log, head) = view
            .logs
            .iter()
            .filter(|(id, log)| id.origin == self.id(origin) && log.is_shared())
            .max_by_key(|(_, log)| log.size())
            .expect("it holds some");
        let wanted = Wanted::Missing {
            log: *log,
            from: 0,
            to: head.size(),
        };
        let origins = [self.id(origin)].into();
        let mut reader = PageReader::new(view.clone(), self.id(origin), origins, wanted);
        let mut rows = Vec::new();
        loop {
            match reader.advance(std::mem::take(&mut rows)).expect("it reads") {
                Reading::Read(reads) => {
                    rows = reads.iter().map(|read| self.sides[at].read(read)).collect();
                }
                Reading::Ready(page) => {
                    return page.parts.into_iter().next().expect("one part");
                }
            }
        }
    }
}
