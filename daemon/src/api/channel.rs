//! `ChannelService`.

mod refused;

use foedus_policy::action::{Action, Actor, Outcome};
use foedus_policy::id::ChannelId;
use foedus_policy::state::Sharing;
use foedus_policy::vocabulary::EndCause;
use foedus_proto::api::v1;

use super::caller::{Caller, channel_reader, reader};
use super::member::unexpected;
use super::partner::handle_of;
use super::refusal::Refusal;
use super::{Api, Seen, page, parse, service};

impl Api {
    async fn create_channel(
        &self,
        caller: &Caller,
        request: v1::CreateChannelRequest,
    ) -> Result<v1::CreateChannelResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "channel.create",
            key,
            request,
            |api, caller, request| async move {
                let private = match request.visibility() {
                    v1::Visibility::Unspecified | v1::Visibility::Public => false,
                    v1::Visibility::Private => true,
                    v1::Visibility::Direct => {
                        return Err(Refusal::not_yet("direct channels", "open a private one"));
                    }
                };
                let action = Action::CreateChannel {
                    name: request.name.clone(),
                    topic: request.topic.clone(),
                    private,
                };
                let outcome = api.runtime().act(caller.actor, action).await?;
                let Outcome::ChannelCreated { channel, .. } = outcome else {
                    return Err(unexpected());
                };
                Ok(v1::CreateChannelResponse {
                    channel: Some(api.channel_now(&caller, channel).await),
                })
            },
        )
        .await
    }

    /// A channel as it is now, after something was done with it.
    async fn channel_now(&self, caller: &Caller, channel: ChannelId) -> v1::Channel {
        let view = self.view(channel).await.ok();
        let links = self.runtime().links();
        self.seen()
            .channel_message(channel, view.as_deref(), &links, &caller.actor)
    }

    async fn share_channel(
        &self,
        caller: &Caller,
        request: v1::ShareChannelRequest,
    ) -> Result<v1::ShareChannelResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "channel.share",
            key,
            request,
            |api, caller, request| async move {
                let action = share_action(&api.seen(), &caller.actor, &request)?;
                let channel = api.seen().channel(&caller.actor, &request.channel)?;
                let acted = api.runtime().act(caller.actor, action).await;
                let outcome = acted.map_err(|refused| {
                    refused::not_shared(&api.seen(), channel, &request, refused)
                })?;
                let Outcome::Requested { number } = outcome else {
                    return Err(unexpected());
                };
                Ok(v1::ShareChannelResponse {
                    request: Some(api.seen().request_message(number)),
                })
            },
        )
        .await
    }

    async fn list_channels(
        &self,
        caller: &Caller,
        request: v1::ListChannelsRequest,
    ) -> Result<v1::ListChannelsResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let with = match request.partner.is_empty() {
            true => None,
            false => Some(seen.partner(&request.partner)?),
        };
        let mut all: Vec<(&str, ChannelId, bool)> = seen
            .state()
            .channels()
            .iter()
            .filter(|(_, channel)| {
                request.include_ended || !(channel.is_ended(seen.now) || channel.archived)
            })
            .filter(|(_, channel)| match (with, &channel.sharing) {
                (None, _) => true,
                (Some(with), Sharing::Shared { participants, .. }) => {
                    participants.contains_key(&with)
                }
                (Some(_), _) => false,
            })
            .filter(|(id, _)| seen.can_find(&caller.actor, **id))
            .map(|(id, channel)| (channel.name.as_str(), *id, channel.is_shared()))
            .collect();
        let after = page::after("channels", &request.page_token)?;
        all.retain(|(name, _, _)| {
            after
                .as_ref()
                .is_none_or(|after| name.as_bytes() > after.as_slice())
        });
        all.sort_unstable();
        let links = self.runtime().links();
        let mut page = page::Page::new("channels", request.page_size);
        for (name, id, shared) in all {
            if page.is_full() {
                break;
            }
            // What the state does not say has a shared channel only; the others need not be loaded.
            let view = match shared {
                true => self.view(id).await.ok(),
                false => None,
            };
            let channel = seen.channel_message(id, view.as_deref(), &links, &caller.actor);
            page.push(name.as_bytes().to_vec(), channel);
        }
        Ok(v1::ListChannelsResponse {
            channels: page.items,
            next_page_token: page.next,
        })
    }

    async fn get_channel(
        &self,
        caller: &Caller,
        request: v1::GetChannelRequest,
    ) -> Result<v1::GetChannelResponse, Refusal> {
        reader(&caller.actor)?;
        let channel = self.seen().channel(&caller.actor, &request.channel)?;
        let view = self.view(channel).await?;
        let links = self.runtime().links();
        let seen = self.seen();
        Ok(v1::GetChannelResponse {
            channel: Some(seen.channel_message(channel, Some(&view), &links, &caller.actor)),
        })
    }

    async fn rename_channel(
        &self,
        caller: &Caller,
        request: v1::RenameChannelRequest,
    ) -> Result<v1::RenameChannelResponse, Refusal> {
        let channel = self.seen().channel(&caller.actor, &request.channel)?;
        let name = request.name;
        let action = Action::RenameChannel { channel, name };
        self.runtime().act(caller.actor, action).await?;
        Ok(v1::RenameChannelResponse {
            channel: Some(self.channel_now(caller, channel).await),
        })
    }

    async fn archive_channel(
        &self,
        caller: &Caller,
        request: v1::ArchiveChannelRequest,
    ) -> Result<v1::ArchiveChannelResponse, Refusal> {
        let channel = self.archive(caller, &request.channel, true).await?;
        Ok(v1::ArchiveChannelResponse {
            channel: Some(channel),
        })
    }

    async fn unarchive_channel(
        &self,
        caller: &Caller,
        request: v1::UnarchiveChannelRequest,
    ) -> Result<v1::UnarchiveChannelResponse, Refusal> {
        let channel = self.archive(caller, &request.channel, false).await?;
        Ok(v1::UnarchiveChannelResponse {
            channel: Some(channel),
        })
    }

    async fn archive(
        &self,
        caller: &Caller,
        channel: &str,
        archived: bool,
    ) -> Result<v1::Channel, Refusal> {
        let channel = self.seen().channel(&caller.actor, channel)?;
        let action = Action::ArchiveChannel { channel, archived };
        let acted = self.runtime().act(caller.actor, action).await;
        acted.map_err(|refused| refused::not_archived(&self.seen(), channel, refused))?;
        Ok(self.channel_now(caller, channel).await)
    }

    async fn join_channel(
        &self,
        caller: &Caller,
        request: v1::JoinChannelRequest,
    ) -> Result<v1::JoinChannelResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "channel.join",
            key,
            request,
            |api, caller, request| async move {
                let channel = api.seen().channel(&caller.actor, &request.channel)?;
                api.runtime()
                    .act(caller.actor, Action::JoinChannel { channel })
                    .await?;
                Ok(v1::JoinChannelResponse {
                    channel: Some(api.channel_now(&caller, channel).await),
                })
            },
        )
        .await
    }

    async fn leave_channel(
        &self,
        caller: &Caller,
        request: v1::LeaveChannelRequest,
    ) -> Result<v1::LeaveChannelResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "channel.leave",
            key,
            request,
            |api, caller, request| async move {
                let channel = api.seen().channel(&caller.actor, &request.channel)?;
                api.runtime()
                    .act(caller.actor, Action::LeaveChannel { channel })
                    .await?;
                Ok(v1::LeaveChannelResponse {
                    channel: Some(api.channel_now(&caller, channel).await),
                })
            },
        )
        .await
    }

    async fn add_channel_member(
        &self,
        caller: &Caller,
        request: v1::AddChannelMemberRequest,
    ) -> Result<v1::AddChannelMemberResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "channel.add",
            key,
            request,
            |api, caller, request| async move {
                let seen = api.seen();
                let channel = seen.channel(&caller.actor, &request.channel)?;
                let member = seen.member(&request.member)?;
                let action = Action::AddChannelMember { channel, member };
                api.runtime().act(caller.actor, action).await?;
                Ok(v1::AddChannelMemberResponse {
                    channel: Some(api.channel_now(&caller, channel).await),
                })
            },
        )
        .await
    }

    async fn withdraw_from_channel(
        &self,
        caller: &Caller,
        request: v1::WithdrawFromChannelRequest,
    ) -> Result<v1::WithdrawFromChannelResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "channel.withdraw",
            key,
            request,
            |api, caller, request| async move {
                let (cause, preview) = (EndCause::Withdrawal, request.preview);
                Ok(v1::WithdrawFromChannelResponse {
                    channel: Some(
                        api.end_channel(&caller, &request.channel, cause, preview)
                            .await?,
                    ),
                })
            },
        )
        .await
    }

    async fn terminate_channel(
        &self,
        caller: &Caller,
        request: v1::TerminateChannelRequest,
    ) -> Result<v1::TerminateChannelResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "channel.terminate",
            key,
            request,
            |api, caller, request| async move {
                let (cause, preview) = (EndCause::Termination, request.preview);
                Ok(v1::TerminateChannelResponse {
                    channel: Some(
                        api.end_channel(&caller, &request.channel, cause, preview)
                            .await?,
                    ),
                })
            },
        )
        .await
    }

    /// Ends a channel for this organisation, and shows it as it is then. One that was only about to be joined is
    /// gone by that, and is shown as it was.
    async fn end_channel(
        &self,
        caller: &Caller,
        channel: &str,
        cause: EndCause,
        preview: bool,
    ) -> Result<v1::Channel, Refusal> {
        let channel = self.seen().channel(&caller.actor, channel)?;
        let before = self.channel_now(caller, channel).await;
        let action = Action::EndChannel { channel, cause };
        let acted = self.do_or_preview(caller, action, preview).await;
        acted.map_err(|refused| refused::not_ended(&self.seen(), channel, refused))?;
        if self.seen().state().channels().contains_key(&channel) {
            return Ok(self.channel_now(caller, channel).await);
        }
        Ok(v1::Channel {
            state: v1::ChannelState::Ended.into(),
            ..before
        })
    }

    async fn list_channel_members(
        &self,
        caller: &Caller,
        request: v1::ListChannelMembersRequest,
    ) -> Result<v1::ListChannelMembersResponse, Refusal> {
        let seen = self.seen();
        let channel = seen.channel(&caller.actor, &request.channel)?;
        channel_reader(seen.state(), &caller.actor, channel, seen.now)?;
        let view = self.view(channel).await?;
        let all = view
            .authors
            .iter()
            .filter(|(_, author)| author.joined)
            .map(|((org, author), known)| {
                let mut place = vec![u8::from(*org != view.us)];
                place.extend_from_slice(org.as_bytes());
                place.extend_from_slice(known.address.as_bytes());
                place.push(0);
                place.extend_from_slice(author.as_bytes());
                (place, (*org, *author, known.said.hlc))
            })
            .collect();
        let (members, next_page_token) = page::list(
            // A token of one channel stands for no place in another.
            &format!("channel members {channel}"),
            request.page_size,
            &request.page_token,
            all,
            |(org, author, joined)| v1::ChannelMember {
                author: Some(seen.author(&view, org, author)),
                joined_at: super::show::time(joined.wall()),
            },
        )?;
        Ok(v1::ListChannelMembersResponse {
            members,
            next_page_token,
        })
    }
}

