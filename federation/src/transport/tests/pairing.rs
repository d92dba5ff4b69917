//! An invited side and an inviter, honest and not.

use std::sync::Mutex;

use foedus_proto::federation::v1 as proto;
use proto::pairing_service_client::PairingServiceClient;

use super::*;
use crate::bounds::transport as bounds;
use crate::key::VerifyingKey;
use crate::transport::pairing::{identify, serve as serve_pairing};

/// Takes one reply and keeps what it was asked.
#[derive(Default)]
struct Inviter {
    asked: Mutex<Vec<(VerifyingKey, Vec<u8>)>>,
    announced: Mutex<Vec<(VerifyingKey, Vec<Vec<u8>>)>>,
    refuses: Option<PairingRefusal>,
    hangs: bool,
}

impl Inviter {
    fn asked(&self) -> Vec<(VerifyingKey, Vec<u8>)> {
        self.asked.lock().expect("no test panics here").clone()
    }
}

impl PairingHost for Inviter {
    async fn announce(&self, peer: VerifyingKey, identity: Vec<Vec<u8>>) {
        let mut announced = self.announced.lock().expect("no test panics here");
        announced.push((peer, identity));
    }

    async fn identify(&self) -> Vec<Vec<u8>> {
        vec![b"identity 1".to_vec(), b"identity 2".to_vec()]
    }

    async fn reply(
        &self,
        peer: VerifyingKey,
        reply: Vec<u8>,
    ) -> Result<ReplyAccepted, PairingRefusal> {
        self.asked
            .lock()
            .expect("no test panics here")
            .push((peer, reply));
        if self.hangs {
            std::future::pending::<()>().await;
        }
        match self.refuses {
            Some(refusal) => Err(refusal),
            None => Ok(ReplyAccepted {
                endpoints: b"endpoints".to_vec(),
            }),
        }
    }
}

/// Serves one connection with `inviter` while `invited` runs against it.
async fn pair<T>(
    inviter: Inviter,
    limit: Duration,
    invited: impl AsyncFnOnce(&Org, &Org, SocketAddr) -> T,
) -> (T, Arc<Inviter>, VerifyingKey) {
    // Neither knows the other: no pins.
    let (host, guest) = (Org::new(1), Org::new(2));
    let mut listening = listen(&host).await;
    let address = listening.address;
    let inviter = Arc::new(inviter);
    let serving = Arc::clone(&inviter);
    let (found, ()) = within(async {
        tokio::join!(invited(&host, &guest, address), async {
            let accepted = listening.pairing().await;
            serve_pairing(accepted, serving, limit).await;
        })
    })
    .await;
    (found, inviter, guest.tls.key())
}

fn approve(_: &[Vec<u8>], key: VerifyingKey) -> Result<VerifyingKey, ()> {
    Ok(key)
}

#[tokio::test]
async fn the_reply_reaches_the_inviter_with_the_key_that_was_proved() {
    let (accepted, inviter, guest) = pair(
        Inviter::default(),
        PATIENCE,
        async |host, guest, address| {
            let inviter = identify(
                &guest.tls,
                Reach::Everywhere,
                &address.to_string(),
                PATIENCE,
            )
            .await
            .expect("an inviter");
            let (verified, found) = inviter
                .verify(|identity, key| {
                    assert_eq!(identity, [b"identity 1".to_vec(), b"identity 2".to_vec()]);
                    approve(identity, key)
                })
                .expect("approved");
            assert_eq!(found, host.tls.key());
            verified.reply(b"reply".to_vec()).await.expect("accepted")
        },
    )
    .await;
    assert_eq!(accepted.endpoints, b"endpoints");
    assert_eq!(inviter.asked(), [(guest, b"reply".to_vec())]);
}

