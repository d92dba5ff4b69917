//! What a link has to say to channels and the organisation, in order, and no more of it than there is room for.

use std::collections::VecDeque;

use foedus_federation::channel;
use foedus_federation::org;
use foedus_policy::id::ChannelId;

use crate::runtime::{Held, Runtime};

/// One message.
pub(super) enum Message {
    Channel(ChannelId, Box<channel::Input>),
    Org(Box<org::Input>),
}

/// What could not be said at once. While anything waits, no further frame of the partner is taken, so this stays as
/// small as what one frame leads to.
pub(super) struct Delivery {
    runtime: Runtime,
    waiting: VecDeque<(Message, Held)>,
}

impl Delivery {
    pub(super) fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Says it now if there is room, and otherwise keeps it. `held` is what the frame that led to it holds of what the
    /// partner may have waiting.
    pub(super) fn say(&mut self, message: Message, held: Held) {
        if !self.waiting.is_empty() {
            self.waiting.push_back((message, held));
            return;
        }
        let unsaid = match message {
            Message::Channel(channel, input) => self
                .runtime
                .try_tell_channel(channel, *input, held.clone())
                .map(|unsaid| Message::Channel(channel, Box::new(unsaid))),
            Message::Org(input) => self
                .runtime
                .try_tell_org(*input, held.clone())
                .map(|unsaid| Message::Org(Box::new(unsaid))),
        };
        if let Some(unsaid) = unsaid {
            self.waiting.push_back((unsaid, held));
        }
    }

    /// Says the first of what waits as soon as there is room. May be dropped and called again: what was not said
    /// stays the first.
    pub(super) async fn say_next(&mut self) {
        let Some((first, _)) = self.waiting.front() else {
            return;
        };
        match first {
            Message::Channel(channel, _) => {
                let room = self.runtime.channel_room(*channel).await;
                if let Some((Message::Channel(_, input), held)) = self.waiting.pop_front()
                    && let Some(room) = room
                {
                    room.say(*input, held);
                }
            }
            Message::Org(_) => {
                let room = self.runtime.org_room().await;
                if let Some((Message::Org(input), held)) = self.waiting.pop_front()
                    && let Some(room) = room
                {
                    room.say(*input, held);
                }
            }
        }
    }

    /// The session is over: what it still had to say is said by the next one, from what is stored. Only that it is
    /// over has to be heard.
    pub(super) fn forget(&mut self) {
        self.waiting.retain(|(message, _)| match message {
            Message::Channel(_, input) => matches!(**input, channel::Input::PartnerDown(_)),
            Message::Org(_) => false,
        });
    }

    /// Says everything, however long it takes.
    pub(super) async fn flush(&mut self) {
        while !self.waiting.is_empty() {
            self.say_next().await;
        }
    }
}
