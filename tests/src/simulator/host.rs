//! What the daemon does around the machines, here with virtual disks, clocks and links: it
//! answers what step loops ask, carries out effects, and forgets everything at a crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_federation::batch::CommitOutcome;
use foedus_federation::channel::{self, Channel};
use foedus_federation::link;
use foedus_federation::org::{self, Org};
use foedus_federation::steploop::{Answer, Ask, Machine};
use foedus_policy::id::{ChannelId, OrgId, RunId};

use super::disk;
use super::organisation::{Boundary, Cause, Run, Scope, ScopeId};
use super::trace::short;
use super::world::{Event, World};

/// A machine that the world knows how to host.
pub trait Hosted: Machine + Sized {
    fn scope(run: &mut Run, id: ScopeId) -> Option<&mut Scope<Self>>;
    fn boundary(effect: &Self::Effect) -> Boundary;
    fn carry_out(world: &mut World, at: usize, id: ScopeId, effect: Self::Effect);
}

impl Hosted for Org {
    fn scope(run: &mut Run, _id: ScopeId) -> Option<&mut Scope<Self>> {
        Some(&mut run.org)
    }

    fn boundary(effect: &org::Effect) -> Boundary {
        match effect {
            org::Effect::Reply(..) => Boundary::Reply,
            org::Effect::Snapshot(_) => Boundary::Deliver,
            org::Effect::Govern(..) | org::Effect::Refused(..) => Boundary::Tell,
        }
    }

    fn carry_out(world: &mut World, at: usize, _id: ScopeId, effect: org::Effect) {
        match effect {
            org::Effect::Reply(reply, result) => world.administrator_answered(at, reply, result),
            org::Effect::Snapshot(snapshot) => world.on_snapshot(at, snapshot),
            org::Effect::Govern(channel, govern) => {
                let govern = world.plan_charter(govern);
                let input = channel::Input::Govern(govern);
                world.push_channel(at, channel, Cause::Inside, input);
            }
            org::Effect::Refused(partner, reason) => {
                let now = world.now;
                let partner = short(&partner.0);
                world
                    .trace
                    .event(now, format_args!("{at} refused {partner}: {reason:?}"));
            }
        }
    }
}

impl Hosted for Channel {
    fn scope(run: &mut Run, id: ScopeId) -> Option<&mut Scope<Self>> {
        match id {
            ScopeId::Org => None,
            ScopeId::Channel(channel) => run.channels.get_mut(&channel),
        }
    }

    fn boundary(effect: &channel::Effect) -> Boundary {
        match effect {
            channel::Effect::Reply(..) => Boundary::Reply,
            channel::Effect::View(_) => Boundary::Deliver,
            channel::Effect::Send(..) => Boundary::Send,
            _ => Boundary::Tell,
        }
    }

    fn carry_out(world: &mut World, at: usize, id: ScopeId, effect: channel::Effect) {
        let ScopeId::Channel(channel) = id else {
            return;
        };
        match effect {
            channel::Effect::Reply(reply, result) => {
                world.client_answered(at, channel, reply, result)
            }
            channel::Effect::View(view) => {
                let Some(run) = &mut world.orgs[at].run else {
                    return;
                };
                run.views.insert(channel, view.clone());
                let partners: Vec<OrgId> = run.links.keys().copied().collect();
                for partner in partners {
                    world.tell_link(at, partner, link::Input::View(view.clone()));
                }
            }
            channel::Effect::Send(partner, frame) => {
                world.tell_link(at, partner, link::Input::Send(frame));
            }
            channel::Effect::Feed(partner, start) => {
                world.tell_link(at, partner, link::Input::Feed(channel, start));
            }
            channel::Effect::StopFeed(partner) => {
                world.tell_link(at, partner, link::Input::StopFeed(channel));
            }
            channel::Effect::Attach(partner) => {
                world.tell_link(at, partner, link::Input::Attach(channel));
            }
            channel::Effect::Forgotten => {
                let Some(run) = &world.orgs[at].run else {
                    return;
                };
                let partners: Vec<OrgId> = run.links.keys().copied().collect();
                for partner in partners {
                    world.tell_link(at, partner, link::Input::Forgotten(channel));
                }
            }
            channel::Effect::Org(input) => {
                let cause = match &*input {
                    org::Input::CharterOffered { host, .. } => Cause::Partner(*host),
                    org::Input::Introduced { by, .. } => Cause::Partner(*by),
                    _ => Cause::Inside,
                };
                world.push_org(at, cause, *input);
            }
            channel::Effect::Again(input) => {
                world.push_channel(at, channel, Cause::Inside, *input);
            }
            channel::Effect::Reject(partner, reject) => {
                let now = world.now;
                let partner = short(&partner.0);
                let text = format!("{reject:?}");
                let text = text.split(['{', '(']).next().unwrap_or_default();
                world
                    .trace
                    .event(now, format_args!("{at} rejects {text} of {partner}"));
            }
        }
    }
}

