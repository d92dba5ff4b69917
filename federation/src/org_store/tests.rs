use std::collections::{BTreeMap, BTreeSet};

use foedus_policy::id::{AuthorId, NoteHash};
use foedus_policy::state::{
    Channel, Ended, Identity, Invitation, InvitationState, Leap, Listing, Member, Membership,
    Offer, Partner, PartnerMode, PartnerState, Person, Project, Request, RequestKind, RequestState,
    Scopes, Secret, Sharing, State, Token, Visibility,
};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::{Access, Capabilities, Capability, EndCause};
use proptest::prelude::*;

use super::*;

const WHEN: Timestamp = Timestamp(1_700_000_000_123);
const OTHER: OrgId = OrgId([4; 32]);

fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a valid name")
}

fn offers() -> [Offer; 3] {
    let two = [Capability::Post, Capability::Edit].into_iter().collect();
    [
        (Capabilities::NONE, None),
        (two, Some(WHEN)),
        (Capabilities::ALL, Some(Timestamp(u64::MAX))),
    ]
    .map(|(capabilities, ends)| Offer {
        channel: ChannelId([5; 32]),
        project: parse("Überseekai 2"),
        ends,
        capabilities,
    })
}

fn optional_offers() -> impl Iterator<Item = Option<Offer>> {
    [None].into_iter().chain(offers().map(Some))
}

fn people() -> Vec<Record> {
    let identity = Identity {
        org: OrgId([1; 32]),
        root: [2; 32],
        handle: parse("acme.example"),
        display_name: parse("Acme & Söhne"),
        at: WHEN,
    };
    let mut records = vec![Record::Identity(identity)];
    for bits in 0..16_u8 {
        let [first, second, third, fourth] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
        if bits < 4 {
            let member = Member {
                name: parse("anna"),
                display_name: parse("Anna B."),
                administrator: first,
                active: second,
            };
            records.push(Record::Member(MemberId([3; 16]), member));
        }
        let token = Token {
            member: MemberId([3; 16]),
            name: parse("laptop"),
            secret_sha256: [4; 32],
            scopes: Scopes {
                read: first,
                write: second,
                administer: third,
            },
            expires: fourth.then_some(WHEN),
            revoked: bits % 3 == 0,
        };
        records.push(Record::Token(TokenId([5; 16]), token));
    }
    records
}

fn partners() -> Vec<Record> {
    let modes = [
        PartnerMode::Nobody,
        PartnerMode::Listed,
        PartnerMode::AnyoneAfterApproval,
    ];
    let mut records = modes.map(Record::PartnerMode).to_vec();
    let org = OTHER.to_string();
    for pattern in ["globex.example", "*.example", &org] {
        let pattern = Pattern::parse(pattern).expect("a valid pattern");
        records.push(Record::Pattern(pattern.clone(), Listing::Allow));
        records.push(Record::Pattern(pattern, Listing::Deny));
    }
    let states = [
        InvitationState::Open,
        InvitationState::Used { by: OTHER },
        InvitationState::Revoked,
        InvitationState::Expired,
    ];
    for state in states {
        for (count, offer) in optional_offers().enumerate() {
            let invitation = Invitation {
                secret: Secret([6; 32]),
                expects: offer.as_ref().map(|_| parse("globex.example")),
                addresses: vec!["acme.example:7000".to_owned(); count],
                expires: WHEN,
                state,
                request: offer.as_ref().map(|_| RequestNumber(7)),
                offer,
            };
            records.push(Record::Invitation(InvitationId([7; 32]), invitation));
        }
    }
    let states = [
        PartnerState::Replied,
        PartnerState::Accepted,
        PartnerState::Active,
        PartnerState::Suspended,
        PartnerState::Disconnected,
    ];
    for state in states {
        let partner = Partner {
            handle: parse("globex.example"),
            root: [8; 32],
            state,
            verified: state >= PartnerState::Active,
            invitation: InvitationId([9; 32]),
            words: ["able", "acid", "baby", "cage", "dad", "each"].map(String::from),
            since: WHEN,
        };
        records.push(Record::Partner(OTHER, partner));
    }
    records
}

