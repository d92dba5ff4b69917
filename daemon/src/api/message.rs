//! `MessageService`: writing. Reading is in `history` and `subscribe`.

use std::pin::Pin;
use std::time::Instant;

use foedus_federation::bounds::{POST_TEXTS_MAX, TEXT_BYTES_MAX};
use foedus_federation::channel::{self, Posted, Request, Text, Verb};
use foedus_federation::org;
use foedus_policy::decide::origin_allowed;
use foedus_policy::id::{ChannelId, EntryRef, OrgId};
use foedus_policy::reason::Reason;
use foedus_policy::state::Sharing;
use foedus_proto::api::v1;
use futures_util::{Stream, StreamExt as _, stream};
use tonic::{Response, Status, Streaming};

use super::caller::Caller;
use super::partner::refused::names_whom;
use super::refusal::Refusal;
use super::{Api, Seen, parse, service, show};
use crate::bounds::api::POST_LISTS_UNDER_WAY_MAX;

/// What a stream sends.
pub(super) type Sent<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Seen {
    /// Where somebody in the channel is kept out here, with who that is.
    fn not_written(&self, channel: ChannelId, reason: Reason) -> Refusal {
        let known = self.state().channels().get(&channel);
        let participants = match known.map(|known| &known.sharing) {
            Some(Sharing::Shared { participants, .. }) => participants,
            _ => return reason.into(),
        };
        let kept_out = |org: &&OrgId| origin_allowed(self.state(), **org) == Err(reason);
        match participants.keys().find(kept_out) {
            Some(org) => names_whom(org::Refused::Denied(reason), &self.handle(*org)),
            None => reason.into(),
        }
    }
}

impl Api {
    /// Hands a request to its channel, in the caller's name.
    async fn write(
        &self,
        caller: &Caller,
        channel: ChannelId,
        verb: Verb,
        key: &str,
    ) -> Result<Posted, Refusal> {
        super::repeat::check_key(key)?;
        let request = Request {
            verb,
            idempotency: Some(key.to_owned()).filter(|key| !key.is_empty()),
            // The runtime draws it.
            entropy: [0; 32],
        };
        let posted = self.runtime().request(channel, caller.actor, request).await;
        posted.map_err(|refused| match refused {
            channel::Refused::Denied(reason) => self.seen().not_written(channel, reason),
            refused => refused.into(),
        })
    }

    async fn post(
        &self,
        caller: &Caller,
        request: v1::PostRequest,
    ) -> Result<v1::PostResponse, Refusal> {
        let channel = self.seen().channel(&caller.actor, &request.channel)?;
        let text = Text {
            text: check_text(request.text)?,
            reply_to: parse::entry_or_none(&request.reply_to)?,
        };
        let verb = Verb::Post(vec![text]);
        let posted = self
            .write(caller, channel, verb, &request.idempotency_key)
            .await?;
        Ok(v1::PostResponse {
            entry_ref: parse::entry_text(posted.first),
            signed_at: show::time(posted.hlc.wall()),
        })
    }

    async fn edit(
        &self,
        caller: &Caller,
        request: v1::EditRequest,
    ) -> Result<v1::EditResponse, Refusal> {
        let channel = self.seen().channel(&caller.actor, &request.channel)?;
        let verb = Verb::Edit {
            target: parse::entry(&request.entry_ref)?,
            text: check_text(request.text)?,
        };
        let posted = self
            .write(caller, channel, verb, &request.idempotency_key)
            .await?;
        Ok(v1::EditResponse {
            entry_ref: parse::entry_text(posted.first),
            signed_at: show::time(posted.hlc.wall()),
        })
    }

    async fn retract(
        &self,
        caller: &Caller,
        request: v1::RetractRequest,
    ) -> Result<v1::RetractResponse, Refusal> {
        let channel = self.seen().channel(&caller.actor, &request.channel)?;
        let verb = Verb::Retract {
            target: parse::entry(&request.entry_ref)?,
        };
        let posted = self
            .write(caller, channel, verb, &request.idempotency_key)
            .await?;
        Ok(v1::RetractResponse {
            entry_ref: parse::entry_text(posted.first),
            signed_at: show::time(posted.hlc.wall()),
        })
    }

    async fn react(
        &self,
        caller: &Caller,
        request: v1::ReactRequest,
    ) -> Result<v1::ReactResponse, Refusal> {
        let channel = self.seen().channel(&caller.actor, &request.channel)?;
        if emojis::get(&request.emoji).is_none() {
            return Err(Refusal::malformed(
                "EMOJI_INVALID",
                "a reaction is one emoji of Unicode",
                "give one emoji, such as \u{1f44d}",
            ));
        }
        let verb = Verb::React {
            target: parse::entry(&request.entry_ref)?,
            emoji: request.emoji,
            on: !request.remove,
        };
        let posted = self
            .write(caller, channel, verb, &request.idempotency_key)
            .await?;
        Ok(v1::ReactResponse {
            entry_ref: parse::entry_text(posted.first),
            signed_at: show::time(posted.hlc.wall()),
        })
    }

