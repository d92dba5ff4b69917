//! The org machine: members, partners, requests, projects, channels and rules of one
//! organisation, and the notes by which others know it and it knows them.
//!
//! Every administrative act is decided and applied here, by the rules of `foedus-policy`, and is
//! audited in the same commit. What it comes to elsewhere (a charter to propose, a connection to
//! close) goes out as an effect. After each durable change the others get an [`OrgSnapshot`].
//!
//! It must not know the logs of channels, nor cursors or frames. Its own audit log is a log, too.

use std::sync::Arc;

use foedus_policy::action::{Action, Outcome};
use foedus_policy::id::{ChannelId, OrgId, RunId};
use foedus_policy::reason::Reason;
use foedus_policy::state::State;
use foedus_policy::time::Now;

use crate::batch::{Key, Read};
use crate::damaged::Damaged;
use crate::keys;
use crate::message::{Govern, ReplyTo};
use crate::steploop::{Failure, Machine, Rows, Step};

mod act;
mod audit;
mod charters;
mod clock;
mod introduced;
mod learn;
mod load;
mod renew;
mod store;

pub use crate::message::OrgInput as Input;
pub use crate::snapshot::{OrgSnapshot, OurKeys};
pub(crate) use audit::NO_CHANNEL;
pub use audit::{
    AuditRecord, AuditStand, audit_stand_read, read_audit_entry, read_audit_raw, read_audit_stand,
};
pub(crate) use store::{AUDIT as AUDIT_HEAD, CLOCK, VERSION};

/// What the organisation wants done, once the step that says so is durable.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Answer a caller.
    Reply(ReplyTo, Result<Outcome, Refused>),
    /// What is now true of the organisation.
    Snapshot(Arc<OrgSnapshot>),
    /// Tell a channel.
    Govern(ChannelId, Govern),
    /// A partner's act was refused, by this rule.
    Refused(OrgId, Reason),
}

/// Why an act was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The rules say no.
    #[error("{0}")]
    Denied(Reason),
    /// It could not be carried through.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What the organisation is loaded with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Our keys, if the organisation exists.
    pub keys: Option<Arc<OurKeys>>,
    /// Keys that are to take their place, or have: what is stored says which.
    pub renewed: Option<Arc<OurKeys>>,
    /// This run of our daemon.
    pub run: RunId,
    /// Random bytes, new for each run.
    pub seed: [u8; 32],
}

/// The machine.
#[derive(Debug)]
pub struct Org {
    ours: Option<Arc<OurKeys>>,
    run: RunId,
    seed: [u8; 32],
    tainted: u32,
    snapshot: OrgSnapshot,
    audit: audit::AuditLog,
    denials: audit::Denials,
    strangers: audit::Strangers,
    changed: bool,
    watch: clock::Watch,
    reminded_steady_millis: u64,
    costly_introductions: introduced::CostlyIntroductions,
}

impl Machine for Org {
    type Input = Input;
    type Effect = Effect;
    type Setup = Setup;

    fn version_key(_setup: &Setup) -> Key {
        keys::org_version()
    }

    fn load_reads(_setup: &Setup) -> Vec<Read> {
        vec![keys::org_state(), keys::org_notes()]
    }

    fn load(setup: &Setup, tainted: u32, rows: Vec<Rows>) -> Result<Self, Damaged> {
        load::load(setup, tainted, rows)
    }

    fn prepare(setup: &mut Setup, input: &Input) {
        match input {
            Input::Initialise { keys, .. } => setup.keys = Some(keys.clone()),
            Input::Renew { keys, before, .. } => {
                setup.keys = Some(before.clone());
                setup.renewed = Some(keys.clone());
            }
            _ => {}
        }
    }

    fn reads(&self, _now: Now, _input: &Input, _done: u32) -> Vec<Read> {
        Vec::new()
    }

