//! What is to happen in a world: who takes part, when people are about, and how it ends.

use foedus_policy::time::DAY_MILLIS;
use foedus_policy::vocabulary::Access;

use super::random::Random;
use super::world::{Event, World};

const MINUTE_MILLIS: u64 = 60_000;

/// How the shared channel ends, other than by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Not at all.
    Never,
    /// An administrator of this organisation ends it there.
    Leave(usize),
    /// An administrator of this organisation ends the project.
    Project(usize),
    /// This organisation ends its peering with another.
    Disconnect(usize, usize),
}

/// The plan of a world.
#[derive(Debug, Clone)]
pub struct Plan {
    pub orgs: usize,
    pub second_access: Access,
    pub third_access: Access,
    /// Whether the second and the third organisation are partners, too.
    pub all_peered: bool,
    /// When the charter ends.
    pub end: Option<u64>,
    pub finish: Finish,
    pub finish_at: u64,
    /// From when until when which organisation suspends which other.
    pub suspension: Option<(u64, u64, usize, usize)>,
    /// When people are about: from when and for how long.
    pub bursts: Vec<(u64, u64)>,
    /// How often something goes wrong in a burst.
    pub weather: u64,
    /// How far clocks go wrong, in milliseconds.
    pub clock_millis_max: u64,
    pub restores: bool,
    /// This organisation goes on in an old incarnation when its old data is put back.
    pub dishonest: Option<usize>,
    /// This organisation lies to its partners now and then.
    pub forger: Option<usize>,
}

impl Plan {
    /// Draws a plan.
    pub fn draw(random: &mut Random) -> Self {
        let orgs = if random.chance(600) { 2 } else { 3 };
        let mut bursts = vec![(0, 90_000)];
        let count = random.between(9, 14);
        for number in 0..count {
            let slot = (DAY_MILLIS - 30 * MINUTE_MILLIS) / count;
            let start = 10 * MINUTE_MILLIS + number * slot + random.below(slot - 5 * MINUTE_MILLIS);
            bursts.push((start, random.between(6_000, 16_000)));
        }
        let within = |random: &mut Random, burst: (u64, u64)| burst.0 + random.below(burst.1);
        let late = bursts[random.between(4, count + 1) as usize];
        let end = random.chance(450).then(|| within(random, late));
        let finish_at = bursts[random.between(4, count + 1) as usize].0 + random.below(4_000);
        let by = random.index(orgs);
        let other = (by + 1 + random.index(orgs - 1)) % orgs;
        let finish = match random.below(10) {
            0..5 => Finish::Never,
            5 | 6 => Finish::Leave(by),
            7 | 8 => Finish::Project(by),
            _ => Finish::Disconnect(by, other),
        };
        let first = random.between(3, count) as usize;
        let suspended = bursts[first].0 + random.below(3_000);
        let resumed = bursts[first + 1].0 + random.below(3_000);
        let suspension = random
            .chance(250)
            .then_some((suspended, resumed, other, by));
        Self {
            orgs,
            second_access: *pick(random, &[Access::Full, Access::Full, Access::ReadOnly]),
            third_access: *pick(
                random,
                &[
                    Access::Full,
                    Access::Full,
                    Access::PostOnly,
                    Access::ReadOnly,
                ],
            ),
            all_peered: random.chance(600),
            end,
            finish,
            finish_at,
            suspension,
            bursts,
            weather: random.between(0, 8),
            clock_millis_max: match random.below(10) {
                0..4 => 2_000,
                4..9 => 4 * MINUTE_MILLIS,
                _ => 30 * MINUTE_MILLIS,
            },
            restores: random.chance(500),
            dishonest: random.chance(200).then(|| random.index(orgs)),
            forger: random.chance(120).then(|| random.index(orgs)),
        }
    }

    /// Which organisations are to be partners: who invites whom.
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        match (self.orgs, self.all_peered) {
            (2, _) => vec![(0, 1)],
            (_, false) => vec![(0, 1), (0, 2)],
            (_, true) => vec![(0, 1), (0, 2), (1, 2)],
        }
    }
}

fn pick<'a, T>(random: &mut Random, list: &'a [T]) -> &'a T {
    &list[random.index(list.len())]
}

impl World {
    /// Has everything happen that the plan names.
    pub fn schedule_day(&mut self) {
        for at in 0..self.orgs.len() {
            let delay = self.random.below(2_000);
            self.after(delay, Event::Start(at));
            self.after(delay + 500, Event::Administrator(at));
        }
        for (number, (start, length)) in self.plan.bursts.clone().into_iter().enumerate() {
            let events = if number == 0 { 4 } else { 7 };
            for client in 0..self.clients.len() {
                for _ in 0..self.random.between(events / 2, events) {
                    let at = start + self.random.below(length);
                    self.after(at, Event::Client(client));
                }
            }
            if number > 0 {
                for at in 0..self.orgs.len() {
                    let when = start + self.random.below(length);
                    self.after(when, Event::Administrator(at));
                }
            }
            if let Some(at) = self.plan.forger.filter(|_| number > 1) {
                let other = (at + 1 + self.random.index(self.orgs.len() - 1)) % self.orgs.len();
                let when = start + self.random.below(length);
                self.after(when, Event::Forge(at, other));
            }
            for _ in 0..self.random.below(self.plan.weather + 1) {
                let at = (start + self.random.below(length + 4_000)).saturating_sub(2_000);
                self.after(at, Event::Weather);
            }
        }
    }

    /// How long until a daemon's timer goes off again: often while something happens, seldom in
    /// the long hours between.
    pub fn tick_period(&mut self) -> u64 {
        if self.healing {
            return 1000;
        }
        let now = self.now;
        let next = self.plan.bursts.iter().find(|(start, _)| *start > now);
        let last = self
            .plan
            .bursts
            .iter()
            .rev()
            .find(|(start, _)| *start <= now);
        let until_next = next.map_or(DAY_MILLIS, |(start, _)| start - now);
        let since_last = last.map_or(0, |(start, length)| now.saturating_sub(start + length));
        // The first minutes are those in which organisations come together.
        let period = (since_last / 2).clamp(1000, 10 * MINUTE_MILLIS);
        period.min(until_next.max(1000))
    }
}