fn sharings() -> Vec<Sharing> {
    let mut sharings = vec![Sharing::Local];
    for offer in offers() {
        for known in [false, true] {
            sharings.push(Sharing::Offering {
                handle: parse("globex.example"),
                partner: known.then_some(OTHER),
                invitation: (!known).then_some(InvitationId([9; 32])),
                request: RequestNumber(1),
                history: known,
                offer: offer.clone(),
            });
        }
        sharings.push(Sharing::Joining { host: OTHER, offer });
    }
    let causes = [
        EndCause::End,
        EndCause::Withdrawal,
        EndCause::Termination,
        EndCause::Disconnect,
    ];
    let orgs = (0_u8..).map(|org| OrgId([org; 32]));
    let participants: BTreeMap<OrgId, Access> = orgs.zip(Access::ALL.iter().copied()).collect();
    for cause in [None].into_iter().chain(causes.map(Some)) {
        sharings.push(Sharing::Shared {
            host: OTHER,
            participants: if cause == Some(EndCause::Withdrawal) {
                BTreeMap::new()
            } else {
                participants.clone()
            },
            ends: cause.map(|_| WHEN),
            ended: cause.map(|cause| Ended { cause, at: WHEN }),
        });
    }
    sharings
}

fn channels() -> Vec<Record> {
    let mut records = Vec::new();
    for sharing in sharings() {
        for visibility in [Visibility::Public, Visibility::Private, Visibility::Direct] {
            let public = visibility == Visibility::Public;
            let channel = Channel {
                name: parse("launch"),
                nonce: public.then_some([10; 16]),
                topic: parse(if public { "" } else { "What we do „here“" }),
                visibility,
                sharing: sharing.clone(),
                project: public.then_some(ProjectId([11; 16])),
                archived: public && sharing == Sharing::Local,
            };
            records.push(Record::Channel(ChannelId([5; 32]), channel));
        }
    }
    for present in [false, true] {
        let membership = Membership {
            author: AuthorId([12; 16]),
            present,
        };
        let (channel, member) = (ChannelId([5; 32]), MemberId([3; 16]));
        records.push(Record::Membership(channel, member, membership));
        let project = Project {
            name: parse("Launch"),
            ends: present.then_some(WHEN),
            partners: (0..u8::from(present) * 3)
                .map(|org| OrgId([org; 32]))
                .collect(),
            ended: present.then_some(WHEN),
            extended_to: present.then_some(WHEN),
            ours: present,
        };
        records.push(Record::Project(ProjectId([11; 16]), project));
    }
    records
}

fn requests() -> Vec<Record> {
    let people = [
        Person::Member(MemberId([3; 16])),
        Person::Operator(1000),
        Person::Partner(OTHER),
    ];
    let mut states = vec![
        RequestState::Waiting,
        RequestState::Withdrawn,
        RequestState::Expired,
    ];
    for by in people {
        states.push(RequestState::Approved { by, at: WHEN });
        for reason in ["", "not now"] {
            states.push(RequestState::Declined {
                by,
                at: WHEN,
                reason: parse(reason),
            });
        }
    }
    let mut kinds = Vec::new();
    for offer in offers() {
        for history in [false, true] {
            kinds.push(RequestKind::Share {
                partner: parse("globex.example"),
                offer: offer.clone(),
                history,
                purpose: parse(if history { "to launch" } else { "" }),
            });
        }
        let charter = NoteHash([13; 32]);
        kinds.push(RequestKind::Join {
            host: OTHER,
            charter,
            offer,
        });
    }
    kinds.extend(optional_offers().map(|offer| RequestKind::Peer {
        partner: OTHER,
        invitation: InvitationId([9; 32]),
        offer,
    }));
    let mut records = Vec::new();
    for kind in kinds {
        for (state, by) in states.iter().cloned().zip(people.into_iter().cycle()) {
            let request = Request {
                kind: kind.clone(),
                by,
                at: WHEN,
                state,
            };
            records.push(Record::Request(RequestNumber(u32::MAX - 1), request));
        }
    }
    records
}

