//! What a stranger can ask of us: who we are, and to take note of an answer to an invitation.
//!
//! Whatever is wrong with an answer, the stranger hears the same word.

use std::sync::{Mutex, PoisonError};

use foedus_federation::key::VerifyingKey;
use foedus_federation::org::Refused;
use foedus_federation::pairing::PairingReply;
use foedus_federation::transport::{PairingHost, PairingRefusal, ReplyAccepted};

use crate::bounds::PAIRING_REPLIES_PER_MINUTE_MAX;
use crate::per_minute::PerMinute;
use crate::runtime::Runtime;

/// The inviter's side of pairing.
pub(super) struct Host {
    runtime: Runtime,
    window: Mutex<PerMinute>,
}

impl Host {
    pub(super) fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            window: Mutex::new(PerMinute::new(PAIRING_REPLIES_PER_MINUTE_MAX)),
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
