//! Which channels of a stream to look at: those in which something happened, and not all of them.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use foedus_federation::channel::ChannelView;
use foedus_policy::id::ChannelId;
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;

/// A channel's view, as it is and as it changes.
pub(super) type View = watch::Receiver<Arc<ChannelView>>;

/// A view changed.
pub(super) struct Wake {
    pub(super) channel: ChannelId,
    /// Of which lane.
    pub(super) number: u64,
    /// The view; none if the channel was let go of.
    pub(super) view: Option<View>,
}

/// The views of a stream's channels, each awaited once.
#[derive(Default)]
pub(super) struct Wakes {
    awaited: FuturesUnordered<Pin<Box<dyn Future<Output = Wake> + Send>>>,
    /// Channels that may have something to tell.
    pub(super) woken: BTreeSet<ChannelId>,
}

impl Wakes {
    /// Wakes a channel now, and when its view has changed since it was seen.
    pub(super) fn watch(&mut self, channel: ChannelId, number: u64, mut view: View) {
        self.woken.insert(channel);
        self.awaited.push(Box::pin(async move {
            let changed = view.changed().await;
            Wake {
                channel,
                number,
                view: changed.is_ok().then_some(view),
            }
        }));
    }

    /// The next view that changes; if there are none, never.
    pub(super) async fn next(&mut self) -> Wake {
        match self.awaited.next().await {
            Some(wake) => wake,
            None => std::future::pending().await,
        }
    }

    /// A view that changed already.
    pub(super) fn ready(&mut self) -> Option<Wake> {
        self.awaited.next().now_or_never().flatten()
    }
}
