//! Every kind of frame, from everybody who may not send it, and every way in which an origin can be
//! wrong, by every path: what becomes of it, under which rule it is accounted, and that nothing
//! else changes.
//!
//! The rows are named after mistakes that other federated messengers made and published, where one
//! fits. A kind of frame without a row does not compile.

use std::collections::BTreeSet;
use std::sync::Arc;

use foedus_policy::action::Action;
use foedus_policy::id::{ChannelId, EntryRef, NoteHash, OrgId, RunId};
use foedus_policy::state::EndCause;

use super::{Forger, Side, World};
use crate::channel::{self, Breach, Reject, Verdict, Void, Withheld};
use crate::charter::Charter;
use crate::entry::ORG_AUTHOR;
use crate::evidence::{CheckedFrame, CheckedNotes};
use crate::examples::{GLOBEX, INITECH, key};
use crate::frame::{Ack, Frame, Goodbye, Notes, Subscribe};
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::kind::Body;
use crate::link::{self, Link};
use crate::message::Govern;
use crate::note::NoteType;
use crate::stored::{Record, Run};

/// The kinds of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    Hello,
    Notes,
    Subscribe,
    UnknownCursor,
    Entries,
    Ack,
    Goodbye,
}

const KINDS: [FrameKind; 7] = [
    FrameKind::Hello,
    FrameKind::Notes,
    FrameKind::Subscribe,
    FrameKind::UnknownCursor,
    FrameKind::Entries,
    FrameKind::Ack,
    FrameKind::Goodbye,
];

/// Exhaustive on purpose: whoever adds a kind of frame adds its rows.
fn kind_of(frame: &Frame) -> FrameKind {
    match frame {
        Frame::Hello(_) => FrameKind::Hello,
        Frame::Notes(_) => FrameKind::Notes,
        Frame::Subscribe(_) => FrameKind::Subscribe,
        Frame::UnknownCursor(_) => FrameKind::UnknownCursor,
        Frame::Entries(_) => FrameKind::Entries,
        Frame::Ack(_) => FrameKind::Ack,
        Frame::Goodbye(_) => FrameKind::Goodbye,
    }
}

/// Who brings a frame about a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    /// No partner of ours. The transport refuses its key before any frame; the machine, too.
    Unknown,
    /// A partner no more.
    Disconnected,
    /// Suspended by us.
    Suspended,
    /// A partner, in no channel with us.
    NotInThisChannel,
    /// A partner, in another channel with us.
    InAnotherChannel,
    /// A partner in the channel, which ended.
    ChannelEnded,
    /// A partner that names a channel of ours which was never shared.
    ChannelLocal,
    /// A participant that a later revision left out.
    Removed,
}
// "Channel archived" has no row: only what was never shared is archived, and to a partner that is a
// local channel.

const CARRIERS: [Carrier; 8] = [
    Carrier::Unknown,
    Carrier::Disconnected,
    Carrier::Suspended,
    Carrier::NotInThisChannel,
    Carrier::InAnotherChannel,
    Carrier::ChannelEnded,
    Carrier::ChannelLocal,
    Carrier::Removed,
];

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The link is closed, for this reason.
    Closed(Goodbye),
    /// It is refused as not from a carrier of the channel, and told to our own people.
    NotACarrier,
    /// A note in it breaks the rules of charters, which is told to our own people; nothing is answered.
    BrokenNote,
    /// Nothing at all; nothing is answered.
    Ignored,
}

