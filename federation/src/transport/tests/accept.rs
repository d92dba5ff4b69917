//! The accept loop under load, at its limits and at its end.

use tokio::io::AsyncReadExt;

use super::*;

#[tokio::test]
async fn three_hundred_silent_connections_do_not_block_a_partner() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(
            TcpStream::connect(listening.address)
                .await
                .expect("it listens"),
        );
    }
    reaches(&listening.counters.arrived, 300).await;
    let strangers_max = loopback_limits().connections_max / 4 * 3;
    let displaced = listening.counters.displaced.load(Ordering::Relaxed);
    assert_eq!(displaced, 300 - strangers_max as u64);

    let address = listening.address();
    let settings = LinkSettings::default();
    let (ours, theirs) = within(async {
        tokio::join!(
            dial(&acme.tls, globex.id, &address, acme.hello(), settings),
            async {
                let accepted = listening.link().await;
                serve(accepted, &globex.tls, globex.hello(), settings).await
            }
        )
    })
    .await;
    assert!(matches!(
        frame(&mut ours.expect("a link")).await,
        Frame::Hello(_)
    ));
    drop(theirs);
    // The oldest were closed to make room.
    let mut oldest = silent.swap_remove(0);
    assert_eq!(within(oldest.read(&mut [0; 8])).await.expect("an end"), 0);
}

#[tokio::test]
async fn one_source_holds_eight_and_its_oldest_makes_room() {
    let (_, globex) = partners();
    let listening = listen_with(&globex.tls, AcceptLimits::default()).await;
    let mut silent = Vec::new();
    for _ in 0..9 {
        silent.push(
            TcpStream::connect(listening.address)
                .await
                .expect("it listens"),
        );
    }
    reaches(&listening.counters.displaced, 1).await;
    assert_eq!(listening.counters.displaced.load(Ordering::Relaxed), 1);
    assert_eq!(
        within(silent[0].read(&mut [0; 8])).await.expect("an end"),
        0
    );
}

#[tokio::test]
async fn a_handshake_has_a_time_limit() {
    let (_, globex) = partners();
    let limits = AcceptLimits {
        handshake_timeout: Duration::from_millis(50),
        ..loopback_limits()
    };
    let listening = listen_with(&globex.tls, limits).await;
    let mut silent = TcpStream::connect(listening.address)
        .await
        .expect("it listens");
    assert_eq!(within(silent.read(&mut [0; 8])).await.expect("an end"), 0);
    reaches(&listening.counters.timed_out, 1).await;
}

#[tokio::test]
async fn a_partner_has_a_bounded_number_of_links() {
    let (acme, globex) = partners();
    let limits = AcceptLimits {
        links_per_partner_max: 2,
        ..loopback_limits()
    };
    let mut listening = listen_with(&globex.tls, limits).await;
    let config = acme.tls.link_client(globex.id).expect("a configuration");
    let mut held = Vec::new();
    for _ in 0..2 {
        let stream = raw::connect(Arc::clone(&config), listening.address)
            .await
            .expect("TLS");
        held.push((stream, listening.link().await));
    }
    let _third = raw::connect(Arc::clone(&config), listening.address)
        .await
        .expect("TLS");
    reaches(&listening.counters.refused_partner, 1).await;
    held.pop();
    let _fourth = raw::connect(config, listening.address).await.expect("TLS");
    listening.link().await;
}

#[tokio::test]
async fn links_hold_no_slot_of_the_unproved() {
    let (acme, globex) = partners();
    let limits = AcceptLimits {
        connections_max: 4,
        connections_per_source_max: 1,
        links_per_partner_max: 8,
        ..AcceptLimits::default()
    };
    let mut listening = listen_with(&globex.tls, limits).await;
    let config = acme.tls.link_client(globex.id).expect("a configuration");
    let mut held = Vec::new();
    for _ in 0..8 {
        let stream = raw::connect(Arc::clone(&config), listening.address)
            .await
            .expect("TLS");
        held.push((stream, listening.link().await));
    }
    assert_eq!(listening.counters.displaced.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn stopping_closes_the_port_and_unfinished_handshakes_and_leaves_links_alone() {
    let (acme, globex) = partners();
    let (ours, mut theirs, listening) = linked(&acme, &globex).await;
    let Listening {
        address,
        mut accepted,
        counters,
        stop,
        task,
        _tls,
    } = listening;
    let mut silent = TcpStream::connect(address).await.expect("it listens");
    reaches(&counters.arrived, 2).await;
    stop.cancel();
    within(task).await.expect("it ends");
    assert!(within(accepted.recv()).await.is_none());
    assert_eq!(within(silent.read(&mut [0; 8])).await.expect("an end"), 0);
    assert!(TcpStream::connect(address).await.is_err());
    send(&ours, Frame::Goodbye(Goodbye::Restart)).await;
    assert_eq!(frame(&mut theirs).await, Frame::Goodbye(Goodbye::Restart));
}

#[tokio::test]
async fn a_new_identity_is_used_from_the_next_handshake_on() {
    let (acme, globex) = partners();
    let listening = listen(&globex).await;
    let renewed = Org::new(4);
    renewed.pin(&[&acme]);
    listening._tls.send_replace(Arc::clone(&renewed.tls));
    let error = refused(&acme, globex.id, &listening.address()).await;
    assert!(matches!(error, DialError::WrongKey), "{error:?}");
}
