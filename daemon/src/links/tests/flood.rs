//! A partner that sends more than the protocol's credit allows: what it may have waiting here is bounded in bytes, and
//! given back when what it led to is durable.

use std::sync::Arc;
use std::time::Duration;

use foedus_federation::channel::{Input, ReplyTo, Request, Text, Verb};
use foedus_federation::frame::{Ack, Frame};
use foedus_federation::transport::Received;
use foedus_policy::id::ChannelId;
use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, mpsc};

use super::world::*;
use crate::bounds::{FRAME_COUNTED_BYTES_MIN, LINK_INBOUND_BYTES_MAX};
use crate::links::frames::{Frames, Inbound};
use crate::runtime::Held;

const FEW: usize = 4;

#[tokio::test]
async fn no_frame_is_looked_at_before_there_is_room_for_it() {
    let acme = Org::new("acme.example", None).await;
    let (sender, receiver) = mpsc::channel(100);
    let room = Arc::new(Semaphore::new(FEW * FRAME_COUNTED_BYTES_MIN as usize));
    let mut frames = Frames::new(
        receiver,
        Received::default(),
        acme.runtime.org(),
        room.clone(),
    );
    for number in 0..20 {
        let ack = Ack {
            channel: ChannelId([1; 32]),
            number,
            void: 0,
            withheld: 0,
        };
        sender.try_send(Ok(Frame::Ack(ack))).expect("room");
    }
    let mut taken = Vec::new();
    for _ in 0..FEW {
        match within("a frame", frames.next()).await {
            Some(Inbound::Frame(_, held)) => taken.push(held),
            _ => panic!("a frame is evidence"),
        }
    }
    assert!(
        frames.next().now_or_never().is_none(),
        "nothing is given back"
    );
    assert_eq!(sender.capacity(), 100 - 20 + FEW + 1, "one is at the door");
    taken.pop();
    let next = within("room", frames.next()).await;
    assert!(next.is_some());
    assert!(
        frames.next().now_or_never().is_none(),
        "it holds what was given back"
    );
    drop(next);
    assert!(within("room", frames.next()).await.is_some());
}

/// What is sent beside frames, or in one that never ends, is paid for like frames.
#[tokio::test]
async fn whatever_comes_is_counted() {
    let acme = Org::new("acme.example", None).await;
    let (sender, receiver) = mpsc::channel(1);
    let room = Arc::new(Semaphore::new(LINK_INBOUND_BYTES_MAX));
    let received = Received::default();
    let mut frames = Frames::new(receiver, received.clone(), acme.runtime.org(), room);
    received.count(100_000);
    assert!(frames.next().now_or_never().is_none());
    assert_eq!(frames.take_bytes(), 100_000);
    // A small frame costs more than its bytes, and nothing is paid for twice.
    received.count(6);
    let asked = Frame::UnknownCursor(ChannelId([1; 32]));
    sender.try_send(Ok(asked)).expect("room");
    assert!(within("a frame", frames.next()).await.is_some());
    received.count(1_000);
    assert_eq!(frames.take_bytes(), 1_006);
    sender
        .try_send(Ok(Frame::UnknownCursor(ChannelId([1; 32]))))
        .expect("room");
    assert!(within("a frame", frames.next()).await.is_some());
    sender
        .try_send(Ok(Frame::UnknownCursor(ChannelId([1; 32]))))
        .expect("room");
    assert!(within("a frame", frames.next()).await.is_some());
    assert_eq!(frames.take_bytes(), FRAME_COUNTED_BYTES_MIN);
}

fn posts(count: usize, text: &str) -> Verb {
    let text = Text {
        text: text.to_owned(),
        reply_to: None,
    };
    Verb::Post(vec![text; count])
}

fn hold(room: &Arc<Semaphore>) -> Held {
    let permit = room.clone().try_acquire_owned();
    Some(Arc::new(permit.expect("there is room")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_holds_its_room_until_it_is_durable() {
    let acme = Org::new("acme.example", None).await;
    let anna = acme.member("anna").await;
    let (_, _, channel) = invite(&acme, anna, None).await;
    let runtime = &acme.runtime;
    assert!(runtime.view(channel).await.is_some());
    let room = Arc::new(Semaphore::new(FEW));
    acme.engine.set_hangs(true);
    let post = |number: u64| Input::Request {
        reply: ReplyTo(u64::MAX - number),
        actor: as_member(anna),
        request: Request {
            verb: posts(1, "a word"),
            idempotency: None,
            entropy: [7; 32],
        },
    };
    for number in 0..FEW as u64 {
        let unsaid = runtime.try_tell_channel(channel, post(number), hold(&room));
        assert!(unsaid.is_none(), "there is room in its queue");
    }
    // Whether it waits in the queue or is under way by now, none of it is durable.
    let early = room.acquire_many(1);
    let early = tokio::time::timeout(Duration::from_millis(100), early).await;
    assert!(early.is_err(), "room was given back too early");
    acme.engine.set_hangs(false);
    let all = room.acquire_many(FEW as u32);
    let all = within("all of it to be given back", all).await;
    assert!(all.is_ok());
}

/// More than what may wait at a time, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_back_can_be_used_again() {
    let shared = shared(None).await;
    let Shared {
        acme,
        globex,
        channel,
        anna,
        ..
    } = &shared;
    let (list, long) = (50, "x".repeat(4_000));
    let mut last = None;
    for _ in 0..LINK_INBOUND_BYTES_MAX / (list * long.len()) + 4 {
        let request = Request {
            verb: posts(list, &long),
            idempotency: None,
            entropy: [0; 32],
        };
        let posted = acme.runtime.request(*channel, as_member(*anna), request);
        last = Some(posted.await.expect("posted").first);
    }
    let last = last.expect("many");
    globex
        .sees(*channel, "the last of them", |view| holds(view, last))
        .await;
}