/// The rows, by kind of frame, each with its column of carriers in the order of [`CARRIERS`].
fn row(kind: FrameKind) -> [Outcome; 8] {
    use Goodbye::{Protocol, Refused, Restart};
    use Outcome::{BrokenNote, Closed, Ignored, NotACarrier};
    match kind {
        // Mattermost CVE-2024-41926: a partner says who it is only once, and only by its own key.
        FrameKind::Hello => [
            Closed(Refused),
            Closed(Refused),
            Closed(Refused),
            Closed(Protocol),
            Closed(Protocol),
            Closed(Protocol),
            Closed(Protocol),
            Closed(Protocol),
        ],
        // Mattermost CVE-2024-39777: an unsolicited invitation makes a local channel shared.
        FrameKind::Notes => [
            Closed(Protocol),
            Ignored,
            Ignored,
            NotACarrier,
            NotACarrier,
            BrokenNote,
            NotACarrier,
            BrokenNote,
        ],
        // A stranger can't tell whether a channel exists.
        FrameKind::Subscribe => [
            Closed(Protocol),
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
        ],
        FrameKind::UnknownCursor => [
            Closed(Protocol),
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
        ],
        // Mattermost CVE-2024-39274, CVE-2024-41144, CVE-2026-28759: a channel in a message is not
        // checked to be shared with its sender.
        FrameKind::Entries => [
            Closed(Protocol),
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            NotACarrier,
            Ignored,
            NotACarrier,
        ],
        FrameKind::Ack => [
            Closed(Protocol),
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
            Ignored,
        ],
        FrameKind::Goodbye => [
            Closed(Restart),
            Ignored,
            Ignored,
            Closed(Restart),
            Closed(Restart),
            Closed(Restart),
            Closed(Restart),
            Closed(Restart),
        ],
    }
}

/// A world in which Initech is such a carrier, and the channel that it speaks of.
fn scene(carrier: Carrier) -> (World, ChannelId) {
    let with_two = || {
        let mut world = World::peered(3);
        let channel = world.share(0, 1, "launch");
        world.join(0, channel);
        world.post(0, channel, "hello");
        (world, channel)
    };
    match carrier {
        Carrier::Unknown | Carrier::NotInThisChannel => with_two(),
        Carrier::Disconnected => {
            let (mut world, channel) = World::shared(3);
            let partner = world.id(2);
            world.act(0, Action::DisconnectPartner { partner });
            (world, channel)
        }
        Carrier::Suspended => {
            let (mut world, channel) = World::shared(3);
            let partner = world.id(2);
            world.act(0, Action::SuspendPartner { partner });
            (world, channel)
        }
        Carrier::InAnotherChannel => {
            let (mut world, channel) = with_two();
            world.share(0, 2, "another");
            (world, channel)
        }
        Carrier::ChannelEnded => {
            let (mut world, channel) = World::shared(3);
            let cause = EndCause::Termination;
            world.act(0, Action::EndChannel { channel, cause });
            (world, channel)
        }
        Carrier::ChannelLocal => {
            let mut world = World::peered(3);
            let channel = world.open(0, "ours");
            world.post(0, channel, "nobody else's");
            (world, channel)
        }
        Carrier::Removed => {
            let (mut world, channel) = World::shared(3);
            remove(&mut world, channel, 2);
            (world, channel)
        }
    }
}

pub(crate) fn newest(world: &World, channel: ChannelId) -> Option<&Charter> {
    let view = world.sides[0].views.get(&channel)?;
    Some(view.governance.newest()?.charter())
}

/// Puts a next revision in force that needs nobody's consent.
pub(crate) fn revise(world: &mut World, channel: ChannelId, change: impl FnOnce(&mut Charter)) {
    let before = newest(world, channel)
        .expect("a charter is in force")
        .clone();
    let mut next = Charter {
        number: before.number + 1,
        predecessor: Some(before.hash()),
        finals: [].into(),
        ..before
    };
    change(&mut next);
    let hash = next.hash();
    world.govern(0, channel, Govern::Propose(Arc::new(next)));
    assert_eq!(newest(world, channel).expect("sealed").hash(), hash);
}

