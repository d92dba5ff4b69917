//! One organisation: its daemon, the network in front of it, and its people.

use std::path::Path;

use foedus_daemon::store::EngineKind;
use serde_json::Value;

use super::clock::Clock;
use super::command::{Answer, Foedus};
use super::daemon::{Daemon, Place};
use super::proxy::Proxy;
use super::{LATER, SOON, eventually, is};

/// An organisation with an administrator and a member.
#[derive(Debug)]
pub struct Organisation {
    /// Such as `acme.example`.
    pub handle: String,
    /// The daemon.
    pub daemon: Daemon,
    /// The network through which partners reach it.
    pub network: Proxy,
    /// Its clock, where it can be set wrong.
    pub clock: Option<Clock>,
    /// Name of the administrator.
    pub administrator: String,
    /// Name of the member who writes.
    pub member: String,
}

/// Its people.
#[derive(Debug, Clone, Copy)]
pub struct People<'a> {
    /// Who administers.
    pub administrator: &'a str,
    /// Who writes, and the name to show.
    pub member: (&'a str, &'a str),
}

/// What an organisation runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Equipment {
    /// The engine of its store; `None` for the default.
    pub engine: Option<EngineKind>,
    /// Whether partners dial the daemon itself. Then nothing can be done to the network, and it costs nothing.
    pub direct: bool,
    /// Whether its clock can be set wrong.
    pub clock: bool,
}

impl Equipment {
    /// The usual, and a clock that can be set wrong.
    pub const WITH_CLOCK: Self = Self {
        engine: None,
        direct: false,
        clock: true,
    };
}

impl Organisation {
    /// A daemon that runs and has no identity, under `folder`.
    #[must_use]
    pub fn without_identity(folder: &Path, handle: &str, people: People<'_>) -> Self {
        Self::equipped(folder, handle, people, Equipment::default(), |_| {})
    }

    fn equipped(
        folder: &Path,
        handle: &str,
        people: People<'_>,
        equipment: Equipment,
        change: impl FnOnce(&mut Place),
    ) -> Self {
        let mut place = Place::new(folder.join(handle));
        let network = Proxy::start(place.link);
        if !equipment.direct {
            place.advertise = network.address().to_string();
        }
        place.engine = equipment.engine;
        let clock = equipment.clock.then(|| Clock::new(&place.folder));
        place.environment = clock.iter().flat_map(Clock::environment).collect();
        change(&mut place);
        let mut daemon = Daemon::new(place);
        daemon.start();
        Self {
            handle: handle.to_owned(),
            daemon,
            network,
            clock,
            administrator: people.administrator.to_owned(),
            member: people.member.0.to_owned(),
        }
    }

    /// An organisation that exists.
    #[must_use]
    pub fn begin(folder: &Path, handle: &str, people: People<'_>) -> Self {
        Self::begin_with(folder, handle, people, Equipment::default())
    }

    /// An organisation that exists, on equipment of one's choice.
    #[must_use]
    pub fn begin_with(
        folder: &Path,
        handle: &str,
        people: People<'_>,
        equipment: Equipment,
    ) -> Self {
        Self::begin_at(folder, handle, people, equipment, |_| {})
    }

    /// The same, whose daemon is at a place that was changed before its first start.
    #[must_use]
    pub fn begin_at(
        folder: &Path,
        handle: &str,
        people: People<'_>,
        equipment: Equipment,
        change: impl FnOnce(&mut Place),
    ) -> Self {
        let organisation = Self::equipped(folder, handle, people, equipment, change);
        let endpoint = organisation.daemon.place.advertise.clone();
        let foedus = organisation.foedus();
        let administrator = people.administrator;
        foedus.must(&[
            "init",
            handle,
            "--endpoint",
            &endpoint,
            "--administrator",
            administrator,
        ]);
        let (member, name) = people.member;
        foedus
            .named(administrator)
            .must(&["member", "add", member, "--name", name]);
        organisation
    }

