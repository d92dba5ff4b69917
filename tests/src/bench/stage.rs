//! The stage of a case: two organisations on real daemons, partners by the story's own steps, with their members
//! loaded and channels shared.

pub mod partner;
mod sharing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use foedus_proto::api::v1;
use tokio::task::JoinSet;

use super::bounds::{ADMINISTRATION_CALLS, ARRIVAL_MAX, SETTING_MAX, SETTING_PAUSE};
use super::failed::Failed;
use super::follower::Follower;
use super::ledger::Ledger;
use super::load::Load;
use super::role::Role;
use super::usage;
use crate::harness::client::{Access, Client};
use crate::harness::organisation::{Equipment, Organisation};
use crate::harness::two::{ACME_LAUNCH, LAUNCH, Two};

/// The channels are shared for longer than any run takes.
const SHARED_FOR: &str = "+48h";

/// One organisation as the bench asks it.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its member, who writes at one side and reads at the other.
    pub member: Access,
    /// Its administrator.
    pub administrator: Access,
}

/// A channel of both.
#[derive(Debug, Clone)]
pub struct Shared {
    /// What Acme calls it.
    pub near: String,
    /// What Globex calls it.
    pub far: String,
}

/// Two organisations, and what is posted from one to the other.
#[derive(Debug)]
pub struct Stage {
    /// The thread of the load.
    pub load: Role,
    /// The thread of the far subscriber.
    pub far: Role,
    /// What was posted, and what of it arrived.
    pub ledger: Arc<Ledger>,
    /// Acme, where the load posts.
    pub acme: Side,
    /// Globex, where the subscriber is.
    pub globex: Side,
    /// The shared channels.
    pub channels: Vec<Shared>,
    /// Members of Globex that follow, each so many channels as one stream may have.
    pub readers: Vec<Access>,
    /// The daemons. Last, so that they go after who asks them.
    pub two: Two,
}

/// What each role computed.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Acme's daemon.
    pub acme: Duration,
    /// Globex's daemon.
    pub globex: Duration,
    /// The load.
    pub load: Duration,
    /// The far subscriber.
    pub far: Duration,
}

impl Stage {
    /// Two partners with one shared channel and `members` members each.
    pub fn set(equipment: Equipment, members: usize) -> Result<Self, Failed> {
        let two = Two::begin_with(equipment).share(SHARED_FOR);
        let (acme, globex) = (side(&two.acme), side(&two.globex));
        let stage = Self {
            load: Role::begin("load")?,
            far: Role::begin("far")?,
            ledger: Arc::default(),
            channels: vec![Shared {
                near: LAUNCH.to_owned(),
                far: ACME_LAUNCH.to_owned(),
            }],
            readers: vec![globex.member.clone()],
            acme,
            globex,
            two,
        };
        stage.ledger.name_channel(ACME_LAUNCH, 0);
        for side in [&stage.acme, &stage.globex] {
            let administrator = side.administrator.clone();
            // Two are there already.
            let more = members.saturating_sub(2);
            stage.load.run(add_members(administrator, more))?;
        }
        Ok(stage)
    }

    /// Shares channels until there are so many.
    pub fn share(&mut self, channels: usize) -> Result<(), Failed> {
        sharing::share(self, channels)
    }

    /// A load into the first so many channels.
    pub fn load(&self, channels: usize) -> Result<Load, Failed> {
        let access = self.acme.member.clone();
        let names = self.channels[..channels].iter();
        Ok(Load {
            client: self.load.run(async move { Ok(access.connect().await?) })?,
            channels: Arc::new(names.map(|channel| channel.near.clone()).collect()),
            ledger: Arc::clone(&self.ledger),
        })
    }

    /// The far subscriber to the first so many channels.
    pub fn follow(&self, channels: usize) -> Result<Vec<Follower>, Failed> {
        if channels == 1 {
            let (reader, name) = (&self.readers[0], &self.channels[0].far);
            let follower = Follower::begin(&self.far, reader, Some(name), &self.ledger)?;
            return Ok(vec![follower]);
        }
        let readers = self.readers.iter();
        readers
            .map(|reader| Follower::begin(&self.far, reader, None, &self.ledger))
            .collect()
    }

    /// Waits until the far organisation has all that was posted; when it had the last.
    pub fn settle(&self) -> Result<Instant, Failed> {
        self.ledger.settle(ARRIVAL_MAX)
    }

    /// What each role computed so far.
    pub fn spent(&self) -> Result<Spent, Failed> {
        Ok(Spent {
            acme: usage::cpu(process(&self.two.acme)?)?,
            globex: usage::cpu(process(&self.two.globex)?)?,
            load: self.load.cpu()?,
            far: self.far.cpu()?,
        })
    }
}

impl Spent {
    /// Since an earlier look.
    #[must_use]
    pub fn since(self, before: Self) -> [(&'static str, Duration); 4] {
        [
            (
                "CPU of acme's daemon",
                self.acme.saturating_sub(before.acme),
            ),
            (
                "CPU of globex's daemon",
                self.globex.saturating_sub(before.globex),
            ),
            ("CPU of the load", self.load.saturating_sub(before.load)),
            (
                "CPU of the far subscriber",
                self.far.saturating_sub(before.far),
            ),
        ]
    }
}

/// The process of an organisation's daemon.
pub fn process(organisation: &Organisation) -> Result<u32, Failed> {
    let pid = organisation.daemon.pid();
    pid.ok_or(Failed::Incomplete("a daemon that runs"))
}

fn side(organisation: &Organisation) -> Side {
    let access = |name: &str, scopes: &[&str]| Access::of(organisation, name, scopes);
    Side {
        member: access(&organisation.member, &["read", "write"]),
        administrator: access(
            &organisation.administrator,
            &["read", "write", "administer"],
        ),
    }
}

async fn add_members(administrator: Access, members: usize) -> Result<(), Failed> {
    let client = administrator.connect().await?;
    each(members, move |number| add_member(client.clone(), number)).await
}

async fn add_member(client: Client, number: usize) -> Result<(), Failed> {
    let member = v1::AddMemberRequest {
        name: format!("member-{number}"),
        display_name: format!("Member Number {number}"),
        ..v1::AddMemberRequest::default()
    };
    client.members().add_member(member).await?;
    Ok(())
}

/// Does something for each number below `count`, some at a time.
pub async fn each<F>(count: usize, mut work: impl FnMut(usize) -> F) -> Result<(), Failed>
where
    F: Future<Output = Result<(), Failed>> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    for number in 0..count {
        if under_way.len() >= ADMINISTRATION_CALLS
            && let Some(ended) = under_way.join_next().await
        {
            ended.map_err(|_| Failed::Panicked)??;
        }
        under_way.spawn(work(number));
    }
    while let Some(ended) = under_way.join_next().await {
        ended.map_err(|_| Failed::Panicked)??;
    }
    Ok(())
}

/// Looks again and again until `look` finds what it is for.
pub async fn found<T, F>(what: &'static str, mut look: impl FnMut() -> F) -> Result<T, Failed>
where
    F: Future<Output = Result<Option<T>, Failed>>,
{
    let began = Instant::now();
    while began.elapsed() < SETTING_MAX {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        tokio::time::sleep(SETTING_PAUSE).await;
    }
    Err(Failed::Waited {
        what,
        within: SETTING_MAX,
    })
}