/// Leaves a participant out; its words count as far as they are held.
pub(crate) fn remove(world: &mut World, channel: ChannelId, at: usize) {
    let removed = world.id(at);
    let logs = world.sides[0].view(channel).logs.clone();
    revise(world, channel, |next| {
        next.participants.remove(&removed);
        next.finals = logs
            .iter()
            .filter(|(id, _)| id.origin == removed)
            .map(|(id, log)| {
                let head = crate::note::value::LogHead {
                    size: log.size(),
                    root: log.frontier.root(),
                };
                ((id.origin, id.incarnation), head)
            })
            .collect();
    });
}

/// A frame of this kind by Initech about the channel, as plausible as can be.
fn frame(world: &World, channel: ChannelId, kind: FrameKind) -> Frame {
    let revision = newest(world, channel).map_or(NoteHash::LOCAL, NoteType::hash);
    let frame = match kind {
        FrameKind::Hello => {
            let (side, us) = (&world.sides[2], world.id(0));
            let run = RunId([side.run; 16]);
            let hello = link::hello(&side.snapshot, us, run, world.now);
            Frame::Hello(Box::new(hello.expect("it agreed to a peering with us")))
        }
        FrameKind::Notes => {
            // A first charter of its own making for a channel that is not its own.
            let first = Charter {
                channel,
                host: world.id(2),
                participants: [0, 2]
                    .map(|at| (world.id(at), foedus_policy::vocabulary::Access::Full))
                    .into(),
                ..crate::examples::charter()
            };
            let signed = first.sign(&world.sides[2].keys.sign);
            Frame::Notes(Notes {
                channel,
                identities: Vec::new(),
                notes: vec![signed.expect("its form is good").bytes().to_vec()],
            })
        }
        FrameKind::Subscribe => Frame::Subscribe(Subscribe {
            channel,
            subscription: 77,
            cursor: None,
            held: Vec::new(),
            relayed: vec![world.id(1)],
            notes: NoteHash([7; 32]),
        }),
        FrameKind::UnknownCursor => Frame::UnknownCursor(channel),
        FrameKind::Entries => {
            let mut forger = Forger::new(INITECH, channel, 9, revision, Hlc::at(world.now.wall));
            forger.post("let me in");
            let sent = world.sides[0].sent.iter().any(|(to, frame)| {
                let about = matches!(frame, Frame::Subscribe(s) if s.channel == channel);
                *to == world.id(2) && about
            });
            let subscription = match sent {
                true => world.subscription(0, 2, channel),
                false => 0,
            };
            forger.frame(subscription, 900, vec![forger.whole()])
        }
        FrameKind::Ack => Frame::Ack(Ack {
            channel,
            number: u64::MAX,
            void: 0,
            withheld: 0,
        }),
        FrameKind::Goodbye => Frame::Goodbye(Goodbye::Restart),
    };
    assert_eq!(kind_of(&frame), kind);
    frame
}

/// What happened to a side since it was looked at.
struct Before {
    store: std::collections::BTreeMap<Vec<u8>, Vec<u8>>,
    rejects: usize,
    closed: usize,
    sent: usize,
}

impl Before {
    fn of(side: &Side) -> Self {
        Self {
            store: side.store.clone(),
            rejects: side.rejects.len(),
            closed: side.closed.len(),
            sent: side.sent.len(),
        }
    }

    /// Keys that were added, removed or changed.
    fn changed(&self, side: &Side) -> BTreeSet<Vec<u8>> {
        let keys = self.store.keys().chain(side.store.keys());
        keys.filter(|key| self.store.get(*key) != side.store.get(*key))
            .cloned()
            .collect()
    }
}

/// Lets the machine of a link that the transport would not have made take the frame.
fn to_stranger(world: &mut World, frame: Frame) -> Vec<link::Effect> {
    let us = world.id(0);
    let stranger = crate::examples::org(40);
    let snapshot = world.sides[0].snapshot.clone();
    let mut link = Link::new(us, stranger, RunId([1; 16]), snapshot.clone());
    let mut out = Vec::new();
    link.handle(world.now, link::Input::Opened, &mut out);
    let checked = CheckedFrame::check(frame, &snapshot).expect("well-formed");
    link.handle(world.now, link::Input::Frame(Box::new(checked)), &mut out);
    out
}