fn leaps() -> Vec<Record> {
    let leap = |at_start| Leap {
        expected: WHEN,
        found: WHEN.plus_millis(1),
        at_start,
    };
    [true, false].map(leap).map(Record::Leap).to_vec()
}

/// Every kind of record in every state that it can have.
fn all() -> Vec<Record> {
    [people(), partners(), channels(), requests(), leaps()].concat()
}

fn change_of(record: &Record) -> Change {
    match record {
        Record::Identity(_) => Change::Identity,
        Record::PartnerMode(_) => Change::PartnerMode,
        Record::Member(id, _) => Change::Member(*id),
        Record::Token(id, _) => Change::Token(*id),
        Record::Invitation(id, _) => Change::Invitation(*id),
        Record::Partner(org, _) => Change::Partner(*org),
        Record::Pattern(pattern, _) => Change::Pattern(pattern.clone()),
        Record::Request(number, _) => Change::Request(*number),
        Record::Project(id, _) => Change::Project(*id),
        Record::Channel(id, _) => Change::Channel(*id),
        Record::Membership(channel, member, _) => Change::Membership(*channel, *member),
        Record::Leap(_) => Change::Leap,
    }
}

/// The record under another id; and under another name, where names are unique.
fn renamed(record: Record, index: u8) -> Record {
    let (short, long) = ([index; 16], [index; 32]);
    match record {
        Record::Identity(_) | Record::PartnerMode(_) | Record::Leap(_) => record,
        Record::Member(_, mut member) => {
            member.name = parse(&format!("member{index}"));
            Record::Member(MemberId(short), member)
        }
        Record::Token(_, token) => Record::Token(TokenId(short), token),
        Record::Invitation(_, invitation) => Record::Invitation(InvitationId(long), invitation),
        Record::Partner(_, partner) => Record::Partner(OrgId(long), partner),
        Record::Pattern(_, listing) => {
            let pattern = Pattern::Under(parse(&format!("example{index}")));
            Record::Pattern(pattern, listing)
        }
        Record::Request(_, request) => Record::Request(RequestNumber(index.into()), request),
        Record::Project(_, mut project) => {
            project.name = parse(&format!("Project {index}"));
            Record::Project(ProjectId(short), project)
        }
        Record::Channel(_, mut channel) => {
            channel.name = parse(&format!("channel{index}"));
            Record::Channel(ChannelId(long), channel)
        }
        Record::Membership(_, _, membership) => {
            Record::Membership(ChannelId(long), MemberId([index / 2; 16]), membership)
        }
    }
}

fn stored(record: &Record) -> (Key, Value) {
    (record_key(&change_of(record)), record_value(record))
}

#[test]
fn every_record_in_every_state_reads_back() {
    let mut values = BTreeSet::new();
    for record in all() {
        let (key, value) = stored(&record);
        assert_eq!(value[0], VERSION);
        assert_eq!(read_record(&key, &value).as_ref(), Ok(&record));
        assert!(
            values.insert((key, value)),
            "{record:?} is stored as another one"
        );
    }
    let kinds: BTreeSet<u8> = values.iter().map(|(key, _)| key[2]).collect();
    assert!(kinds.into_iter().eq(IDENTITY..=LEAP));
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    for record in all() {
        let (key, mut value) = stored(&record);
        for length in 0..value.len() {
            let read = read_record(&key, &value[..length]);
            assert!(read.is_err(), "{length} of {} bytes: {read:?}", value.len());
        }
        value.push(0);
        assert!(matches!(
            read_record(&key, &value),
            Err(InvalidRecord::Layout { .. })
        ));
    }
}