    /// `foedus` at the administration socket, in nobody's name.
    #[must_use]
    pub fn foedus(&self) -> Foedus {
        self.daemon.place.foedus()
    }

    /// `foedus` for the administrator.
    #[must_use]
    pub fn administrator(&self) -> Foedus {
        self.foedus().named(&self.administrator)
    }

    /// `foedus` for the member.
    #[must_use]
    pub fn member(&self) -> Foedus {
        self.foedus().named(&self.member)
    }

    /// Its clock, to be set wrong.
    #[track_caller]
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.clock.as_ref().expect("its clock can be set")
    }

    /// Its identifier, as partners know it and its exports say.
    #[must_use]
    pub fn id(&self) -> String {
        text(
            &self.foedus().json(&["identity", "show"]),
            "organisation_id",
        )
    }

    /// Waits until one of its metrics, given by name and labels, is as it should be.
    #[track_caller]
    pub fn counts(&self, metric: &str, wanted: impl Fn(i64) -> bool) {
        eventually(&format!("{metric} to be counted"), LATER, || {
            let counted = self.daemon.place.metric(metric)?;
            let found = counted.is_some_and(&wanted);
            found.then_some(()).ok_or(format!("{counted:?}"))
        });
    }

    /// Waits until the link with `partner` is up.
    #[track_caller]
    pub fn linked_with(&self, partner: &str) {
        let administrator = self.administrator();
        eventually(&format!("a link with {partner}"), LATER, || {
            let shown = told(administrator.try_json(&["partner", "show", partner]))?;
            is(shown["link_state"].as_str(), Some("up")).map_err(|_| shown.to_string())
        });
    }

    /// Waits until the link with `partner` is seen to be gone.
    #[track_caller]
    pub fn cut_off_from(&self, partner: &str) {
        let administrator = self.administrator();
        eventually(&format!("no link with {partner}"), LATER, || {
            let shown = told(administrator.try_json(&["partner", "show", partner]))?;
            let gone = shown["link_state"].as_str() != Some("up");
            gone.then_some(()).ok_or(shown.to_string())
        });
    }

    /// Waits until `channel` is open for all its organisations.
    #[track_caller]
    pub fn shares(&self, channel: &str) {
        let member = self.administrator();
        eventually(&format!("{channel} to be shared"), SOON, || {
            let shown = told(member.try_json(&["channel", "show", channel]))?;
            let open = shown["state"] == "open" && shown["shared"] == true;
            let agreed = shown["participants"].as_array().is_some_and(|all| {
                all.len() == 2 && all.iter().all(|one| one["consented"] == true)
            });
            if open && agreed {
                Ok(())
            } else {
                Err(shown.to_string())
            }
        });
    }

    /// All messages of a channel, in the order of the timeline.
    #[track_caller]
    #[must_use]
    pub fn messages(&self, channel: &str) -> Vec<Value> {
        told(self.try_messages(channel)).expect("history can be read")
    }

    /// The same, if it can be read.
    pub fn try_messages(&self, channel: &str) -> Result<Vec<Value>, Answer> {
        let arguments = ["history", channel, "--oldest", "--limit", "1000000"];
        let mut page = self.member().try_json(&arguments)?;
        match page["messages"].take() {
            Value::Array(messages) => Ok(messages),
            other => panic!("no list of messages: {other}"),
        }
    }

    /// The texts of what was posted, in the order of the timeline.
    #[track_caller]
    #[must_use]
    pub fn texts(&self, channel: &str) -> Vec<String> {
        texts_of(&self.messages(channel))
    }
}

/// The texts of what was posted.
#[must_use]
pub fn texts_of(messages: &[Value]) -> Vec<String> {
    let posted = messages
        .iter()
        .filter(|message| message["kind"] == "posted");
    posted.map(|message| text(message, "text")).collect()
}

/// A field that is text.
#[track_caller]
#[must_use]
pub fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
        .to_owned()
}

/// A refused command as a text.
pub fn told<T>(result: Result<T, Answer>) -> Result<T, String> {
    result.map_err(|answer| format!("{}: {}", answer.command, answer.err))
}
