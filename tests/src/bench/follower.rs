//! The far subscriber: a member of the other organisation that follows its channels and puts what arrives into the
//! ledger.

use std::sync::Arc;
use std::time::Instant;

use foedus_proto::api::v1;
use foedus_proto::api::v1::subscribe_item::Item;
use tokio::task::JoinHandle;
use tonic::Streaming;

use super::failed::Failed;
use super::ledger::Ledger;
use super::role::Role;
use crate::harness::client::Access;

/// A subscription under way. It ends when this is dropped.
#[derive(Debug)]
pub struct Follower(JoinHandle<()>);

impl Follower {
    /// Follows one channel, or all that the member is in, from now on. Returns when the daemon has said where that is.
    pub fn begin(
        role: &Role,
        access: &Access,
        channel: Option<&str>,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, Failed> {
        let access = access.clone();
        let channel = channel.unwrap_or_default().to_owned();
        let mut stream = role.run(async move { subscribe(&access, channel).await })?;
        let ledger = Arc::clone(ledger);
        Ok(Self(role.spawn(async move {
            let failed = loop {
                match stream.message().await {
                    Ok(Some(list)) => take(&ledger, list),
                    Ok(None) => break Failed::StreamEnded,
                    Err(status) => break status.into(),
                }
            };
            ledger.fail(failed);
        })))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Subscribes, and reads the first list, which says where the stream begins.
pub async fn subscribe(
    access: &Access,
    channel: String,
) -> Result<Streaming<v1::SubscribeResponse>, Failed> {
    let client = access.connect().await?;
    let request = v1::SubscribeRequest {
        channel,
        ..v1::SubscribeRequest::default()
    };
    let mut stream = client.messages().subscribe(request).await?.into_inner();
    let first = stream.message().await?;
    first.ok_or(Failed::StreamEnded)?;
    Ok(stream)
}

/// Puts the messages of a list into the ledger; what else there is in a channel is not counted.
pub fn take(ledger: &Ledger, list: v1::SubscribeResponse) {
    let now = Instant::now();
    for item in list.items {
        if let Some(Item::Event(event)) = item.item
            && event.kind() == v1::EventKind::Posted
        {
            ledger.take(&event.channel_name, &event.text, now);
        }
    }
    ledger.grew();
}