impl World {
    /// Starts a daemon, if it does not run.
    pub fn start(&mut self, at: usize) {
        if self.orgs[at].run.is_some() {
            return;
        }
        let drawn = (RunId(self.random.bytes()), self.random.bytes());
        let (id, seed) = self.orgs[at].resume_as.take().unwrap_or(drawn);
        self.start_as(at, id, seed);
    }

    /// Starts a daemon as a certain run. An honest one draws both numbers anew each time.
    pub fn start_as(&mut self, at: usize, id: RunId, seed: [u8; 32]) {
        let organisation = &mut self.orgs[at];
        organisation.disk.restart();
        organisation.runs += 1;
        let number = organisation.runs;
        let keys = organisation.exists().then(|| organisation.keys.clone());
        let setup = org::Setup {
            keys,
            renewed: None,
            run: id,
            seed,
        };
        organisation.run = Some(Run {
            number,
            id,
            seed,
            started: self.now,
            org: Scope::new(setup),
            channels: BTreeMap::new(),
            links: BTreeMap::new(),
            snapshot: Arc::default(),
            views: BTreeMap::new(),
            ready: Default::default(),
        });
        let now = self.now;
        self.trace
            .event(now, format_args!("{at} starts run {number}"));
        let addresses = vec![format!("{}:7447", self.orgs[at].handle)];
        let entropy = self.random.bytes();
        self.push_org(at, Cause::Clock, org::Input::Tick { entropy });
        self.push_org(at, Cause::Inside, org::Input::Reachable { addresses });
        self.settle(at);
        self.after(1000, Event::Tick { at, run: number });
        for other in 0..self.orgs.len() {
            if other != at {
                self.dial_soon(at, other);
            }
        }
    }

    /// Counts a moment at which the power may go. Says whether it went.
    pub fn boundary(&mut self, at: usize, kind: Boundary) -> bool {
        let organisation = &mut self.orgs[at];
        match &mut organisation.crash_at {
            Some((due, 0)) if *due == kind && organisation.run.is_some() => {
                self.happened(kind.crash());
                self.crash(at);
                true
            }
            Some((due, left)) if *due == kind => {
                *left = left.saturating_sub(1);
                false
            }
            _ => false,
        }
    }

    /// The power goes: of this run nothing is left but what is durable.
    pub fn crash(&mut self, at: usize) {
        let organisation = &mut self.orgs[at];
        organisation.disk.crash();
        organisation.crash_at = None;
        let Some(run) = organisation.run.take() else {
            return;
        };
        let (now, number) = (self.now, run.number);
        self.happened("crash");
        self.trace
            .event(now, format_args!("{at} crashes in run {number}"));
        for wire in run.links.values() {
            if let Some(connection) = wire.connection {
                self.side_is_gone(connection, at);
            }
        }
        self.callers_lost(at);
        self.orgs[at].disk.restart();
        let long = self.random.chance(100) && !self.healing;
        let pause = match long {
            true => self.random.between(60_000, 1_200_000),
            false => self.random.between(200, 8_000),
        };
        self.put_back_old_data(at);
        self.after(pause, Event::Start(at));
    }

    pub fn push_org(&mut self, at: usize, cause: Cause, input: org::Input) {
        let Some(run) = &mut self.orgs[at].run else {
            return;
        };
        self.inputs += 1;
        run.org.causes.insert(cause);
        run.org.steps.push(input);
        run.ready.insert(ScopeId::Org);
    }

    pub fn push_channel(
        &mut self,
        at: usize,
        channel: ChannelId,
        cause: Cause,
        input: channel::Input,
    ) {
        let organisation = &mut self.orgs[at];
        let Some(run) = &mut organisation.run else {
            return;
        };
        self.inputs += 1;
        let keys = &organisation.keys;
        let scope = run.channels.entry(channel).or_insert_with(|| {
            Scope::new(channel::Setup {
                channel,
                keys: keys.clone(),
                run: run.id,
                seed: channel_seed(&run.seed, channel),
                org: run.snapshot.clone(),
            })
        });
        scope.causes.insert(cause);
        scope.steps.push(input);
        run.ready.insert(ScopeId::Channel(channel));
    }

    /// Lets every scope of an organisation that has something to do go as far as it can.
    pub fn settle(&mut self, at: usize) {
        while let Some(run) = &mut self.orgs[at].run {
            match run.ready.pop_first() {
                None => return,
                Some(ScopeId::Org) => self.advance::<Org>(at, ScopeId::Org, None),
                Some(id) => self.advance::<Channel>(at, id, None),
            }
        }
    }

