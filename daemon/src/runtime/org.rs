//! The task of the organisation's step loop.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_federation::org::{Effect, Input, Org, OrgSnapshot, Refused, Setup};
use foedus_policy::action::Outcome;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::channels::Channels;
use super::message::{OrgMessage, Replies};
use super::scope::{Ground, Scope};
use crate::bounds::{ORG_TICK, WARNINGS_PER_MINUTE_MAX};
use crate::per_minute::PerMinute;
use crate::random;

pub(super) struct OrgTask {
    scope: Scope<Org>,
    ground: Ground,
    inputs: mpsc::Receiver<OrgMessage>,
    snapshots: watch::Sender<Arc<OrgSnapshot>>,
    replies: Replies<Outcome, Refused>,
    channels: Channels,
    stop: CancellationToken,
    /// Partners must not fill our log; what is not logged is counted.
    warnings: PerMinute,
}

impl std::fmt::Debug for OrgTask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OrgTask").finish_non_exhaustive()
    }
}

impl OrgTask {
    pub(super) fn new(
        setup: Setup,
        ground: Ground,
        inputs: mpsc::Receiver<OrgMessage>,
        snapshots: watch::Sender<Arc<OrgSnapshot>>,
        channels: Channels,
        stop: CancellationToken,
    ) -> Self {
        Self {
            scope: Scope::new(setup, ground.clone()),
            ground,
            inputs,
            snapshots,
            replies: BTreeMap::new(),
            channels,
            stop,
            warnings: PerMinute::new(WARNINGS_PER_MINUTE_MAX),
        }
    }

    /// Runs until the stop, and then until everything that was asked before is answered.
    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(ORG_TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                // Before what waits: a queue that somebody keeps from being empty must not stop the time.
                _ = ticks.tick() => self.tick(),
                message = self.inputs.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
            }
            self.settle().await;
        }
        self.inputs.close();
        while let Some(message) = self.inputs.recv().await {
            self.take(message);
            self.settle().await;
        }
    }

    /// Strangers come in one: else each of them would cost a step.
    fn tick(&mut self) {
        let count = self.ground.metrics.take_strangers_refused();
        if count > 0 {
            self.scope.push(Input::StrangersRefused { count });
        }
        let entropy = random::bytes();
        self.scope.push(Input::Tick { entropy });
    }

    fn take(&mut self, message: OrgMessage) {
        self.scope
            .take(message, &mut self.inputs, &mut self.replies);
    }

    async fn settle(&mut self) {
        let mut effects = Vec::new();
        loop {
            let goes_on = self.scope.advance(&mut effects).await;
            self.carry(&mut effects);
            if !goes_on {
                return;
            }
        }
    }

    fn carry(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Snapshot(snapshot) => drop(self.snapshots.send_replace(snapshot)),
                Effect::Reply(reply, result) => {
                    if let Err(Refused::Denied(reason)) = &result {
                        self.ground.metrics.refused(reason.id());
                    }
                    if let Some(waiting) = self.replies.remove(&reply) {
                        // Whoever asked may have gone.
                        let _gone = waiting.send(result).is_err();
                    }
                }
                Effect::Govern(channel, govern) => self.channels.govern(channel, govern),
                Effect::Refused(partner, reason) => {
                    self.ground.metrics.refused(reason.id());
                    if self.warnings.admits(self.ground.clock.now().steady_millis) {
                        tracing::warn!(%partner, rule = reason.id(), "an act of a partner was refused");
                    }
                }
            }
        }
    }
}
