//! What strangers and partners may throw at the port for links: it costs them their connection and us nothing.

use std::net::SocketAddr;

use foedus_daemon::identity_files::{IdentityFiles, KeyRole};
use foedus_proto::federation::v1 as proto;
use foedus_proto::federation::v1::GoodbyeReason;
use foedus_proto::federation::v1::frame::Kind;
use foedus_tests::harness::organisation::Organisation;
use foedus_tests::harness::raw_link::{LINK, PAIRING, Taken, say};
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use prost::Message as _;

/// Larger than any frame may be.
const OVERSIZED: usize = 2 * 1024 * 1024;

fn frame(kind: Kind) -> Vec<u8> {
    let frame = Some(proto::Frame { kind: Some(kind) });
    proto::ConnectRequest { frame }.encode_to_vec()
}

/// The link key of an organisation whose daemon is down.
fn link_key(of: &Organisation) -> [u8; 32] {
    let files = IdentityFiles::of(&of.daemon.place.data());
    *files.load(KeyRole::Link).expect("its own key").expose()
}

/// The link is over, and the daemon had nothing to say but who it is and goodbye.
#[track_caller]
fn refused(taken: &Taken, what: &str) {
    // Whoever is refused at once may hear the goodbye without a hello before it.
    let mut said = taken.received.iter().peekable();
    said.next_if(|kind| matches!(kind, Kind::Hello(_)));
    let goodbye = match said.next() {
        None => taken.status.as_deref() != Some("0"),
        Some(Kind::Goodbye(goodbye)) => goodbye.reason() != GoodbyeReason::Unspecified,
        Some(_) => false,
    };
    let no_more = said.next().is_none();
    assert!(goodbye && no_more, "{what}: {taken:?}");
}

#[test]
fn a_stranger_learns_nothing_and_is_closed() {
    let two = Two::sharing("+1h");
    let acme: SocketAddr = two.acme.daemon.place.link;
    for (what, protocol) in [("links", LINK), ("another protocol", b"h2".as_slice())] {
        let taken = say(acme, &[7; 32], protocol, &[b"hello".to_vec()]);
        assert!(!taken.answered, "{what}: {taken:?}");
        assert_eq!(taken.received, Vec::new(), "{what}");
    }
    // Who may pair may not link: the pairing protocol does not know the call.
    let taken = say(acme, &[7; 32], PAIRING, &[b"hello".to_vec()]);
    assert_eq!(taken.received, Vec::new(), "{taken:?}");
    refused(&taken, "a link under the pairing protocol");

    two.acme.member().must(&["post", LAUNCH, "Undisturbed."]);
    assert_eq!(two.agree(), ["Undisturbed."]);
}

#[test]
fn a_partner_that_breaks_the_protocol_loses_its_link_and_nothing_else() {
    let mut two = Two::sharing("+1h");
    two.acme.member().must(&["post", LAUNCH, "Before."]);
    assert_eq!(two.agree(), ["Before."]);
    two.globex.daemon.stop();
    let key = link_key(&two.globex);
    let hello = |version_min, version_max| {
        frame(Kind::Hello(proto::Hello {
            version_min,
            version_max,
            run: vec![1; 16],
            wall_millis: 1_800_000_000_000,
            ..proto::Hello::default()
        }))
    };
    let entries = || frame(Kind::Entries(proto::Entries::default()));
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("no protocol buffer", vec![vec![0xff; 64]]),
        ("no frame", vec![Vec::new()]),
        ("a frame too large", vec![vec![0; OVERSIZED]]),
        ("entries before the hello", vec![entries()]),
        ("a version that nobody speaks", vec![hello(7, 9)]),
        ("versions upside down", vec![hello(1, 0)]),
        ("a hello without what it needs", vec![hello(1, 1)]),
        ("two hellos", vec![hello(1, 1), hello(1, 1)]),
        ("nothing at all", Vec::new()),
    ];
    for (what, messages) in cases {
        let taken = say(two.acme.daemon.place.link, &key, LINK, &messages);
        refused(&taken, what);
    }
    // It answers, what was there is there, and the real Globex is welcome.
    assert_eq!(two.acme.texts(LAUNCH), ["Before."]);
    two.globex.daemon.start();
    two.globex.linked_with(ACME);
    two.acme.linked_with(GLOBEX);
    two.globex.member().must(&["post", ACME_LAUNCH, "After."]);
    assert_eq!(two.agree(), ["Before.", "After."]);
}