fn check_cell(kind: FrameKind, carrier: Carrier, expected: Outcome) {
    let (mut world, channel) = scene(carrier);
    let frame = frame(&world, channel, kind);
    let before = Before::of(&world.sides[0]);
    let name = format!("{kind:?} by {carrier:?}");
    if carrier == Carrier::Unknown {
        let out = to_stranger(&mut world, frame);
        let [link::Effect::Close(closing)] = out[..] else {
            panic!("{name}: {out:?}")
        };
        assert_eq!(Outcome::Closed(closing.goodbye()), expected, "{name}");
        return;
    }
    let refused = matches!(carrier, Carrier::Disconnected | Carrier::Suspended);
    if refused {
        // Its link was closed with the decision. It dials again.
        assert!(!world.is_connected(0, 2), "{name}");
        if kind == FrameKind::Hello {
            let partner = world.id(2);
            world.connected.insert((0, 2));
            world.push_link(0, partner, link::Input::Opened);
        }
    }
    world.send(2, 0, frame);
    let side = &world.sides[0];
    let found = match (
        &side.closed[before.closed..],
        &side.rejects[before.rejects..],
    ) {
        ([(_, goodbye)], []) => Outcome::Closed(*goodbye),
        ([], [(_, Reject::NotACarrier)]) => Outcome::NotACarrier,
        ([], [(_, Reject::Note(_, Breach::Charter(_)))]) => Outcome::BrokenNote,
        ([], []) => Outcome::Ignored,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(found, expected, "{name}");
    let changed = before.changed(side);
    assert!(changed.is_empty(), "{name} changed {changed:02x?}");
    check_reticent(&world, channel, carrier, &before, &name);
}

/// Nobody is sent anything about a channel that it is not in.
fn check_reticent(
    world: &World,
    channel: ChannelId,
    carrier: Carrier,
    before: &Before,
    name: &str,
) {
    let about = |frame: &Frame| match frame {
        Frame::Notes(notes) => notes.channel == channel,
        Frame::Subscribe(subscribe) => subscribe.channel == channel,
        Frame::UnknownCursor(of) => *of == channel,
        Frame::Entries(entries) => entries.channel == channel,
        Frame::Ack(ack) => ack.channel == channel,
        Frame::Hello(_) | Frame::Goodbye(_) => false,
    };
    let sent = &world.sides[0].sent[before.sent..];
    let told = sent
        .iter()
        .filter(|(to, frame)| *to == world.id(2) && about(frame));
    // Whoever is named by a charter gets notes, and nothing else.
    let named = matches!(carrier, Carrier::ChannelEnded | Carrier::Removed);
    for (_, frame) in told {
        assert!(
            named && matches!(frame, Frame::Notes(_)),
            "{name} was answered {frame:?}"
        );
    }
}

#[test]
fn every_kind_of_frame_from_every_carrier_that_may_not() {
    for kind in KINDS {
        for (carrier, expected) in CARRIERS.into_iter().zip(row(kind)) {
            check_cell(kind, carrier, expected);
        }
    }
}

/// The organisation's decision may reach a channel a moment after the link passed something on:
/// the channel asks again.
#[test]
fn a_channel_asks_again_who_may_carry() {
    for carrier in [Carrier::Disconnected, Carrier::Suspended] {
        let (mut world, channel) = scene(carrier);
        let partner = world.id(2);
        let before = Before::of(&world.sides[0]);
        let notes = CheckedNotes::of(channel, Vec::new());
        let input = channel::Input::Notes {
            carrier: partner,
            notes: Arc::new(notes),
        };
        world.push_channel(0, channel, input);
        world.settle();
        let side = &world.sides[0];
        assert_eq!(
            side.rejects[before.rejects..],
            [(partner, Reject::NotACarrier)]
        );
        assert!(before.changed(side).is_empty());
    }
}

/// In what an origin is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    DeniedByUs,
    NotInTheRevision,
    Removed,
    NotItsKey,
    ForAnothersMember,
    ForOneOfOurs,
    OlderRevision,
    /// The part is of another channel than the frame (Matrix CVE-2020-26257).
    OtherChannel,
    /// The body is not the one that the header commits to (Matrix CVE-2022-36009).
    OtherBody,
    /// An unknown class of entries (Matrix CVE-2025-30355).
    UnknownClass,
}