#[tokio::test]
async fn nothing_of_the_invitation_goes_to_an_inviter_that_fails_the_check() {
    let ((), inviter, _) = pair(Inviter::default(), PATIENCE, async |_, guest, address| {
        let inviter = identify(
            &guest.tls,
            Reach::Everywhere,
            &address.to_string(),
            PATIENCE,
        )
        .await
        .expect("an inviter");
        assert!(
            inviter
                .verify(|_, _| Err::<(), _>("somebody else"))
                .is_err()
        );
    })
    .await;
    assert!(inviter.asked().is_empty());
}

/// Whoever writes an invitation does not send us to what trusts this machine.
#[tokio::test]
async fn an_inviter_out_of_reach_is_not_dialled() {
    let ((), inviter, _) = pair(Inviter::default(), PATIENCE, async |_, guest, address| {
        let refused = identify(&guest.tls, Reach::Elsewhere, &address.to_string(), PATIENCE).await;
        assert!(matches!(refused, Err(PairError::OutOfReach(_))));
        // The host waits for somebody.
        drop(
            identify(
                &guest.tls,
                Reach::Everywhere,
                &address.to_string(),
                PATIENCE,
            )
            .await,
        );
    })
    .await;
    assert!(inviter.asked().is_empty());
}

#[tokio::test]
async fn a_refusal_arrives_as_what_it_is() {
    for refusal in [
        PairingRefusal::Refused,
        PairingRefusal::Busy,
        PairingRefusal::Used,
        PairingRefusal::Revoked,
        PairingRefusal::Expired,
    ] {
        let inviter = Inviter {
            refuses: Some(refusal),
            ..Inviter::default()
        };
        let (found, _, _) = pair(inviter, PATIENCE, async |_, guest, address| {
            let inviter = identify(
                &guest.tls,
                Reach::Everywhere,
                &address.to_string(),
                PATIENCE,
            )
            .await
            .expect("an inviter");
            let (verified, _) = inviter.verify(approve).expect("approved");
            verified.reply(b"reply".to_vec()).await
        })
        .await;
        assert!(matches!(found, Err(PairError::Refused(found)) if found == refusal));
    }
}

#[tokio::test]
async fn a_reply_that_is_too_long_is_neither_sent_nor_taken() {
    let too_long = vec![b'x'; bounds::PAIRING_REPLY_BYTES_MAX + 1];
    let reply = too_long.clone();
    let (found, inviter, _) = pair(Inviter::default(), PATIENCE, async |_, guest, address| {
        let inviter = identify(
            &guest.tls,
            Reach::Everywhere,
            &address.to_string(),
            PATIENCE,
        )
        .await
        .expect("an inviter");
        inviter
            .verify(approve)
            .expect("approved")
            .0
            .reply(reply)
            .await
    })
    .await;
    assert!(
        matches!(found, Err(PairError::ReplyTooLong { .. })),
        "{found:?}"
    );
    assert!(inviter.asked().is_empty());

    let lengths = [
        bounds::PAIRING_REPLY_BYTES_MAX + 1,
        bounds::PAIRING_REPLY_BYTES_MAX * 4,
    ];
    for length in lengths {
        let (_, inviter, _) = pair(Inviter::default(), PATIENCE, async |_, guest, address| {
            let (mut caller, _tasks) = hand_made(guest, address).await;
            let reply = vec![b'x'; length];
            let answer = caller.reply(proto::ReplyRequest { reply }).await;
            let accepted = answer.is_ok_and(|answer| {
                use proto::reply_response::Outcome;
                matches!(answer.into_inner().outcome, Some(Outcome::Accepted(_)))
            });
            assert!(!accepted);
        })
        .await;
        assert!(inviter.asked().is_empty());
    }
}

async fn hand_made(
    guest: &Org,
    address: SocketAddr,
) -> (PairingServiceClient<http2::Caller>, http2::TasksOwner) {
    let config = guest.tls.pairing_client().expect("a configuration");
    let stream = raw::connect(config, address).await.expect("TLS");
    let (caller, tasks) = raw::caller(stream).await;
    let origin = http::Uri::from_static("http://foedus.invalid");
    (PairingServiceClient::with_origin(caller, origin), tasks)
}

