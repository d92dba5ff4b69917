//! Whether a daemon that starts on what a cut left kept what it had promised.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use foedus_daemon::store::EngineKind;
use serde_json::Value;

use super::disk::Tree;
use super::load::{CHANNEL, Promise};
use crate::harness::command::Foedus;
use crate::harness::daemon::{Daemon, Place};
use crate::harness::two::{ACME_LAUNCH, GLOBEX_PEOPLE};

/// What a person posts after the cut.
const AFTER: &str = "after the cut";

/// How it begins to be said that a promise is broken.
pub const NOT_THERE: &str = "was acknowledged and is not there";

/// Lays a tree into an empty folder, for its owner alone, as the daemon makes it.
pub fn lay(tree: &Tree, folder: &Path) {
    fs::create_dir_all(folder).expect("the folder can be made");
    for path in &tree.folders {
        fs::create_dir(folder.join(path)).expect("the folder can be made");
    }
    for (path, held) in &tree.files {
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let written = options
            .open(folder.join(path))
            .and_then(|mut file| file.write_all(held));
        written.expect("the file can be written");
    }
}

/// What lies in a folder.
#[must_use]
pub fn taken(folder: &Path) -> Tree {
    let mut tree = Tree::default();
    take(folder, Path::new(""), &mut tree);
    tree
}

fn take(folder: &Path, path: &Path, tree: &mut Tree) {
    let mut names: Vec<_> = fs::read_dir(folder.join(path))
        .expect("the folder can be read")
        .map(|entry| entry.expect("it can be read"))
        .collect();
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let path = path.join(entry.file_name());
        let kind = entry.file_type().expect("it has a kind");
        if kind.is_dir() {
            tree.folders.push(path.clone());
            take(folder, &path, tree);
        } else if kind.is_file() {
            let held = fs::read(entry.path()).expect("the file can be read");
            tree.files.insert(path, held);
        }
    }
}

/// What a daemon on `tree` broke; nothing, if all is well. `folder` is empty.
#[must_use]
pub fn check(
    folder: &Path,
    engine: EngineKind,
    tree: &Tree,
    promised: &[&Promise],
    sent: &[String],
) -> Vec<String> {
    let mut place = Place::new(folder.to_owned());
    place.engine = Some(engine);
    lay(tree, &place.data());
    let mut daemon = Daemon::new(place);
    if let Err(why) = daemon.try_start() {
        return vec![format!("it does not start: {why}")];
    }
    let gwen = daemon.place.foedus().named(GLOBEX_PEOPLE.member.0);
    let (own, shared) = match (times(&gwen, CHANNEL), times(&gwen, ACME_LAUNCH)) {
        (Ok(own), Ok(shared)) => (own, shared),
        (Err(why), _) | (_, Err(why)) => return vec![format!("history can't be read: {why}")],
    };
    let channels = match gwen.try_json(&["channel", "list"]) {
        Ok(channels) => channels,
        Err(answer) => return vec![format!("channels can't be listed: {}", answer.err)],
    };
    let mut broken: Vec<String> = Vec::new();
    for promise in promised {
        let kept = match promise {
            Promise::Message(text) => own.contains_key(text),
            Promise::Received(text) => shared.contains_key(text),
            Promise::Channel(name) => {
                let mut all = channels["channels"].as_array().into_iter().flatten();
                all.any(|channel| channel["name"] == name.as_str())
            }
        };
        if !kept {
            broken.push(format!("{NOT_THERE}: {}", shown(promise)));
        }
    }
    let sent: BTreeSet<&String> = sent.iter().collect();
    for (text, times) in own.iter().chain(&shared) {
        if *times > 1 || !sent.contains(text) {
            broken.push(format!(
                "is there {times} times, or was never sent: {text:.40}"
            ));
        }
    }
    if let Err(answer) = gwen.try_json(&["post", CHANNEL, AFTER]) {
        broken.push(format!("nothing can be posted: {}", answer.err));
    }
    broken
}

/// How often each message is in a channel.
fn times(reader: &Foedus, channel: &str) -> Result<BTreeMap<String, u32>, String> {
    let read = ["history", channel, "--oldest", "--limit", "1000000"];
    let mut history = reader.try_json(&read).map_err(|answer| answer.err)?;
    let mut times = BTreeMap::new();
    for message in history["messages"].as_array_mut().into_iter().flatten() {
        if message["kind"] != "posted" {
            continue;
        }
        if let Value::String(text) = message["text"].take() {
            *times.entry(text).or_default() += 1;
        }
    }
    Ok(times)
}

fn shown(promise: &Promise) -> String {
    match promise {
        Promise::Message(text) => format!("message {text:.40}"),
        Promise::Received(text) => format!("the partner's message {text:.40}"),
        Promise::Channel(name) => format!("channel {name}"),
    }
}
