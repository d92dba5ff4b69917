//! Every kind of frame, from everybody who may not send it. A kind of frame without a row does not compile.

use std::sync::Arc;

use foedus_policy::action::Action;
use foedus_policy::id::{ChannelId, NoteHash, RunId};
use foedus_policy::vocabulary::{Access, EndCause};

use super::super::{Forger, World};
use super::{Before, newest, remove};
use crate::channel::{self, Breach, Reject};
use crate::charter::Charter;
use crate::evidence::{CheckedFrame, CheckedNotes};
use crate::examples::INITECH;
use crate::frame::{Ack, Frame, Goodbye, Notes, Subscribe};
use crate::hlc::Hlc;
use crate::link::{self, Link};
use crate::note::NoteType;

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
                participants: [0, 2].map(|at| (world.id(at), Access::Full)).into(),
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