#[test]
fn another_version_is_refused_and_the_error_says_so() {
    for record in all() {
        let (key, mut value) = stored(&record);
        for version in [0, 2, 255] {
            value[0] = version;
            let error = read_record(&key, &value).expect_err("a version that nobody knows");
            assert_eq!(
                error,
                InvalidRecord::Version {
                    key: key.clone(),
                    known: 1,
                    found: version
                }
            );
            let text = error.to_string();
            assert!(
                text.contains(&format!("version 1, found {version}")),
                "{text}"
            );
            assert!(text.contains(&field::hex(&key)), "{text}");
        }
        let empty = read_record(&key, &[]);
        assert_eq!(empty, Err(InvalidRecord::Empty { key }));
    }
}

#[test]
fn a_key_of_another_length_or_kind_is_refused() {
    for record in all() {
        let (key, value) = stored(&record);
        let longer = [key.as_slice(), b"!"].concat();
        assert!(matches!(
            read_record(&longer, &value),
            Err(InvalidRecord::Id { .. })
        ));
        // A shorter text may be another pattern; what has a pattern is kept as that one.
        if !matches!(record, Record::Pattern(..)) && key.len() > 3 {
            let shorter = &key[..key.len() - 1];
            assert!(matches!(
                read_record(shorter, &value),
                Err(InvalidRecord::Id { .. })
            ));
        }
        for other in [0, LEAP + 1, 255] {
            let key = [&b"os"[..], &[other], &key[3..]].concat();
            assert_eq!(read_record(&key, &value), Err(InvalidRecord::Kind { key }));
        }
    }
    for key in [&b""[..], b"o", b"os", b"ov", b"cs\x01"] {
        assert!(matches!(
            read_record(key, &[VERSION]),
            Err(InvalidRecord::Kind { .. })
        ));
    }
    let capital = key(PATTERN, &[b"Globex.example"]);
    let refused = read_record(&capital, &record_value(&partners()[3]));
    assert!(
        matches!(refused, Err(InvalidRecord::Id { .. })),
        "{refused:?}"
    );
}

/// `value` with the one place where `old` stands changed to `new`.
fn replaced(value: &[u8], old: &[u8], new: &[u8]) -> Value {
    assert_eq!(old.len(), new.len());
    let at = value
        .windows(old.len())
        .position(|window| window == old)
        .expect("it is in there");
    [&value[..at], new, &value[at + old.len()..]].concat()
}

fn check_replaced(record: &Record, old: &[u8], new: &[u8], expected: &str) {
    let (key, value) = stored(record);
    let error = read_record(&key, &replaced(&value, old, new)).expect_err("it was spoilt");
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(&error) {
        text = format!("{text}: {source}");
    }
    assert!(text.contains(expected), "{text}");
}

#[test]
fn fields_that_nobody_would_write_are_refused() {
    let find =
        |wanted: fn(&Record) -> bool| all().into_iter().find(wanted).expect("the table has all");
    let member = find(|record| matches!(record, Record::Member(..)));
    check_replaced(
        &member,
        b"anna",
        b"ANNA",
        "a member: name: expected a valid name",
    );
    check_replaced(
        &member,
        b"anna",
        b"\xFF\xFF\xFF\xFF",
        "name: expected text in UTF-8",
    );
    check_replaced(
        &member,
        "Anna B.".as_bytes(),
        b"Anna\nB.",
        "display name: expected a valid",
    );
    check_replaced(&member, b"B.\x00", b"B.\x02", "expected a member");

    let join = find(|record| {
        matches!(record, Record::Request(_, Request { kind: RequestKind::Join { offer, .. }, .. })
            if offer.capabilities.len() == 2)
    });
    check_replaced(
        &join,
        b"edit post",
        b"post edit",
        "the one form of a request",
    );
    check_replaced(
        &join,
        b"edit post",
        b"edit edit",
        "the one form of a request",
    );
    check_replaced(
        &join,
        b"edit post",
        b"edit  pin",
        "the one form of a request",
    );
    check_replaced(
        &join,
        b"edit post",
        b"edit boat",
        "capabilities: expected a known word",
    );

    let shared = find(|record| {
        matches!(record, Record::Channel(_, Channel { sharing: Sharing::Shared { participants, .. }, .. })
            if participants.len() == 3)
    });
    let participant = |org: u8, access: u8| [&[org; 32][..], &[access]].concat();
    let sorted = [participant(0, 1), participant(1, 2)].concat();
    let swapped = [participant(1, 2), participant(0, 1)].concat();
    let twice = [participant(1, 2), participant(1, 2)].concat();
    check_replaced(&shared, &sorted, &swapped, "the one form of a channel");
    check_replaced(&shared, &sorted, &twice, "the one form of a channel");
    check_replaced(
        &shared,
        &participant(0, 1),
        &participant(0, 4),
        "expected a channel",
    );

    let partner = find(|record| matches!(record, Record::Partner(..)));
    check_replaced(
        &partner,
        b"\x00\x03dad",
        b"\x00\x00\x00\x01x",
        "expected 6, found 7",
    );
}