    fn handle(&mut self, now: Now, input: &Input, step: &mut Step<'_, Effect>) {
        let shown = now;
        let now = self.watch_clock(shown, step);
        match input {
            Input::Initialise {
                reply,
                actor,
                action,
                keys,
                entropy,
            } => {
                let result = self.initialise(now, actor, action, keys, *entropy, step);
                step.effect(Effect::Reply(*reply, result));
            }
            Input::Renew {
                reply,
                actor,
                action,
                keys,
                before: _,
            } => {
                if let Some(result) = self.renew(now, actor, action, keys, step) {
                    step.effect(Effect::Reply(*reply, result));
                }
            }
            Input::Act {
                reply,
                actor,
                action,
                entropy,
                addresses,
            } => {
                let result = self.act(now, actor, action, *entropy, addresses, step);
                if let (Action::ConfirmClock { .. }, Ok(_)) = (&**action, &result) {
                    self.clock_is_right(shown, false, step);
                }
                step.effect(Effect::Reply(*reply, result));
            }
            Input::Accept {
                reply,
                actor,
                action,
                inviter,
                addresses,
                entropy,
            } => {
                let result = self.accept(now, actor, action, inviter, addresses, *entropy, step);
                step.effect(Effect::Reply(*reply, result));
            }
            Input::Replied {
                reply,
                actor,
                proved,
                entropy,
            } => {
                let result = self.replied(now, actor, proved, *entropy, step);
                step.effect(Effect::Reply(*reply, result));
            }
            Input::PartnerSaid {
                partner,
                identity,
                endpoints,
                peering,
            } => {
                self.partner_said(
                    now,
                    *partner,
                    identity,
                    endpoints.as_deref(),
                    peering.as_deref(),
                    step,
                );
            }
            Input::ClockHeard {
                partner,
                wall,
                steady_millis,
            } => self.clock_heard(shown, *partner, *wall, *steady_millis, step),
            Input::Introduced { by, chains } => self.introduced(now, *by, chains, step),
            Input::CharterOffered { host, charter } => {
                self.charter_offered(now, *host, charter, step);
            }
            Input::CharterInForce {
                channel,
                host,
                participants,
                ends,
            } => {
                self.charter_in_force(now, *channel, *host, participants, *ends, step);
            }
            Input::ChannelEnded { channel, ended } => {
                self.channel_ended(now, *channel, *ended, step);
            }
            Input::ForkFound { channel, log } => self.fork_found(now, *channel, *log, step),
            Input::Reachable { addresses } => self.reachable(addresses, step),
            Input::StrangersRefused { count } => self.count_strangers(*count),
            Input::Tick { entropy } => {
                self.on_tick(now, *entropy, step);
            }
        }
        // A partner's bytes write nothing of ours, but that its clock ends our doubt about our own.
        if let Input::Initialise { .. } | Input::Act { .. } | Input::Tick { .. } = input {
            self.keep_time(shown, step);
        }
    }

    fn finish(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        self.finish_audit(self.cautious(now), step);
        if std::mem::take(&mut self.changed) {
            step.publish(Effect::Snapshot(Arc::new(self.snapshot.clone())));
        }
    }

    fn unloaded(_setup: &Setup, _out: &mut Vec<Effect>) {}

    fn abandon(input: Input, failure: Failure, out: &mut Vec<Effect>) {
        match input {
            Input::Initialise { reply, .. }
            | Input::Renew { reply, .. }
            | Input::Act { reply, .. }
            | Input::Accept { reply, .. }
            | Input::Replied { reply, .. } => {
                out.push(Effect::Reply(reply, Err(Refused::Failed(failure))));
            }
            // Whoever said it says it again: a session when it begins, a channel when it ticks.
            _ => {}
        }
    }
}

impl Org {
    /// The organisation as it is, for whoever needs it before anything changes.
    pub fn snapshot(&self) -> Arc<OrgSnapshot> {
        Arc::new(self.snapshot.clone())
    }

    fn state(&self) -> &State {
        &self.snapshot.state
    }
}

#[cfg(test)]
pub(crate) mod tests;
