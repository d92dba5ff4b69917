//! Whether a daemon that starts on what a cut left kept what it had promised.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use foedus_daemon::store::EngineKind;

use super::disk::Tree;
use super::load::{CHANNEL, Promise};
use crate::harness::daemon::{Daemon, Place};

/// What a person posts after the cut.
const AFTER: &str = "after the cut";

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
    let anna = daemon.place.foedus().named("anna");
    let read = ["history", CHANNEL, "--oldest", "--limit", "1000000"];
    let history = match anna.try_json(&read) {
        Ok(history) => history,
        Err(answer) => return vec![format!("history can't be read: {}", answer.err)],
    };
    let channels = match anna.try_json(&["channel", "list"]) {
        Ok(channels) => channels,
        Err(answer) => return vec![format!("channels can't be listed: {}", answer.err)],
    };
    let mut times = BTreeMap::<&str, u32>::new();
    for message in history["messages"].as_array().into_iter().flatten() {
        if let (Some("posted"), Some(text)) = (message["kind"].as_str(), message["text"].as_str()) {
            *times.entry(text).or_default() += 1;
        }
    }
    let mut broken: Vec<String> = Vec::new();
    for promise in promised {
        let kept = match promise {
            Promise::Message(text) => times.contains_key(text.as_str()),
            Promise::Channel(name) => {
                let mut all = channels["channels"].as_array().into_iter().flatten();
                all.any(|channel| channel["name"] == name.as_str())
            }
        };
        if !kept {
            broken.push(format!(
                "was acknowledged and is not there: {}",
                shown(promise)
            ));
        }
    }
    for (text, times) in times {
        if times > 1 || !sent.iter().any(|known| known == text) {
            broken.push(format!(
                "is there {times} times, or was never sent: {text:.40}"
            ));
        }
    }
    if let Err(answer) = anna.try_json(&["post", CHANNEL, AFTER]) {
        broken.push(format!("nothing can be posted: {}", answer.err));
    }
    broken
}

fn shown(promise: &Promise) -> String {
    match promise {
        Promise::Message(text) => format!("message {text:.40}"),
        Promise::Channel(name) => format!("channel {name}"),
    }
}