#[tokio::test]
async fn a_connection_takes_one_reply() {
    let ((), inviter, _) = pair(Inviter::default(), PATIENCE, async |_, guest, address| {
        let (mut caller, _tasks) = hand_made(guest, address).await;
        let reply = |text: &[u8]| proto::ReplyRequest {
            reply: text.to_vec(),
        };
        caller.reply(reply(b"first")).await.expect("answered");
        caller.reply(reply(b"second")).await.expect_err("refused");
        caller
            .identify(proto::IdentifyRequest {})
            .await
            .expect("answered");
        caller
            .identify(proto::IdentifyRequest {})
            .await
            .expect_err("refused");
    })
    .await;
    assert_eq!(inviter.asked().len(), 1);
}

#[tokio::test]
async fn a_pairing_connection_has_a_time_limit_at_both_ends() {
    let short = Duration::from_millis(200);
    let inviter = Inviter {
        hangs: true,
        ..Inviter::default()
    };
    let (found, _, _) = pair(inviter, short, async |_, guest, address| {
        let inviter = identify(
            &guest.tls,
            Reach::Everywhere,
            &address.to_string(),
            PATIENCE,
        )
        .await
        .expect("an inviter");
        inviter
            .verify(approve)
            .expect("approved")
            .0
            .reply(b"reply".to_vec())
            .await
    })
    .await;
    assert!(matches!(found, Err(PairError::Call(_))), "{found:?}");

    let inviter = Inviter {
        hangs: true,
        ..Inviter::default()
    };
    let (found, _, _) = pair(inviter, PATIENCE, async |_, guest, address| {
        let inviter = identify(&guest.tls, Reach::Everywhere, &address.to_string(), short)
            .await
            .expect("an inviter");
        inviter
            .verify(approve)
            .expect("approved")
            .0
            .reply(b"reply".to_vec())
            .await
    })
    .await;
    assert!(matches!(found, Err(PairError::Timeout)), "{found:?}");
}

#[tokio::test]
async fn a_partner_may_pair_and_a_stranger_may_not_link() {
    let (acme, globex) = partners();
    let mut listening = listen(&globex).await;
    let config = acme.tls.pairing_client().expect("a configuration");
    let _stream = raw::connect(config, listening.address).await.expect("TLS");
    assert_eq!(listening.pairing().await.key, acme.tls.key());
}

#[tokio::test]
async fn who_announces_itself_is_heard_once_with_the_key_that_was_proved() {
    let identity = vec![b"identity 1".to_vec(), b"identity 2".to_vec()];
    let said = identity.clone();
    let (_, inviter, guest) = pair(Inviter::default(), PATIENCE, async |_, guest, address| {
        let inviter = identify(
            &guest.tls,
            Reach::Everywhere,
            &address.to_string(),
            PATIENCE,
        )
        .await
        .expect("somebody");
        let (verified, _) = inviter.verify(approve).expect("approved");
        verified.announce(said).await.expect("an answer")
    })
    .await;
    let announced = inviter
        .announced
        .lock()
        .expect("no test panics here")
        .clone();
    assert_eq!(announced, [(guest, identity)]);

    // More notes than a chain has are not even looked at, and the answer is the same; the second is one too many.
    let (answers, inviter, _) = pair(Inviter::default(), PATIENCE, async |_, guest, address| {
        let (mut caller, _tasks) = hand_made(guest, address).await;
        let mut answers = Vec::new();
        for count in [9, 1] {
            let identity = vec![b"identity".to_vec(); count];
            let answer = caller.announce(proto::AnnounceRequest { identity }).await;
            answers.push(answer.is_ok());
        }
        answers
    })
    .await;
    assert_eq!(answers, [true, false]);
    assert!(
        inviter
            .announced
            .lock()
            .expect("no test panics here")
            .is_empty()
    );
}