/// By which way its entries come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Live,
    Backfill,
    Relay,
}

const PATHS: [Path; 3] = [Path::Live, Path::Backfill, Path::Relay];

/// What becomes of the last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The link that brought it is closed.
    Closed(Goodbye),
    /// Stored as a leaf, and of no effect anywhere.
    Void(Void),
    /// Stored as a leaf, and of no effect here.
    Withheld,
    /// Refused as not from a carrier.
    NotACarrier,
    /// Not stored.
    Dropped,
}

/// What becomes of each, live, as backfill, by relay.
const FATES: [(Wrong, [Fate; 3]); 10] = [
    // Denied by us: it has no link, and what others carry of it has no effect here.
    (
        Wrong::DeniedByUs,
        [
            Fate::Closed(Goodbye::Refused),
            Fate::Closed(Goodbye::Refused),
            Fate::Withheld,
        ],
    ),
    (
        Wrong::NotInTheRevision,
        [Fate::Void(Void::NotAParticipant); 3],
    ),
    (
        Wrong::Removed,
        [Fate::NotACarrier, Fate::NotACarrier, Fate::Dropped],
    ),
    // Matrix CVE-2022-39200: signatures of what is fetched are checked as of what is sent.
    // An honest carrier may know a newer key than we do: what it relays is only left out.
    (
        Wrong::NotItsKey,
        [
            Fate::Closed(Goodbye::Protocol),
            Fate::Closed(Goodbye::Protocol),
            Fate::Dropped,
        ],
    ),
    // Mattermost CVE-2024-41144, CVE-2024-29977: others' posts changed, reactions unchecked.
    (Wrong::ForAnothersMember, [Fate::Void(Void::NotItsOwn); 3]),
    // Mattermost CVE-2024-36492: local users changed.
    (Wrong::ForOneOfOurs, [Fate::Void(Void::NotItsOwn); 3]),
    // Matrix CVE-2022-39374: what was refused is not accepted later.
    (
        Wrong::OlderRevision,
        [Fate::Void(Void::RevisionWentBack); 3],
    ),
    (Wrong::OtherChannel, [Fate::Closed(Goodbye::Protocol); 3]),
    (Wrong::OtherBody, [Fate::Closed(Goodbye::Protocol); 3]),
    (Wrong::UnknownClass, [Fate::Void(Void::Fault); 3]),
];

