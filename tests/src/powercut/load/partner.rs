//! The partner's side: Acme posts, and sees what Globex has acknowledged.
//!
//! Acme says of each partner how many arrivals it has not acknowledged, and these are the last ones. What is posted is
//! dammed up before it reaches Globex, so that all of it is counted as such when the first of it goes; from then on
//! whoever looks late sees more that is unacknowledged than there is, and never less.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use foedus_proto::api::v1;
use tokio::runtime::Runtime;

use super::{Promise, length};
use crate::harness::chance::Chance;
use crate::harness::client::{Access, Client};
use crate::harness::command::with_json;
use crate::harness::two::{ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use crate::harness::{LATER, eventually};

/// The longest message.
const TEXT_BYTES_MAX: u64 = 600;

/// Acme, as far as it writes to Globex.
pub struct Partner {
    runtime: Runtime,
    client: Client,
    gathered: Vec<String>,
    /// Every message that it posted.
    pub sent: Vec<String>,
}

impl Partner {
    /// Of the two, Acme.
    #[track_caller]
    pub fn of(two: &Two) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let access = Access::of(&two.acme, &two.acme.member, &["read"]);
        let client = runtime.block_on(access.connect());
        Self {
            runtime,
            client: client.expect("Acme can be reached"),
            gathered: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Posts some messages, and waits for nothing but that Acme has them.
    #[track_caller]
    pub fn posts(&mut self, two: &Two, name: &str, messages: u64) {
        let texts = (0..messages).map(|number| format!("{name}.{number}"));
        self.post(two, texts.collect());
    }

    /// Posts messages that wait on their way to Globex.
    #[track_caller]
    pub fn gathers(&mut self, two: &Two, round: u64, messages: u64, mut chance: Chance) {
        self.nothing_is_under_way(two, &format!("partner.{round}.first"));
        two.globex.network.dam(true, false);
        two.acme.network.dam(false, true);
        self.gathered = (0..messages)
            .map(|number| {
                let length = usize::try_from(chance.between(1, TEXT_BYTES_MAX));
                let padding = "y".repeat(length.expect("it is short"));
                format!("partner.{round}.{number}.{padding}")
            })
            .collect();
        self.post(two, self.gathered.clone());
        eventually("all to wait for Globex", LATER, || {
            let waiting = self.unacknowledged();
            (waiting >= messages && waiting < u64::MAX)
                .then_some(())
                .ok_or_else(|| format!("{waiting} of {messages}"))
        });
    }

    /// Lets them go, all at once, and gives which were acknowledged when.
    #[track_caller]
    pub fn lets_go(&mut self, two: &Two, trace: &Path) -> Vec<(u64, Promise)> {
        two.globex.network.mend();
        two.acme.network.mend();
        let mut promises = Vec::new();
        let mut texts = std::mem::take(&mut self.gathered).into_iter();
        let began = Instant::now();
        while texts.len() > 0 {
            let waiting = usize::try_from(self.unacknowledged()).expect("a count fits");
            let length = length(trace);
            let acknowledged = texts.len().saturating_sub(waiting);
            let acknowledged = texts.by_ref().take(acknowledged);
            promises.extend(acknowledged.map(|text| (length, Promise::Received(text))));
            assert!(began.elapsed() < LATER, "{waiting} are not acknowledged");
        }
        promises
    }

    /// Waits until Globex has acknowledged all that was posted. That Globex has a message shows that Acme sends, and
    /// so knows what it has to count.
    #[track_caller]
    fn nothing_is_under_way(&mut self, two: &Two, first: &str) {
        self.post(two, vec![first.to_owned()]);
        let gwen = two.globex.member();
        eventually("Globex to have what was posted", LATER, || {
            let read = ["history", ACME_LAUNCH, "--limit", "1"];
            let page = gwen.try_json(&read).map_err(|answer| answer.err)?;
            let newest = &page["messages"][0]["text"];
            (*newest == first).then_some(()).ok_or(page.to_string())
        });
        eventually("Globex to acknowledge", LATER, || {
            match self.unacknowledged() {
                0 => Ok(()),
                some => Err(some.to_string()),
            }
        });
    }

    #[track_caller]
    fn post(&mut self, two: &Two, texts: Vec<String>) {
        let mut child = two
            .acme
            .member()
            .command(&with_json(&["post", LAUNCH, "--lines"]))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program can be started");
        let mut input = child.stdin.take().expect("it is a pipe");
        for text in &texts {
            writeln!(input, "{text}").expect("it reads");
        }
        drop(input);
        let ended = child.wait().expect("our own child can be waited for");
        assert!(ended.success(), "{ended}");
        self.sent.extend(texts);
    }

    /// How many arrivals in the channel Globex has not acknowledged, as Acme sees it.
    #[track_caller]
    fn unacknowledged(&self) -> u64 {
        let channel = LAUNCH.to_owned();
        let asked = v1::GetChannelRequest { channel };
        let mut channels = self.client.channels();
        let answer = self.runtime.block_on(channels.get_channel(asked));
        let answer = answer.expect("Acme answers").into_inner();
        let participants = answer.channel.expect("it is there").participants;
        let mut globex = participants.iter().filter(|one| one.handle == GLOBEX);
        let lag = globex.next().and_then(|globex| globex.lag);
        // Without a link nothing is known: then nothing is acknowledged.
        lag.map_or(u64::MAX, |lag| lag.unacknowledged_entries)
    }
}