#[test]
fn the_layout_is_what_earlier_releases_wrote() {
    let (channel, member) = (ChannelId([0xCC; 32]), MemberId([0xAA; 16]));
    let key = record_key(&Change::Membership(channel, member));
    assert_eq!(key, [&b"os\x0B"[..], &[0xCC; 32], &[0xAA; 16]].concat());
    assert_eq!(
        record_key(&Change::Request(RequestNumber(258))),
        b"os\x08\x00\x00\x01\x02"
    );
    let pattern = Pattern::parse("*.example").expect("a valid pattern");
    assert_eq!(record_key(&Change::Pattern(pattern)), b"os\x07*.example");

    let member = Member {
        name: parse("anna"),
        display_name: parse("Anna"),
        administrator: true,
        active: false,
    };
    let value = record_value(&Record::Member(MemberId([0; 16]), member));
    assert_eq!(value, b"\x01\x00\x04anna\x00\x04Anna\x01\x00");
    let project = Project {
        name: parse("Launch"),
        ends: Some(Timestamp(256)),
        partners: BTreeSet::from([OTHER]),
        ended: None,
        extended_to: Some(Timestamp(1)),
        ours: true,
    };
    let value = record_value(&Record::Project(ProjectId([0; 16]), project));
    let ends = b"\x01\x00\x06Launch\x01\0\0\0\0\0\0\x01\0";
    let extended = b"\0\x01\0\0\0\0\0\0\0\x01\x01";
    assert_eq!(
        value,
        [&ends[..], b"\0\0\0\x20", &[4; 32], extended].concat()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_state_comes_back_from_what_was_stored_of_it(
        picked in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..80),
        version in any::<u64>(),
    ) {
        let table = all();
        let records = picked.iter().map(|(which, index)| renamed(which.get(&table).clone(), *index));
        let state = State::restore(version, records);
        let rows: BTreeMap<Key, Value> = state.records().map(|record| stored(&record)).collect();
        prop_assert_eq!(rows.len(), state.records().count());
        let read = rows.iter().map(|(key, value)| read_record(key, value));
        let read: Vec<Record> = read.collect::<Result<_, _>>().expect("it was written so");
        prop_assert_eq!(State::restore(version, read), state);
    }

    #[test]
    fn what_can_be_read_is_what_would_be_written(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (key, mut value) = stored(which.get(&all()));
        for (place, byte) in changes {
            let place = place.index(value.len());
            value[place] = byte;
        }
        if let Ok(read) = read_record(&key, &value) {
            prop_assert_eq!(stored(&read), (key, value));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        kind in 0..=LEAP,
        id in prop::collection::vec(any::<u8>(), 0..50),
        mut value in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        value[0] = VERSION;
        let key = key(kind, &[&id]);
        if let Ok(read) = read_record(&key, &value) {
            prop_assert_eq!(stored(&read), (key, value));
        }
    }
}
