//! What goes wrong.

use foedus_daemon::store::memory::Fault;
use foedus_policy::id::ChannelId;
use foedus_policy::state::Sharing;
use foedus_policy::time::DAY_MILLIS;

use super::organisation::{Backup, Boundary};
use super::world::{Event, World};

/// Everything that has to happen in a run of many worlds: what never did was not looked into.
pub const KINDS: &[&str] = &[
    "two organisations",
    "three organisations",
    "disconnect",
    "delay",
    "partition",
    "crash",
    "crash before a commit",
    "crash after a commit",
    "crash before a reply",
    "crash before a send",
    "crash before a delivery",
    "crash between scopes",
    "crash before a read",
    "unsynced writes lost",
    "applied but reported failed",
    "conflict",
    "disk full",
    "clock offset",
    "clock jump",
    "clock leap",
    "old data folder put back",
    "old incarnation gone on with",
    "another's words changed",
    "two histories told",
];

/// Old copies of a data folder that are kept.
const BACKUPS_MAX: usize = 4;

impl World {
    pub fn on_weather(&mut self) {
        if self.healing {
            return;
        }
        let at = self.random.index(self.orgs.len());
        let other = (at + 1 + self.random.index(self.orgs.len() - 1)) % self.orgs.len();
        match self.random.below(20) {
            0..3 => self.break_connection(at, other),
            3 | 4 => {
                let millis = match self.random.chance(200) {
                    true => self.random.between(60_000, 4 * 60 * 60_000),
                    false => self.random.between(500, 20_000),
                };
                self.partition(at, other, millis);
            }
            5..9 => self.plan_crash(at),
            9..14 => self.disk_fails(at),
            14 => {
                self.orgs[at].disk.set_full(true);
                let full_millis = self.random.between(500, 30_000);
                self.after(full_millis, Event::Room(at));
            }
            15 => self.network.slow_millis = self.random.below(3_000),
            16 | 17 => self.clock_jumps(at),
            18 => self.back_up(at),
            _ => {
                if self.plan.restores && !self.orgs[at].backups.is_empty() {
                    self.orgs[at].restore_next = true;
                    self.plan_crash(at);
                }
            }
        }
        if self.random.chance(300) {
            let at = self.random.index(self.orgs.len());
            self.back_up(at);
        }
    }

    /// The power will go at some boundary: each kind is as likely as any other, however often one
    /// comes by.
    fn plan_crash(&mut self, at: usize) {
        let kind = Boundary::ALL[self.random.index(Boundary::ALL.len())];
        self.orgs[at].crash_at = Some((kind, self.random.below(8)));
    }

    fn disk_fails(&mut self, at: usize) {
        let fault = match self.random.below(8) {
            0 | 1 => Fault::AppliedUnknown,
            2 | 3 => Fault::LostUnknown,
            4 => Fault::CrashBeforeSync,
            5 => Fault::CrashAfterSync,
            6 => Fault::Conflict,
            _ => Fault::DiskFull,
        };
        let now = self.now;
        self.trace
            .event(now, format_args!("{at} has a disk with {fault:?}"));
        for _ in 0..self.random.below(4) {
            self.orgs[at].disk.plan([None]);
        }
        let times = if fault == Fault::Conflict { 3 } else { 1 };
        for _ in 0..self.random.between(1, times + 2) {
            self.orgs[at].disk.set_fault(fault);
        }
    }

    fn clock_jumps(&mut self, at: usize) {
        if self.random.chance(150) {
            return self.clock_leaps(at);
        }
        let most = self.plan.clock_millis_max;
        let offset = self.random.below(2 * most).cast_signed() - most.cast_signed();
        if self.orgs[at].run.is_some() && self.orgs[at].clock_offset != offset {
            self.happened("clock jump");
        }
        self.orgs[at].clock_offset = offset;
        let now = self.now;
        self.trace
            .event(now, format_args!("{at} has a clock {offset} ms off"));
    }

