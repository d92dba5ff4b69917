//! The load: a member of one organisation who posts, in each of the ways that programs post.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use foedus_proto::api::v1;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::ReceiverStream;

use super::bounds::{ARRIVAL_MAX, LIST_MESSAGES, LISTS_QUEUED, LOAD_MAX};
use super::failed::Failed;
use super::follower;
use super::ledger::{Ledger, message};
use crate::harness::client::{Access, Client};

/// Who posts where, and the ledger that knows.
#[derive(Debug, Clone)]
pub struct Load {
    /// The member's way to the daemon.
    pub client: Client,
    /// The channels, as this organisation calls them; the load goes round.
    pub channels: Arc<Vec<String>>,
    /// What was posted.
    pub ledger: Arc<Ledger>,
}

impl Load {
    /// Calls `Post`, `in_flight` at a time.
    pub async fn post(self, messages: u64, in_flight: usize) -> Result<(), Failed> {
        let left = Arc::new(AtomicU64::new(messages));
        let until = Instant::now() + LOAD_MAX;
        let mut callers = JoinSet::new();
        for _ in 0..in_flight {
            let (load, left) = (self.clone(), Arc::clone(&left));
            callers.spawn(async move {
                let one_less = |left: u64| left.checked_sub(1);
                while Instant::now() < until
                    && left
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                        .is_ok()
                {
                    load.post_one(load.ledger.next()).await?;
                }
                Ok(())
            });
        }
        all(callers).await
    }

    /// Calls `Post`, one every `pace`, whether or not the ones before are answered. When each was called.
    pub async fn post_paced(
        self,
        messages: u64,
        pace: Duration,
    ) -> Result<Vec<(u64, Instant)>, Failed> {
        let mut ticks = tokio::time::interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut callers = JoinSet::new();
        let mut called = Vec::new();
        for _ in 0..messages {
            ticks.tick().await;
            let (load, number) = (self.clone(), self.ledger.next());
            called.push((number, Instant::now()));
            callers.spawn(async move { load.post_one(number).await });
        }
        all(callers).await?;
        Ok(called)
    }

    /// Calls `Post`, the next when the far subscriber has the last, and puts what arrives into the ledger. One thread
    /// does both, so that nothing is handed over that an integrator would not hand over either. How long each took, in
    /// microseconds.
    pub async fn post_in_turn(
        self,
        messages: u64,
        far: Access,
        far_channel: String,
    ) -> Result<Vec<f64>, Failed> {
        let mut stream = follower::subscribe(&far, far_channel).await?;
        let until = Instant::now() + LOAD_MAX;
        let mut took = Vec::new();
        for _ in 0..messages {
            let began = Instant::now();
            if began >= until {
                break;
            }
            let arrives = async {
                loop {
                    let list = stream.message().await?.ok_or(Failed::StreamEnded)?;
                    let arrived = has_message(&list);
                    follower::take(&self.ledger, list);
                    if arrived {
                        return Ok::<(), Failed>(());
                    }
                }
            };
            let number = self.ledger.next();
            let turn = async { tokio::try_join!(self.post_one(number), arrives) };
            tokio::time::timeout(ARRIVAL_MAX, turn)
                .await
                .map_err(|_| Failed::Waited {
                    what: "the far subscriber to have a message",
                    within: ARRIVAL_MAX,
                })??;
            took.push(began.elapsed().as_secs_f64() * 1e6);
        }
        Ok(took)
    }

    /// Sends lists over one `PostMany`, each to the next channel.
    pub async fn post_many(self, messages: u64) -> Result<(), Failed> {
        let (lists, receiver) = mpsc::channel(LISTS_QUEUED);
        let writer = tokio::spawn(self.clone().write_lists(messages, lists));
        let mut service = self.client.messages();
        let lists = ReceiverStream::new(receiver);
        let mut answers = service.post_many(lists).await?.into_inner();
        let mut answered = 0;
        while let Some(answer) = answers.message().await? {
            let list = answer.list_number;
            let sent = list_length(messages, list);
            if answer.entry_refs.len() != sent {
                return Err(Failed::List {
                    list,
                    sent,
                    posted: answer.entry_refs.len(),
                });
            }
            answered += 1;
        }
        let sent = writer.await.map_err(|_| Failed::Panicked)?;
        match answered == sent {
            true => Ok(()),
            false => Err(Failed::Unanswered { sent, answered }),
        }
    }

    /// How many lists it has sent at the end.
    async fn write_lists(self, messages: u64, lists: mpsc::Sender<v1::PostManyRequest>) -> u64 {
        let until = Instant::now() + LOAD_MAX;
        let mut list_number = 0;
        while Instant::now() < until {
            let length = list_length(messages, list_number);
            if length == 0 {
                break;
            }
            let place = list_number as usize % self.channels.len();
            let posts = (0..length).map(|_| v1::NewPost {
                text: message(self.ledger.next(), place),
                reply_to: String::new(),
            });
            let list = v1::PostManyRequest {
                channel: self.channels[place].clone(),
                posts: posts.collect(),
                idempotency_key: String::new(),
                list_number,
            };
            // The other end is gone when the call failed, which its reader tells.
            if lists.send(list).await.is_err() {
                break;
            }
            list_number += 1;
        }
        list_number
    }

    /// Posts one message in the channel that is its turn.
    async fn post_one(&self, number: u64) -> Result<(), Failed> {
        let place = number as usize % self.channels.len();
        let request = v1::PostRequest {
            channel: self.channels[place].clone(),
            text: message(number, place),
            ..v1::PostRequest::default()
        };
        self.client.messages().post(request).await?;
        Ok(())
    }
}

/// Messages in the list of this number, when `messages` go into full lists.
fn list_length(messages: u64, list_number: u64) -> usize {
    let size = LIST_MESSAGES as u64;
    let left = messages.saturating_sub(list_number * size);
    usize::try_from(left.min(size)).expect("at most the size of a list")
}

fn has_message(list: &v1::SubscribeResponse) -> bool {
    let mut items = list.items.iter().filter_map(|item| item.item.as_ref());
    items.any(|item| match item {
        v1::subscribe_item::Item::Event(event) => event.kind() == v1::EventKind::Posted,
        _ => false,
    })
}

/// Waits for all, and fails with the first that failed.
async fn all(mut tasks: JoinSet<Result<(), Failed>>) -> Result<(), Failed> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|_| Failed::Panicked)??;
    }
    Ok(())
}
