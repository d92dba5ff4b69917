//! What a stranger can ask of us: who we are, and to take note of an answer to an invitation.
//!
//! Whatever is wrong with an answer, the stranger hears the same word.

use std::sync::{Mutex, PoisonError};

use foedus_federation::key::VerifyingKey;
use foedus_federation::org::Refused;
use foedus_federation::pairing::PairingReply;
use foedus_federation::transport::{PairingHost, PairingRefusal, ReplyAccepted};

use crate::bounds::PAIRING_REPLIES_PER_MINUTE_MAX;
use crate::runtime::Runtime;

const MINUTE_MILLIS: u64 = 60_000;

/// The inviter's side of pairing.
pub(super) struct Host {
    runtime: Runtime,
    window: Mutex<Window>,
}

/// Replies within the present minute.
#[derive(Default)]
struct Window {
    began_steady_millis: u64,
    replies: u32,
}

impl Window {
    fn admits(&mut self, steady_millis: u64) -> bool {
        if steady_millis.saturating_sub(self.began_steady_millis) >= MINUTE_MILLIS {
            *self = Self {
                began_steady_millis: steady_millis,
                replies: 0,
            };
        }
        self.replies = self.replies.saturating_add(1);
        self.replies <= PAIRING_REPLIES_PER_MINUTE_MAX
    }
}

impl Host {
    pub(super) fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            window: Mutex::default(),
        }
    }

    fn admits(&self) -> bool {
        let steady_millis = self.runtime.now().steady_millis;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.admits(steady_millis)
    }
}

impl PairingHost for Host {
    async fn identify(&self) -> Vec<Vec<u8>> {
        let snapshot = self.runtime.snapshot();
        let us = snapshot.org();
        us.and_then(|us| snapshot.identity_bytes(us))
            .unwrap_or_default()
    }

    async fn reply(
        &self,
        peer: VerifyingKey,
        reply: Vec<u8>,
    ) -> Result<ReplyAccepted, PairingRefusal> {
        if !self.admits() {
            self.runtime.metrics().reject_counted("pairing_busy");
            return Err(PairingRefusal::Busy);
        }
        let refused = || {
            self.runtime.metrics().reject_counted("pairing_refused");
            PairingRefusal::Refused
        };
        let text = String::from_utf8(reply).map_err(|_| refused())?;
        // Signatures are checked away from the tasks that move frames.
        let parsed = tokio::task::spawn_blocking(move || PairingReply::parse(&text)).await;
        let reply = parsed
            .expect("reading a reply does not panic")
            .map_err(|_| refused())?;
        // Who sends it must be who signed it, not somebody who saw it on the way.
        if reply.identity().current().link != peer {
            return Err(refused());
        }
        match self.runtime.record_reply(reply).await {
            Ok(partner) => {
                tracing::info!(%partner, "an invitation was answered");
                let snapshot = self.runtime.snapshot();
                let note = snapshot.org().and_then(|us| snapshot.endpoints.get(&us));
                Ok(ReplyAccepted {
                    endpoints: note.map_or_else(Vec::new, |note| note.bytes().to_vec()),
                })
            }
            Err(Refused::Denied(_)) => Err(refused()),
            Err(Refused::Failed(_)) => Err(PairingRefusal::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_beyond_the_most_of_a_minute_are_put_off() {
        let mut window = Window::default();
        let admitted = (0..1000).filter(|_| window.admits(5)).count();
        assert_eq!(admitted, PAIRING_REPLIES_PER_MINUTE_MAX as usize);
        assert!(!window.admits(MINUTE_MILLIS - 1));
        assert!(window.admits(MINUTE_MILLIS));
    }
}
