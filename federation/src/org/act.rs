//! Acts: decided, applied, written down with their audit entry, and followed up.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_policy::action::{Action, Actor, Given, Outcome};
use foedus_policy::apply::apply;
use foedus_policy::audit::{audit_event, is_administrative};
use foedus_policy::decide::{Decision, decide};
use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::reason::Reason;
use foedus_policy::time::{Now, Timestamp};
use foedus_policy::vocabulary::{Access, EndCause};

use super::{Effect, Org, OurKeys, Refused};
use crate::bounds::ORG_REMINDER_MILLIS;
use crate::entry::LogId;
use crate::identity::IdentityChain;
use crate::message::{Ended, Govern};
use crate::note::NoteType;
use crate::org_store::{record_key, record_value};
use crate::pairing::{InvitationSecret, ProvedReply, six_words};
use crate::record::Peering;
use crate::steploop::Step;

impl Org {
    pub(super) fn initialise(
        &mut self,
        now: Now,
        actor: &Actor,
        action: &Action,
        keys: &Arc<OurKeys>,
        entropy: [u8; 64],
        step: &mut Step<'_, Effect>,
    ) -> Result<Outcome, Refused> {
        let had = self.ours.clone();
        // The audit entry of this very act is signed with the new key.
        self.ours.get_or_insert_with(|| keys.clone());
        let result = self.act(now, actor, action, entropy, &[], step);
        match result {
            Ok(_) => self.keep_identity(&keys.identity, step),
            Err(_) => self.ours = had,
        }
        result
    }

    /// Decides one act and, if it is permitted, applies it.
    ///
    /// The records, the audit entry and what follows from the act are one commit: a crash leaves
    /// all of it or nothing.
    pub(super) fn act(
        &mut self,
        now: Now,
        actor: &Actor,
        action: &Action,
        entropy: [u8; 64],
        addresses: &[String],
        step: &mut Step<'_, Effect>,
    ) -> Result<Outcome, Refused> {
        let permit = match decide(self.state(), actor, action, now.wall) {
            Decision::Permit(permit) => permit,
            Decision::Deny(reason) => {
                self.audit_denial(now, actor, action, reason, step);
                return Err(Refused::Denied(reason));
            }
        };
        let given = Given {
            now: now.wall,
            entropy,
            addresses: addresses.to_vec(),
        };
        let applied = apply(&mut self.snapshot.state, permit, &given);
        for change in &applied.changes {
            match self.snapshot.state.record(change) {
                Some(record) => step.put(record_key(change), record_value(&record)),
                None => step.delete(record_key(change)),
            }
            self.changed = true;
        }
        if !applied.changes.is_empty() {
            self.write_version(step);
        }
        if is_administrative(action) && applied.outcome != Outcome::Unchanged {
            let event = audit_event(actor, action, Ok(&applied.outcome));
            self.audit(now, &event, step);
        }
        self.follow(now, action, &applied.outcome, step);
        Ok(applied.outcome)
    }

    /// What an act comes to outside the organisation's own state.
    fn follow(
        &mut self,
        now: Now,
        action: &Action,
        outcome: &Outcome,
        step: &mut Step<'_, Effect>,
    ) {
        match outcome {
            Outcome::PartnerActive { partner, offers } => {
                self.sign_peering(now, *partner, step);
                for channel in offers {
                    self.offer_channel(*channel, *partner, step);
                }
            }
            Outcome::OfferChannel { channel, partner } => {
                self.offer_channel(*channel, *partner, step);
            }
            Outcome::ConsentNow { channel, charter } => {
                self.consent(now, *channel, *charter, step);
            }
            Outcome::OfferDeclined { channel, charter } => {
                self.forget_offer(*channel, *charter, step);
            }
            Outcome::Ended { channels } => {
                for (channel, cause) in channels {
                    let already =
                        matches!(action, Action::EndChannel { .. } if *cause == EndCause::End);
                    if !already && *cause != EndCause::Disconnect {
                        step.effect(Effect::Govern(*channel, Govern::Leave));
                    }
                }
            }
            Outcome::ExtendChannels { channels, until } => {
                for channel in channels {
                    let extend = Govern::Extend { until: *until };
                    step.effect(Effect::Govern(*channel, extend));
                }
            }
            Outcome::PartnerDisconnected { partner, ended } => {
                for channel in ended {
                    step.effect(Effect::Govern(*channel, Govern::Disconnect(*partner)));
                }
            }
            _ => {}
        }
    }

    /// Signs our side of the peering; the partner gets it when a link is made.
    fn sign_peering(&mut self, now: Now, partner: OrgId, step: &mut Step<'_, Effect>) {
        let Some(keys) = self.ours.clone() else {
            return;
        };
        let Some(chain) = self.snapshot.identity(partner) else {
            return;
        };
        let Some(known) = self.state().partners().get(&partner) else {
            return;
        };
        let peering = Peering {
            org: keys.org,
            partner,
            org_root: keys.identity.current().root,
            partner_root: chain.current().root,
            invitation: known.invitation,
            at: now.wall,
        };
        let peering = peering
            .sign(&keys.sign)
            .expect("a peering has a few short lines");
        self.put_note(
            super::store::PEERING,
            partner.as_bytes(),
            peering.bytes(),
            step,
        );
        self.snapshot.peerings.insert(partner, Arc::new(peering));
    }