    fn advance<M: Hosted>(&mut self, at: usize, id: ScopeId, mut answer: Option<Answer>) {
        loop {
            let now = self.time(at);
            let Some(scope) = self.orgs[at].run.as_mut().and_then(|run| M::scope(run, id)) else {
                return;
            };
            if answer.is_none() && scope.asked.is_some() {
                return;
            }
            let mut effects = Vec::new();
            scope.asked = scope.steps.advance(now, answer.take(), &mut effects);
            let is_commit = matches!(scope.asked, Some(Ask::Commit(_)));
            let is_read = matches!(scope.asked, Some(Ask::Read(_)));
            if is_commit {
                scope.committing = std::mem::take(&mut scope.causes);
                if scope.steps.queued() > 0 {
                    // What did not fit is decided next.
                    scope.causes = scope.committing.clone();
                }
            }
            if let Some(damage) = scope.steps.take_damage() {
                self.checker.damaged(at, &damage);
            }
            if is_commit {
                self.check_decision::<M>(at, id);
            }
            for effect in effects {
                if self.boundary(at, M::boundary(&effect)) {
                    return;
                }
                M::carry_out(self, at, id, effect);
            }
            let next = match (is_commit, is_read) {
                (true, _) => Boundary::Decided,
                (_, true) => Boundary::Read,
                (false, false) => return,
            };
            if self.boundary(at, next) {
                return;
            }
            if is_commit || self.random.chance(30) {
                let delay = self.disk_delay();
                let Some(run) = &self.orgs[at].run else {
                    return;
                };
                let event = Event::Answer {
                    at,
                    run: run.number,
                    scope: id,
                };
                return self.after(delay, event);
            }
            answer = self.read_answer::<M>(at, id);
        }
    }

    fn disk_delay(&mut self) -> u64 {
        match self.random.chance(20) {
            true => self.random.between(20, 800),
            false => self.random.between(1, 5),
        }
    }

    fn read_answer<M: Hosted>(&mut self, at: usize, id: ScopeId) -> Option<Answer> {
        let organisation = &mut self.orgs[at];
        let scope = M::scope(organisation.run.as_mut()?, id)?;
        let Some(Ask::Read(reads)) = scope.asked.take() else {
            return None;
        };
        let rows: Option<Vec<_>> = reads
            .iter()
            .map(|read| disk::answer(&organisation.disk, read))
            .collect();
        Some(rows.map_or(Answer::ReadFailed, Answer::Rows))
    }

    pub fn on_answer(&mut self, at: usize, number: u64, id: ScopeId) {
        if self.orgs[at].run.as_ref().map(|run| run.number) != Some(number) {
            return;
        }
        match id {
            ScopeId::Org => self.answer::<Org>(at, id),
            ScopeId::Channel(_) => self.answer::<Channel>(at, id),
        }
        self.settle(at);
        self.check_step(at);
    }

    fn answer<M: Hosted>(&mut self, at: usize, id: ScopeId) {
        let Some(scope) = self.orgs[at].run.as_mut().and_then(|run| M::scope(run, id)) else {
            return;
        };
        if matches!(scope.asked, Some(Ask::Read(_))) {
            let answer = self.read_answer::<M>(at, id);
            return self.advance::<M>(at, id, answer);
        }
        let Some(Ask::Commit(batch)) = scope.asked.take() else {
            return;
        };
        for (key, value) in &batch.puts {
            self.trace.bytes(key);
            self.trace.bytes(value);
        }
        let syncs = self.orgs[at].disk.syncs();
        let outcome = self.orgs[at].disk.apply(batch.clone());
        let now = self.now;
        let bytes = batch.bytes();
        self.trace
            .event(now, format_args!("{at} commits {bytes} bytes: {outcome:?}"));
        let synced = self.orgs[at].disk.syncs() > syncs;
        match (outcome, synced) {
            (CommitOutcome::Unknown, true) => self.happened("applied but reported failed"),
            (CommitOutcome::Unknown, false) => self.happened("unsynced writes lost"),
            (CommitOutcome::Conflict, _) => self.happened("conflict"),
            (CommitOutcome::DiskFull, _) => self.happened("disk full"),
            (CommitOutcome::Durable | CommitOutcome::Refused, _) => {}
        }
        let stopped = self.orgs[at].disk.is_stopped();
        if stopped {
            // What it holds is looked at as it is found once there is power again.
            self.orgs[at].disk.crash();
            self.orgs[at].disk.restart();
        }
        if synced {
            self.check_durable(at, id, &batch);
        }
        if stopped {
            return self.crash(at);
        }
        if outcome == CommitOutcome::Conflict
            && let Some(scope) = self.orgs[at].run.as_mut().and_then(|run| M::scope(run, id))
        {
            // The same inputs are decided once more.
            let committing = std::mem::take(&mut scope.committing);
            scope.causes.extend(committing);
        }
        if !self.boundary(at, Boundary::Durable) {
            self.advance::<M>(at, id, Some(Answer::Committed(outcome)));
        }
    }
}

fn channel_seed(seed: &[u8; 32], channel: ChannelId) -> [u8; 32] {
    std::array::from_fn(|place| seed[place] ^ channel.0[place])
}
