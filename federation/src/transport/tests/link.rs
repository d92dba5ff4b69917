//! What two honest ends see of a link.

use foedus_policy::id::{ChannelId, IncarnationId};
use tokio::io::copy_bidirectional;

use super::*;
use crate::bounds;
use crate::frame::{Ack, Entries, Notes, RawBody, RawEntry, RawPart};

fn ack(number: u64) -> Frame {
    Frame::Ack(Ack {
        channel: ChannelId([3; 32]),
        number,
        void: 0,
        withheld: 0,
    })
}

/// Fifteen bodies of 60,000 bytes: near the largest frame.
fn large(number: u64) -> Frame {
    let body = RawBody {
        salt: [1; 32],
        bytes: vec![9; 60_000],
    };
    let entry = RawEntry {
        header: vec![8; 200],
        body: Some(body),
    };
    let part = RawPart {
        origin: OrgId([1; 32]),
        incarnation: IncarnationId([2; 16]),
        first: number * 15,
        entries: vec![entry; 15],
        checkpoint: b"checkpoint".to_vec(),
        proof: vec![[7; 32]; 3],
    };
    Frame::Entries(Entries {
        channel: ChannelId([3; 32]),
        subscription: 1,
        number,
        cursor: None,
        parts: vec![part],
    })
}

#[tokio::test]
async fn frames_travel_both_ways() {
    let (acme, globex) = partners();
    let (mut ours, mut theirs, _listening) = linked(&acme, &globex).await;
    assert_eq!((ours.partner, ours.dialled), (globex.id, true));
    assert_eq!((theirs.partner, theirs.dialled), (acme.id, false));
    for number in 0..50 {
        send(&ours, ack(number)).await;
        assert_eq!(frame(&mut theirs).await, ack(number));
        send(&theirs, large(number)).await;
        assert_eq!(frame(&mut ours).await, large(number));
    }
}

#[tokio::test]
async fn what_is_not_taken_waits_and_keeps_its_order() {
    let (acme, globex) = partners();
    let (ours, mut theirs, _listening) = linked(&acme, &globex).await;
    let sender = ours.sender.clone();
    let sending = tokio::spawn(async move {
        for number in 0..40 {
            sender.send(large(number)).await.expect("the link is open");
        }
    });
    // The other direction moves on while this one is stalled.
    send(&theirs, ack(1)).await;
    let mut ours = ours;
    assert_eq!(frame(&mut ours).await, ack(1));
    for number in 0..40 {
        assert_eq!(frame(&mut theirs).await, large(number));
    }
    within(sending).await.expect("it sent all");
}

#[tokio::test]
async fn a_goodbye_is_the_last_frame_and_both_ends_know_why() {
    let (acme, globex) = partners();
    let (ours, mut theirs, _listening) = linked(&acme, &globex).await;
    within(ours.handle.close(Goodbye::Duplicate)).await;
    assert_eq!(frame(&mut theirs).await, Frame::Goodbye(Goodbye::Duplicate));
    assert!(matches!(
        failure(&mut theirs).await,
        LinkFailure::ClosedByPartner
    ));
    let mut receiver = ours.receiver;
    let last = within(receiver.recv()).await.expect("the reason is given");
    assert!(matches!(last, Err(LinkFailure::Closed)), "{last:?}");
    assert!(within(receiver.recv()).await.is_none());
}

#[tokio::test]
async fn a_goodbye_in_the_queue_ends_the_link_after_what_is_before_it() {
    let (acme, globex) = partners();
    let (mut ours, mut theirs, _listening) = linked(&acme, &globex).await;
    send(&theirs, ack(1)).await;
    send(&theirs, Frame::Goodbye(Goodbye::Restart)).await;
    assert_eq!(frame(&mut ours).await, ack(1));
    assert_eq!(frame(&mut ours).await, Frame::Goodbye(Goodbye::Restart));
    assert!(matches!(
        failure(&mut ours).await,
        LinkFailure::ClosedByPartner
    ));
    within(theirs.handle.ended()).await;
}

