//! Every way in which an origin can be wrong, by every path.

use std::sync::Arc;

use foedus_policy::action::Action;
use foedus_policy::id::{ChannelId, EntryRef, OrgId, RunId};
use foedus_policy::vocabulary::Access;

use super::super::{Forger, Side, World};
use super::{Before, newest, remove, revise};
use crate::channel::{Reject, Verdict, Void, Withheld};
use crate::charter::{Charter, Consent};
use crate::entry::ORG_AUTHOR;
use crate::examples::{GLOBEX, key};
use crate::frame::{Cursor, Frame, Goodbye, Notes};
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::kind::Body;
use crate::message::Govern;
use crate::note::NoteType;
use crate::stored::{Record, Run};

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
    next.participants.insert(org, Access::Full);
    let (hash, predecessor) = (next.hash(), next.predecessor);
    world.govern(0, channel, Govern::Propose(Arc::new(next)));
    let mut notes = Vec::new();
    for at in 1..3 {
        let consent = Consent {
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
        entries.cursor = (path == Path::Live).then_some(Cursor { run, arrival: 1 });
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