fn share_action(
    seen: &Seen,
    actor: &Actor,
    request: &v1::ShareChannelRequest,
) -> Result<Action, Refusal> {
    if !matches!(request.access(), v1::Access::Unspecified | v1::Access::Full) {
        return Err(Refusal::not_yet("other access than full", "leave it out"));
    }
    if request.at_end() == v1::AtEnd::Erase {
        return Err(Refusal::not_yet(
            "erasing of a channel's history at its end",
            "leave it out",
        ));
    }
    if request.newcomers() == v1::Newcomers::All {
        return Err(Refusal::not_yet(
            "channels in which newcomers read what was written before they joined",
            "leave it out: they read what is written from then on",
        ));
    }
    if request.with_history {
        return Err(Refusal::not_yet(
            "sharing what was written before",
            "leave it out: what was written before stays here",
        ));
    }
    seen.may_be_a_partner(&request.partner)?;
    if request.project.is_empty() {
        return Err(Refusal::malformed(
            "PROJECT_NEEDED",
            "a channel is shared for a project",
            "name one with `--project`; it begins when there is none of that name",
        ));
    }
    Ok(Action::ShareChannel {
        channel: seen.channel(actor, &request.channel)?,
        partner: handle_of(seen, &request.partner)?,
        project: request.project.clone(),
        ends: parse::ends(request.ends_at, request.no_end)?,
        capabilities: parse::capabilities(&request.capabilities)?,
        history: false,
        purpose: request.purpose.clone(),
    })
}

service!(v1::channel_service_server::ChannelService {
    create_channel: CreateChannelRequest => CreateChannelResponse,
    share_channel: ShareChannelRequest => ShareChannelResponse,
    list_channels: ListChannelsRequest => ListChannelsResponse,
    get_channel: GetChannelRequest => GetChannelResponse,
    rename_channel: RenameChannelRequest => RenameChannelResponse,
    archive_channel: ArchiveChannelRequest => ArchiveChannelResponse,
    unarchive_channel: UnarchiveChannelRequest => UnarchiveChannelResponse,
    join_channel: JoinChannelRequest => JoinChannelResponse,
    leave_channel: LeaveChannelRequest => LeaveChannelResponse,
    add_channel_member: AddChannelMemberRequest => AddChannelMemberResponse,
    withdraw_from_channel: WithdrawFromChannelRequest => WithdrawFromChannelResponse,
    terminate_channel: TerminateChannelRequest => TerminateChannelResponse,
    list_channel_members: ListChannelMembersRequest => ListChannelMembersResponse,
});