    /// One of ours takes up the invitation of an organisation that showed who it is.
    #[expect(
        clippy::too_many_arguments,
        reason = "one input, taken apart by its caller"
    )]
    pub(super) fn accept(
        &mut self,
        now: Now,
        actor: &Actor,
        action: &Action,
        inviter: &IdentityChain,
        addresses: &[String],
        entropy: [u8; 64],
        step: &mut Step<'_, Effect>,
    ) -> Result<Outcome, Refused> {
        let newer = self.who_is_paired(now, actor, action, inviter, step)?;
        let outcome = self.act(now, actor, action, entropy, &[], step)?;
        if let Some(newer) = newer {
            self.put_identity(newer, step);
        }
        self.learn_addresses(inviter.org(), addresses, step);
        Ok(outcome)
    }

    /// What is to be kept of whom we pair with. Refuses one whose root is not the one that is kept of it, or whose link
    /// key stands for another.
    fn who_is_paired(
        &mut self,
        now: Now,
        actor: &Actor,
        action: &Action,
        identity: &IdentityChain,
        step: &mut Step<'_, Effect>,
    ) -> Result<Option<IdentityChain>, Refused> {
        let found = self.paired_identity(identity).and_then(|newer| {
            self.link_key_allowed(identity.org(), newer.as_ref())?;
            Ok(newer)
        });
        found.map_err(|reason| {
            self.audit_denial(now, actor, action, reason, step);
            Refused::Denied(reason)
        })
    }

    /// Takes note of a proven answer to an invitation of ours. The first one, once durable, uses
    /// the invitation up.
    pub(super) fn replied(
        &mut self,
        now: Now,
        actor: &Actor,
        proved: &ProvedReply,
        entropy: [u8; 64],
        step: &mut Step<'_, Effect>,
    ) -> Result<Outcome, Refused> {
        let reply = proved.reply();
        let note = reply.reply().note();
        let partner = reply.identity().org();
        let invitation = note.invitation;
        let known = self.state().invitations().get(&invitation);
        let secret = known
            .ok_or(Refused::Denied(Reason::InvitationUnknown))?
            .secret
            .clone();
        let secret = InvitationSecret::from_bytes(secret.0);
        let words = six_words(&note.inviter_root, &note.invitee_root, &secret);
        let action = Action::RecordReply(Box::new(foedus_policy::action::Reply {
            invitation,
            partner,
            handle: reply.identity().current().handle.as_str().to_owned(),
            root: *note.invitee_root.as_bytes(),
            proof_holds: true,
            words: words.map(str::to_owned),
        }));
        let newer = self.who_is_paired(now, actor, &action, reply.identity(), step)?;
        let outcome = self.act(now, actor, &action, entropy, &[], step)?;
        if let Some(newer) = newer {
            self.put_identity(newer, step);
        }
        self.learn_endpoints(partner, reply.endpoints(), step);
        Ok(outcome)
    }

    pub(super) fn charter_in_force(
        &mut self,
        now: Now,
        channel: ChannelId,
        host: OrgId,
        participants: &BTreeMap<OrgId, Access>,
        ends: Option<Timestamp>,
        step: &mut Step<'_, Effect>,
    ) {
        let action = Action::ChannelSealed {
            channel,
            host,
            participants: participants.clone(),
            ends,
        };
        self.system(now, &action, step);
        self.forget_offers_of(channel, step);
    }

    pub(super) fn channel_ended(
        &mut self,
        now: Now,
        channel: ChannelId,
        ended: Ended,
        step: &mut Step<'_, Effect>,
    ) {
        let known = self.state().channels().get(&channel);
        let is_open = known.is_some_and(|known| {
            matches!(
                known.sharing,
                foedus_policy::state::Sharing::Shared { ended: None, .. }
            )
        });
        // The channel says so again after each restart until it is written down here.
        if is_open {
            let cause = ended.cause;
            self.system(now, &Action::EndChannel { channel, cause }, step);
        }
    }

    pub(super) fn fork_found(
        &mut self,
        now: Now,
        channel: ChannelId,
        log: LogId,
        step: &mut Step<'_, Effect>,
    ) {
        let event = foedus_policy::audit::AuditEvent {
            actor: Actor::System,
            verb: "log.fork",
            object: channel.to_string(),
            outcome: foedus_policy::audit::AuditOutcome::Done,
            details: vec![
                ("origin", log.origin.to_string()),
                ("incarnation", log.incarnation.to_string()),
            ],
        };
        self.audit(now, &event, step);
    }

    pub(super) fn on_tick(&mut self, now: Now, entropy: [u8; 64], step: &mut Step<'_, Effect>) {
        self.flush_denials(now, step);
        self.flush_strangers(now, step);
        if self.ours.is_some() {
            // Nothing due is no refusal worth a word, nor is that the clock is in doubt.
            if !self.is_clock_paused() {
                self.act(now, &Actor::System, &Action::ExpireDue, entropy, &[], step)
                    .ok();
            }
            if now
                .steady_millis
                .saturating_sub(self.reminded_steady_millis)
                >= ORG_REMINDER_MILLIS
            {
                self.reminded_steady_millis = now.steady_millis;
                self.remind_channels(now, step);
            }
        }
    }

    /// An act of the daemon itself, on what its channels found verified.
    pub(super) fn system(&mut self, now: Now, action: &Action, step: &mut Step<'_, Effect>) {
        let result = self.act(now, &Actor::System, action, [0; 64], &[], step);
        assert!(
            !matches!(result, Err(Refused::Denied(Reason::DaemonOnly))),
            "the daemon may do what only the daemon may"
        );
    }
}
