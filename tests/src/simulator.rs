//! The simulator: whole organisations on virtual disks, networks and clocks, on the machines and
//! the step loop that are shipped. Everything that happens in a world follows from its seed, so
//! that a seed that finds something finds it again.
//!
//! It hosts the machines as the daemon does; what it must not do is look into them: checkers read
//! what clients and partners were told, and what disks hold.

mod administrator;
mod checker;
mod client;
mod disk;
mod forger;
mod host;
mod network;
mod organisation;
mod plan;
mod random;
mod trace;
mod weather;
mod wiring;
mod world;

use std::collections::BTreeMap;

use foedus_federation::planted::{self, Fault};
use foedus_policy::time::{DAY_MILLIS, Timestamp};

pub use checker::{CHECKERS, Finding};
pub use weather::KINDS;

use checker::Unrest;
use world::{BEGIN, World};

/// How long after the last thing went wrong everything must be as it should, in simulated time.
const HEALING_MILLIS_MAX: u64 = 300_000;
/// How often it is looked at meanwhile.
const HEALING_STEP_MILLIS: u64 = 3_000;

/// What came of one seed.
#[derive(Debug, Clone)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Inputs that machines took.
    pub inputs: u64,
    /// Events that happened.
    pub events: u64,
    /// A number that stands for all that happened, in order.
    pub trace: u64,
    /// What was found, in order.
    pub findings: Vec<Finding>,
    /// What went wrong, and how often.
    pub weather: BTreeMap<&'static str, u64>,
    /// How often each checker looked.
    pub checks: BTreeMap<&'static str, u64>,
    /// Simulated milliseconds from the last fault until everything was at rest.
    pub healed_millis: u64,
    /// Entries that clients were told are durable.
    pub acknowledged: usize,
}

/// Lives through one simulated day. `shown` prints what happens.
pub fn run(seed: u64, fault: Option<Fault>, shown: bool) -> Report {
    planted::plant(fault);
    let mut world = World::new(seed, shown);
    world.run_until(DAY_MILLIS);
    let mut healed_millis = 0;
    if !world.checker.is_over() {
        world.heal();
        healed_millis = heal(&mut world);
    }
    if !world.checker.is_over() {
        world.check_converged();
    }
    planted::plant(None);
    Report {
        seed,
        inputs: world.inputs,
        events: world.trace.events(),
        trace: world.trace.hash(),
        findings: world.checker.findings().to_vec(),
        weather: world.weather.clone(),
        checks: world.checker.checks.clone(),
        healed_millis,
        acknowledged: world.checker.acknowledged.len(),
    }
}

/// Whether nothing but time is missing, and not more of it than a clock was wrong. Whoever writes
/// with a clock that is half an hour ahead has others show it when its time has come, and what it
/// writes after its clock was put right comes after that: a log's time strictly grows.
fn is_due_later(world: &World, begin: u64, why: &Unrest) -> bool {
    let latest = begin + world.plan.clock_millis_max;
    why.until.is_some_and(|until| {
        let due = until.plus_millis(4 * HEALING_STEP_MILLIS);
        world.wall(0) <= due && until <= Timestamp(BEGIN + latest)
    })
}

/// Lets time pass until nothing is left to do; finds whatever never comes to rest.
fn heal(world: &mut World) -> u64 {
    let begin = world.now;
    world.run_until(begin + 10_000);
    loop {
        if world.checker.is_over() {
            return 0;
        }
        let passed = world.now - begin;
        match world.unsettled() {
            None => return passed,
            Some(why) if passed >= HEALING_MILLIS_MAX && !is_due_later(world, begin, &why) => {
                let text = format!("not at rest after {} s: {}", passed / 1000, why.text);
                world.checker.find("P3 convergent", world.now, text);
                return passed;
            }
            Some(_) => world.run_until(world.now + HEALING_STEP_MILLIS),
        }
    }
}
