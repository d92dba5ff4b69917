//! What a stranger can ask of us: who we are, and to take note of an answer to an invitation, or of a partner's newest
//! keys.
//!
//! Whatever is wrong with an answer, the stranger hears the same word; and who announces itself hears nothing else
//! whether it is a partner or not.

use std::sync::{Arc, Mutex, PoisonError};

use foedus_federation::identity::IdentityChain;
use foedus_federation::key::VerifyingKey;
use foedus_federation::org::Refused;
use foedus_federation::pairing::PairingReply;
use foedus_federation::transport::{PairingHost, PairingRefusal, ReplyAccepted, Source};
use foedus_policy::action::Actor;
use foedus_policy::reason::Reason;

use crate::bounds::{
    ANNOUNCES_PER_MINUTE_MAX, ANNOUNCES_PER_SOURCE_PER_MINUTE_MAX, PAIRING_REPLIES_PER_MINUTE_MAX,
    PAIRING_REPLIES_PER_SOURCE_PER_MINUTE_MAX, PAIRING_SOURCES_MAX,
};
use crate::per_minute::PerMinuteOfEach;
use crate::runtime::Runtime;

/// The inviter's side of pairing, for all connections. Clones share what was counted.
#[derive(Clone)]
pub(super) struct Host {
    runtime: Runtime,
    window: Arc<Mutex<PerMinuteOfEach<Source>>>,
    announces: Arc<Mutex<PerMinuteOfEach<Source>>>,
}

/// For the connection of one stranger.
pub(super) struct HostOf {
    host: Host,
    source: Source,
}

impl Host {
    pub(super) fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            window: Arc::new(Mutex::new(PerMinuteOfEach::new(
                PAIRING_REPLIES_PER_MINUTE_MAX,
                PAIRING_REPLIES_PER_SOURCE_PER_MINUTE_MAX,
                PAIRING_SOURCES_MAX,
            ))),
            announces: Arc::new(Mutex::new(PerMinuteOfEach::new(
                ANNOUNCES_PER_MINUTE_MAX,
                ANNOUNCES_PER_SOURCE_PER_MINUTE_MAX,
                PAIRING_SOURCES_MAX,
            ))),
        }
    }

    /// For a connection that came from `source`.
    pub(super) fn of(&self, source: Source) -> HostOf {
        HostOf {
            host: self.clone(),
            source,
        }
    }
}

impl HostOf {
    fn admits(&self, window: &Mutex<PerMinuteOfEach<Source>>) -> bool {
        let steady_millis = self.host.runtime.now().steady_millis;
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        window.admits(self.source, steady_millis)
    }
}

impl PairingHost for HostOf {
    async fn identify(&self) -> Vec<Vec<u8>> {
        let snapshot = self.host.runtime.snapshot();
        let us = snapshot.org();
        us.and_then(|us| snapshot.identity_bytes(us))
            .unwrap_or_default()
    }

    async fn reply(
        &self,
        peer: VerifyingKey,
        reply: Vec<u8>,
    ) -> Result<ReplyAccepted, PairingRefusal> {
        if !self.admits(&self.host.window) {
            self.host.runtime.metrics().stranger_rejected("busy");
            return Err(PairingRefusal::Busy);
        }
        let refused = || {
            self.host.runtime.metrics().stranger_rejected("refused");
            PairingRefusal::Refused
        };
        // What was refused to who holds an invitation is in the audit log, each time.
        let told = |refusal| {
            self.host.runtime.metrics().pairing_rejected("refused");
            Err(refusal)
        };
        let text = String::from_utf8(reply).map_err(|_| refused())?;
        // Signatures are checked away from the tasks that move frames.
        let parsed = tokio::task::spawn_blocking(move || PairingReply::parse(&text)).await;
        let reply = parsed
            .map_err(|_| PairingRefusal::Busy)?
            .map_err(|_| refused())?;
        // Who sends it must be who signed it, not somebody who saw it on the way.
        if reply.identity().current().link != peer {
            return Err(refused());
        }
        let sender = Actor::Partner(reply.identity().org());
        match self.host.runtime.record_reply(sender, reply).await {
            Ok(partner) => {
                tracing::info!(%partner, "an invitation was answered");
                let snapshot = self.host.runtime.snapshot();
                let note = snapshot.org().and_then(|us| snapshot.endpoints.get(&us));
                Ok(ReplyAccepted {
                    endpoints: note.map_or_else(Vec::new, |note| note.bytes().to_vec()),
                })
            }
            // Who got that far has proved to hold the invitation.
            Err(Refused::Denied(Reason::InvitationUsed)) => told(PairingRefusal::Used),
            Err(Refused::Denied(Reason::InvitationRevoked)) => told(PairingRefusal::Revoked),
            Err(Refused::Denied(Reason::InvitationExpired)) => told(PairingRefusal::Expired),
            Err(Refused::Denied(
                Reason::InvitationUnknown | Reason::ProofWrong | Reason::NotInitialised,
            )) => Err(refused()),
            Err(Refused::Denied(_)) => told(PairingRefusal::Refused),
            Err(Refused::Failed(_)) => Err(PairingRefusal::Busy),
        }
    }

    async fn announce(&self, peer: VerifyingKey, identity: Vec<Vec<u8>>) {
        if !self.admits(&self.host.announces) {
            self.host
                .runtime
                .metrics()
                .stranger_rejected("announce_busy");
            return;
        }
        // Signatures are checked away from the tasks that move frames.
        let verified = tokio::task::spawn_blocking(move || {
            IdentityChain::verify(identity.iter().map(Vec::as_slice)).ok()
        });
        let Some(identity) = verified.await.ok().flatten() else {
            return;
        };
        // Who says it must be who it is about, not somebody who saw it on the way.
        if identity.current().link == peer {
            self.host.runtime.hear_of(identity);
        }
    }
}