#[tokio::test]
async fn a_dropped_session_ends_at_the_partner() {
    let (acme, globex) = partners();
    let (ours, mut theirs, _listening) = linked(&acme, &globex).await;
    drop(ours);
    let found = failure(&mut theirs).await;
    assert!(matches!(found, LinkFailure::Lost(_)), "{found:?}");
}

#[tokio::test]
async fn a_revoked_pin_closes_the_open_link_and_refuses_the_next() {
    for revoker_dialled in [true, false] {
        let (acme, globex) = partners();
        let (ours, theirs, listening) = linked(&acme, &globex).await;
        let (mut revoking, mut revoked) = if revoker_dialled {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        if revoker_dialled { &acme } else { &globex }.pin(&[]);
        assert_eq!(frame(&mut revoked).await, Frame::Goodbye(Goodbye::Refused));
        assert!(matches!(failure(&mut revoking).await, LinkFailure::Revoked));
        assert!(matches!(
            failure(&mut revoked).await,
            LinkFailure::ClosedByPartner
        ));
        refused(&acme, globex.id, &listening.address()).await;
    }
}

#[tokio::test]
async fn a_pin_that_moves_to_another_partner_closes_the_link() {
    let (acme, globex) = partners();
    let (mut ours, _theirs, _listening) = linked(&acme, &globex).await;
    acme.pins
        .replace(BTreeMap::from([(globex.tls.key(), OrgId([9; 32]))]));
    assert!(matches!(failure(&mut ours).await, LinkFailure::Revoked));
}

#[tokio::test]
async fn a_change_of_other_pins_leaves_the_link_alone() {
    let (acme, globex) = partners();
    let (ours, mut theirs, _listening) = linked(&acme, &globex).await;
    acme.pin(&[&globex, &Org::new(3)]);
    send(&ours, ack(1)).await;
    assert_eq!(frame(&mut theirs).await, ack(1));
}

#[tokio::test]
async fn a_frame_of_ours_that_is_too_long_is_not_sent() {
    let (acme, globex) = partners();
    let (mut ours, mut theirs, _listening) = linked(&acme, &globex).await;
    let notes = vec![vec![0; bounds::NOTE_BYTES_MAX]; 18];
    let frame_too_long = Notes {
        channel: ChannelId([3; 32]),
        identities: Vec::new(),
        notes,
    };
    send(&ours, Frame::Notes(frame_too_long)).await;
    assert_eq!(frame(&mut theirs).await, Frame::Goodbye(Goodbye::Restart));
    let found = failure(&mut ours).await;
    assert!(
        matches!(found, LinkFailure::OwnOversized { .. }),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_path_that_goes_silent_is_noticed_at_both_ends_by_pings() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let relay = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let relay_address = relay.local_addr().expect("it is bound").to_string();
    let target = listening.address;
    let silence = CancellationToken::new();
    let silenced = silence.clone();
    let relaying = tokio::spawn(async move {
        let (mut from, _) = relay.accept().await.expect("a connection");
        let mut to = TcpStream::connect(target).await.expect("it listens");
        tokio::select! {
            copied = copy_bidirectional(&mut from, &mut to) => panic!("ended: {copied:?}"),
            () = silenced.cancelled() => {}
        }
        // Both sockets stay open, and nothing passes.
        (from, to)
    });
    let settings = LinkSettings {
        ping_interval: Duration::from_millis(50),
        ping_timeout: Duration::from_millis(100),
        ..LinkSettings::default()
    };
    let (ours, theirs) = tokio::join!(
        dial(&acme.tls, globex.id, &relay_address, acme.hello(), settings),
        async {
            let accepted = listening.link().await;
            serve(accepted, &globex.tls, globex.hello(), settings).await
        }
    );
    let (mut ours, mut theirs) = (ours.expect("a link"), theirs.expect("a link"));
    assert!(matches!(frame(&mut ours).await, Frame::Hello(_)));
    assert!(matches!(frame(&mut theirs).await, Frame::Hello(_)));
    silence.cancel();
    let sockets = within(relaying).await.expect("it relayed");
    let (here, there) = (failure(&mut ours).await, failure(&mut theirs).await);
    assert!(matches!(here, LinkFailure::Lost(_)), "{here:?}");
    assert!(matches!(there, LinkFailure::Lost(_)), "{there:?}");
    drop(sockets);
}