    /// By more than anybody can rely on, either way: past every end, or to before all that was said.
    fn clock_leaps(&mut self, at: usize) {
        let days = self.random.between(3, 400).cast_signed();
        let offset = match self.random.chance(500) {
            true => days * DAY_MILLIS.cast_signed(),
            false => -days * DAY_MILLIS.cast_signed(),
        };
        self.orgs[at].clock_offset = offset;
        self.happened("clock leap");
        let now = self.now;
        self.trace
            .event(now, format_args!("{at} has a clock {days} days off"));
    }

    /// Whether the clock of an organisation is far from right.
    pub fn has_leapt(&self, at: usize) -> bool {
        self.orgs[at].clock_offset.unsigned_abs() > self.plan.clock_millis_max
    }

    /// Whether an organisation has come to where the plan wants it, so that old data put back is
    /// the data of the same agreement.
    pub fn is_set_up(&self, at: usize) -> bool {
        let Some(snapshot) = self.orgs[at].snapshot() else {
            return false;
        };
        let Some(channel) = self.shared_channel() else {
            return false;
        };
        let known = snapshot.state.channels().get(&channel);
        let shared = known.is_some_and(|known| matches!(known.sharing, Sharing::Shared { .. }));
        let pairs = self.plan.pairs();
        let partners = pairs
            .iter()
            .filter(|(one, other)| *one == at || *other == at)
            .count();
        shared && snapshot.pins().count() == partners
    }

    /// The shared channel, once its host opened it.
    pub fn shared_channel(&self) -> Option<ChannelId> {
        self.checker.shared
    }

    fn back_up(&mut self, at: usize) {
        if !self.is_set_up(at) {
            return;
        }
        let organisation = &mut self.orgs[at];
        let Some(run) = &organisation.run else {
            return;
        };
        let backup = Backup {
            image: organisation.disk.snapshot(),
            taken: self.now,
            run: run.id,
            seed: run.seed,
        };
        organisation.backups.push(backup);
        if organisation.backups.len() > BACKUPS_MAX {
            organisation.backups.remove(0);
        }
    }

    /// Puts an old data folder in place of the present one, if that is due.
    pub fn put_back_old_data(&mut self, at: usize) {
        if !std::mem::take(&mut self.orgs[at].restore_next) || self.healing {
            return;
        }
        let chosen = self.random.index(self.orgs[at].backups.len());
        let dishonest = self.plan.dishonest == Some(at);
        let now = self.now;
        let organisation = &mut self.orgs[at];
        let Some(backup) = organisation.backups.get(chosen) else {
            return;
        };
        organisation.disk.restore(backup.image.clone());
        organisation.restored = Some(now);
        organisation.crash_at = None;
        if dishonest {
            organisation.resume_as = Some((backup.run, backup.seed));
            organisation.dishonest = true;
        }
        let seconds = (now - backup.taken) / 1000;
        self.trace.event(
            now,
            format_args!("{at} gets data back that is {seconds} s old"),
        );
        self.happened("old data folder put back");
        if dishonest {
            self.happened("old incarnation gone on with");
        }
        self.disk_was_put_back(at);
    }

    /// From here on nothing goes wrong.
    pub fn heal(&mut self) {
        self.healing = true;
        let now = self.now;
        self.trace.event(now, format_args!("healing begins"));
        for at in 0..self.orgs.len() {
            let organisation = &mut self.orgs[at];
            organisation.disk.clear_faults();
            organisation.disk.set_full(false);
            organisation.crash_at = None;
            organisation.clock_offset = 0;
            match &organisation.run {
                None => self.start(at),
                Some(run) => {
                    let run = run.number;
                    self.after(1, Event::Tick { at, run });
                }
            }
            self.after(5, Event::Administrator(at));
        }
        self.mend();
        for client in 0..self.clients.len() {
            for _ in 0..3 {
                self.after(1500, Event::Client(client));
            }
        }
    }
}