/// Three in a channel under its second revision, in which Globex came to be wrong in this; the
/// log of it whose last entry shows that.
fn wrong(wrong: Wrong) -> (World, ChannelId, Forger) {
    let (mut world, channel) = World::shared(3);
    let ours = world.post(0, channel, "ours").first;
    let theirs = world.post(2, channel, "Initech's").first;
    let first = newest(&world, channel).expect("sealed").hash();
    revise(&mut world, channel, |next| next.text_bytes -= 1);
    let second = newest(&world, channel).expect("sealed").hash();
    let hlc = Hlc::at(world.now.wall);
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, second, hlc);
    forger.author = world.author(1, channel);
    forger.post("all is well");
    let edit = |target: EntryRef| Body::Edit {
        target,
        text: "never said".to_owned(),
    };
    match wrong {
        Wrong::DeniedByUs => {
            let pattern = "globex.example".to_owned();
            world.act(0, Action::DenyPartner { pattern });
            forger.post("hear me");
        }
        Wrong::NotInTheRevision => {
            // It is out of the third and back in the fourth, and writes under the third.
            let globex = world.id(1);
            revise(&mut world, channel, |next| {
                next.participants.remove(&globex);
            });
            forger.revision = newest(&world, channel).expect("sealed").hash();
            admit(&mut world, channel, globex);
            forger.post("still here");
        }
        Wrong::Removed => {
            remove(&mut world, channel, 1);
            forger.post("still here");
        }
        Wrong::NotItsKey => {
            forger.key = key(99);
            forger.post("who am I");
        }
        Wrong::ForAnothersMember => {
            forger.author = world.author(2, channel);
            forger.append(&edit(theirs));
        }
        Wrong::ForOneOfOurs => {
            forger.author = world.author(0, channel);
            forger.append(&edit(ours));
        }
        Wrong::OlderRevision => {
            forger.revision = first;
            forger.post("as it was");
        }
        Wrong::OtherChannel => forger.log.channel = ChannelId([3; 32]),
        Wrong::OtherBody => {
            forger.post("one");
            let last = forger.entries.last_mut().expect("just appended");
            last.raw.body.as_mut().expect("it has one").bytes[3] ^= 1;
        }
        Wrong::UnknownClass => forger.append_raw(|header| {
            // The class is the byte after the author.
            header[32 + 32 + 16 + 8 + 8 + 32 + 16] = 200;
        }),
    }
    (world, channel, forger)
}

/// Puts a revision in force in which an organisation takes part again.
fn admit(world: &mut World, channel: ChannelId, org: OrgId) {
    let before = newest(world, channel).expect("sealed").clone();
    let mut next = Charter {
        number: before.number + 1,
        predecessor: Some(before.hash()),
        ..before
    };
    next.participants
        .insert(org, foedus_policy::vocabulary::Access::Full);
    let (hash, predecessor) = (next.hash(), next.predecessor);
    world.govern(0, channel, Govern::Propose(Arc::new(next)));
    let mut notes = Vec::new();
    for at in 1..3 {
        let consent = crate::charter::Consent {
            channel,
            charter: hash,
            predecessor,
            withdrawal: None,
            org: world.id(at),
            good_until: world.now.wall.plus_millis(1_000),
        };
        let signed = consent.sign(&world.sides[at].keys.sign);
        notes.push(signed.expect("valid").bytes().to_vec());
    }
    let frame = Frame::Notes(Notes {
        channel,
        identities: Vec::new(),
        notes,
    });
    world.send(2, 0, frame);
    assert_eq!(newest(world, channel).expect("sealed").hash(), hash);
}

/// Without a link to an origin, others are asked for its words.
fn prepare(world: &mut World, path: Path) {
    if path == Path::Relay {
        world.disconnect(0, 1);
        world.settle();
        world.tick();
    }
}

/// Sends the log by a path.
fn send(world: &mut World, channel: ChannelId, forger: &Forger, path: Path) {
    let carrier = match path {
        Path::Live | Path::Backfill => 1,
        Path::Relay => 2,
    };
    let size = forger.size();
    let subscription = world.subscription(0, carrier, channel);
    let part = forger.part(0, size, size);
    let mut frame = forger.frame(subscription, 900, vec![part]);
    if let Frame::Entries(entries) = &mut frame {
        entries.channel = channel;
        let run = RunId([world.sides[carrier].run; 16]);
        entries.cursor = (path == Path::Live).then_some(crate::frame::Cursor { run, arrival: 1 });
    }
    world.send(carrier, 0, frame);
}

fn verdict(side: &Side, channel: ChannelId, entry: EntryRef) -> Option<u8> {
    let rows = side.read(&ChannelKeys(channel).run_of(entry));
    let (key, value) = rows.first()?;
    let run = Run::from_value(key, value).expect("it reads");
    let index = usize::try_from(entry.sequence.checked_sub(run.first)?).expect("small");
    Some(run.entries.get(index)?.verdict)
}

