//! Shares many channels with a partner: asked for and approved at one side, approved and joined at the other, as
//! people would, by the API.

use std::collections::BTreeMap;

use foedus_proto::api::v1;

use super::{Shared, Stage, each, found};
use crate::bench::bounds::{FOLLOWED_BY_ONE, SHARED_AT_A_TIME};
use crate::bench::failed::Failed;
use crate::harness::client::{Access, Client};
use crate::harness::two::{GLOBEX, PROJECT};

/// Who does what.
#[derive(Debug, Clone)]
struct People {
    /// A member of Acme, who asks.
    asks: Client,
    /// Acme's administrator.
    approves: Client,
    /// Globex's administrator.
    joins: Client,
}

/// Shares channels until there are so many.
pub fn share(stage: &mut Stage, channels: usize) -> Result<(), Failed> {
    let (member, administrator) = (&stage.acme.member, &stage.acme.administrator);
    let accesses = (
        member.clone(),
        administrator.clone(),
        stage.globex.administrator.clone(),
    );
    let people = stage.load.run(async move {
        Ok(People {
            asks: accesses.0.connect().await?,
            approves: accesses.1.connect().await?,
            joins: accesses.2.connect().await?,
        })
    })?;
    while stage.channels.len() < channels {
        let first = stage.channels.len();
        // A reader's channels are not to be more than it can follow.
        let reader = first / FOLLOWED_BY_ONE;
        let room = (reader + 1) * FOLLOWED_BY_ONE - first;
        let count = (channels - first).min(SHARED_AT_A_TIME).min(room);
        let name = reader_name(stage, reader)?;
        let places = first..first + count;
        let work = share_some(people.clone(), places.clone().collect(), name);
        stage.load.run(work)?;
        for place in places {
            let shared = names(place);
            stage.ledger.name_channel(&shared.far, place);
            stage.channels.push(shared);
        }
    }
    Ok(())
}

/// The member of Globex who follows, made if it is not there yet.
fn reader_name(stage: &mut Stage, reader: usize) -> Result<String, Failed> {
    if reader == 0 {
        return Ok(stage.two.globex.member.clone());
    }
    let name = format!("reader-{reader}");
    if stage.readers.len() == reader {
        let globex = &stage.two.globex;
        globex.administrator().must(&["member", "add", &name]);
        stage.readers.push(Access::of(globex, &name, &["read"]));
    }
    Ok(name)
}

fn names(place: usize) -> Shared {
    Shared {
        near: format!("channel-{place}"),
        far: format!("acme-channel-{place}"),
    }
}

async fn share_some(people: People, places: Vec<usize>, reader: String) -> Result<(), Failed> {
    let mut far_names = BTreeMap::new();
    for place in &places {
        let channel = ask(&people, *place).await?;
        far_names.insert(channel, names(*place).far);
    }
    let waiting = found("the requests to join", || {
        waiting(&people.joins, &far_names)
    })
    .await?;
    let joins = people.joins.clone();
    each(waiting.len(), |place| {
        let (number, channel) = waiting[place].clone();
        join(joins.clone(), number, channel, reader.clone())
    })
    .await?;
    let asks = people.asks.clone();
    each(places.len(), |place| {
        let (asks, channel) = (asks.clone(), names(places[place]).near);
        async move { found("a channel to be shared", || is_shared(&asks, &channel)).await }
    })
    .await
}

/// Opens a channel and asks to share it; the administrator approves. The channel's identifier.
async fn ask(people: &People, place: usize) -> Result<String, Failed> {
    let name = names(place).near;
    let create = v1::CreateChannelRequest {
        name: name.clone(),
        ..v1::CreateChannelRequest::default()
    };
    let created = people.asks.channels().create_channel(create).await?;
    let channel = created.into_inner().channel;
    let channel = channel.ok_or(Failed::Incomplete("its channel"))?.channel_id;
    let share = v1::ShareChannelRequest {
        channel: name,
        partner: GLOBEX.to_owned(),
        project: PROJECT.to_owned(),
        ..v1::ShareChannelRequest::default()
    };
    let asked = people
        .asks
        .channels()
        .share_channel(share)
        .await?
        .into_inner();
    let number = asked
        .request
        .ok_or(Failed::Incomplete("its request"))?
        .number;
    let approve = v1::ApproveRequestRequest {
        number,
        ..v1::ApproveRequestRequest::default()
    };
    people.approves.requests().approve_request(approve).await?;
    Ok(channel)
}

/// The requests to join these channels, with what each is to be called, once all are there.
async fn waiting(
    joins: &Client,
    far_names: &BTreeMap<String, String>,
) -> Result<Option<Vec<(u32, String)>>, Failed> {
    let list = v1::ListRequestsRequest {
        state: v1::RequestState::Waiting.into(),
        page_size: 100,
        ..v1::ListRequestsRequest::default()
    };
    let listed = joins.requests().list_requests(list).await?.into_inner();
    let ours = listed.requests.iter().filter_map(|request| {
        let name = far_names.get(&request.channel_id)?;
        Some((request.number, name.clone()))
    });
    let ours: Vec<(u32, String)> = ours.collect();
    Ok((ours.len() == far_names.len()).then_some(ours))
}

/// Says yes to a request, and puts the reader into the channel.
async fn join(joins: Client, number: u32, channel: String, reader: String) -> Result<(), Failed> {
    let approve = v1::ApproveRequestRequest {
        number,
        channel_name: channel.clone(),
        ..v1::ApproveRequestRequest::default()
    };
    joins.requests().approve_request(approve).await?;
    found("a channel that was joined", || is_shared(&joins, &channel)).await?;
    let add = v1::AddChannelMemberRequest {
        channel,
        member: reader,
        ..v1::AddChannelMemberRequest::default()
    };
    joins.channels().add_channel_member(add).await?;
    Ok(())
}

/// Whether a channel is open for all its organisations.
async fn is_shared(client: &Client, channel: &str) -> Result<Option<()>, Failed> {
    let get = v1::GetChannelRequest {
        channel: channel.to_owned(),
    };
    let shown = client.channels().get_channel(get).await?.into_inner();
    let shown = shown.channel.ok_or(Failed::Incomplete("its channel"))?;
    let agreed =
        shown.participants.len() == 2 && shown.participants.iter().all(|one| one.consented);
    let open = shown.state() == v1::ChannelState::Open && shown.shared && agreed;
    Ok(open.then_some(()))
}