    /// Writes one list; refused as a whole or durable as a whole.
    async fn post_list(
        &self,
        mut caller: Caller,
        channel: &str,
        list: Vec<v1::NewPost>,
        key: &str,
    ) -> Result<Vec<String>, Refusal> {
        let seen = self.again(&mut caller)?;
        let channel = seen.channel(&caller.actor, channel)?;
        if list.is_empty() {
            return Err(Refusal::malformed(
                "LIST_EMPTY",
                "the list has no message",
                "say something",
            ));
        }
        if list.len() > POST_TEXTS_MAX {
            return Err(Refusal::malformed(
                "LIST_TOO_LONG",
                format!(
                    "a list has at most {POST_TEXTS_MAX} messages, found {}",
                    list.len()
                ),
                "send several lists",
            ));
        }
        let text = |post: v1::NewPost| {
            Ok(Text {
                text: check_text(post.text)?,
                reply_to: parse::entry_or_none(&post.reply_to)?,
            })
        };
        let texts: Vec<Text> = list.into_iter().map(text).collect::<Result<_, Refusal>>()?;
        let posted = self.write(&caller, channel, Verb::Post(texts), key).await?;
        let entry = |offset: u32| EntryRef {
            sequence: posted.first.sequence + u64::from(offset),
            ..posted.first
        };
        Ok((0..posted.count)
            .map(|offset| parse::entry_text(entry(offset)))
            .collect())
    }

    /// Some lists are under way at a time, so that they share commits; they are written and answered in their
    /// order.
    fn post_lists(
        self,
        caller: Caller,
        lists: Streaming<v1::PostManyRequest>,
    ) -> Sent<v1::PostManyResponse> {
        let stopping = self.runtime().stopping();
        let stopped = stopping.clone();
        let lists = stream::unfold((lists, String::new()), |(mut lists, channel)| async move {
            let list = match lists.message().await {
                Ok(Some(list)) => list,
                Ok(None) => return None,
                Err(status) => return Some((Err(status), (lists, channel))),
            };
            let channel = match list.channel.is_empty() {
                true => channel,
                false => list.channel.clone(),
            };
            Some((Ok((list, channel.clone())), (lists, channel)))
        });
        // What is under way is still answered.
        let deadline = caller.deadline;
        let end = async move {
            match deadline {
                Some(deadline) => tokio::select! {
                    () = stopping.cancelled() => {}
                    () = tokio::time::sleep_until(deadline.into()) => {}
                },
                None => stopping.cancelled().await,
            }
        };
        let lists = lists.take_until(Box::pin(end));
        let answers = lists.map(move |list| {
            let (api, caller) = (self.clone(), caller.clone());
            async move {
                let (list, channel) = list
                    .map_err(|status| super::gate::explain(&status).map_or(status, Status::from))?;
                let v1::PostManyRequest {
                    channel: _,
                    posts,
                    idempotency_key,
                    list_number,
                } = list;
                let posted = api
                    .post_list(caller, &channel, posts, &idempotency_key)
                    .await;
                let (entry_refs, refusal) = match posted {
                    Ok(entry_refs) => (entry_refs, None),
                    Err(refusal) => (Vec::new(), Some(refusal.to_message())),
                };
                Ok(v1::PostManyResponse {
                    list_number,
                    entry_refs,
                    refusal,
                })
            }
        });
        let last_word = stream::iter([()]).filter_map(move |()| {
            let late = deadline.is_some_and(|deadline| deadline <= Instant::now());
            let refusal = match stopped.is_cancelled() {
                true => Some(Refusal::stopping()),
                false => late.then(Refusal::deadline),
            };
            std::future::ready(refusal.map(|refusal| Err(refusal.into())))
        });
        Box::pin(answers.buffered(POST_LISTS_UNDER_WAY_MAX).chain(last_word))
    }
}

/// Refuses what no charter allows before it reaches a channel.
fn check_text(text: String) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::malformed(
            "TEXT_EMPTY",
            "the text is empty",
            "say something",
        ));
    }
    if text.len() > TEXT_BYTES_MAX as usize {
        return Err(Refusal::malformed(
            "TEXT_TOO_LONG",
            format!(
                "a text has at most {TEXT_BYTES_MAX} bytes, found {}",
                text.len()
            ),
            "shorten it, or send it in parts",
        ));
    }
    Ok(text)
}

service!(v1::message_service_server::MessageService {
    post: PostRequest => PostResponse,
    edit: EditRequest => EditResponse,
    retract: RetractRequest => RetractResponse,
    react: ReactRequest => ReactResponse,
    list_history: ListHistoryRequest => ListHistoryResponse,
}
    type PostManyStream = Sent<v1::PostManyResponse>;
    type SubscribeStream = Sent<v1::SubscribeResponse>;

    async fn post_many(
        &self,
        request: tonic::Request<Streaming<v1::PostManyRequest>>,
    ) -> Result<Response<Self::PostManyStream>, Status> {
        let (caller, lists) = super::taken(request)?;
        Ok(Response::new(self.clone().post_lists(caller, lists)))
    }

    async fn subscribe(
        &self,
        request: tonic::Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let (caller, request) = super::taken(request)?;
        let stream = self.clone().follow(caller, request).await?;
        Ok(Response::new(stream))
    }
);