fn check_fate(what: Wrong, path: Path, expected: Fate) {
    let name = format!("{what:?} by {path:?}");
    let (mut world, channel, forger) = wrong(what);
    prepare(&mut world, path);
    let before = Before::of(&world.sides[0]);
    let closed = match before.closed {
        0 => None,
        _ => world.sides[0].closed.last().map(|(_, goodbye)| *goodbye),
    };
    let last = forger.log.entry(forger.size() - 1);
    send(&mut world, channel, &forger, path);
    let side = &world.sides[0];
    let acks = side.sent[before.sent..]
        .iter()
        .filter_map(|(_, frame)| match frame {
            Frame::Ack(ack) => Some(ack.void + ack.withheld),
            _ => None,
        });
    let counted: u32 = acks.sum();
    let found = match verdict(side, channel, last) {
        Some(code) if code == Verdict::Withheld(Withheld::Origin).code() => Fate::Withheld,
        Some(code) if Verdict::is_void(code) => void_of(code),
        Some(code) => panic!("{name}: accepted, {code}"),
        None => match (
            &side.closed[before.closed..],
            &side.rejects[before.rejects..],
        ) {
            ([(_, goodbye)], _) => Fate::Closed(*goodbye),
            ([], [(_, Reject::NotACarrier)]) => Fate::NotACarrier,
            ([], []) => closed
                .filter(|_| path != Path::Relay)
                .map_or(Fate::Dropped, Fate::Closed),
            other => panic!("{name}: {other:?}"),
        },
    };
    assert_eq!(found, expected, "{name}");
    let stored = matches!(expected, Fate::Void(_) | Fate::Withheld);
    assert_eq!(
        counted > 0,
        stored,
        "{name}: the carrier hears how many had no effect"
    );
    for key in before.changed(side) {
        // What was left out is asked for again from what is held.
        let asked_again = expected == Fate::Dropped && is_position(&key, channel);
        assert!(
            (stored && may_change(&key, channel)) || asked_again,
            "{name} changed {key:02x?}"
        );
    }
    let author = side
        .view(channel)
        .authors
        .get(&(world.id(1), forger.author));
    assert!(
        forger.author == ORG_AUTHOR
            || author.is_none_or(|a| a.address.ends_with("@globex.example"))
    );
}

fn void_of(code: u8) -> Fate {
    let voids = [
        Void::Fault,
        Void::NotAParticipant,
        Void::ReadOnly,
        Void::NotGranted,
        Void::RevisionWentBack,
        Void::AfterFinalHeads,
        Void::AfterTheEnd,
        Void::NotItsOwn,
        Void::TooLong,
    ];
    let void = voids
        .into_iter()
        .find(|void| Verdict::Void(*void).code() == code);
    Fate::Void(void.expect("each has a number"))
}

/// The scope's version and positions.
fn is_position(key: &[u8], channel: ChannelId) -> bool {
    let own = ChannelKeys(channel).version();
    let rest = key.strip_prefix(&own[..own.len() - 1]);
    rest.is_some_and(|rest| rest == b"v" || rest.starts_with(b"sc"))
}

/// What an entry without effect may change: its log, when it came, and where we stand.
fn may_change(key: &[u8], channel: ChannelId) -> bool {
    let own = ChannelKeys(channel).version();
    let Some(rest) = key.strip_prefix(&own[..own.len() - 1]) else {
        return false;
    };
    // Version, head, head of a log, position, run, arrival, tile.
    ["v", "sh", "sl", "sc", "r", "a", "t"]
        .iter()
        .any(|kind| rest.starts_with(kind.as_bytes()))
}

#[test]
fn every_wrong_origin_by_every_path() {
    for (wrong, fates) in FATES {
        for (path, fate) in PATHS.into_iter().zip(fates) {
            check_fate(wrong, path, fate);
        }
    }
}
