//! What is checked in the text of the sources: that each file says what it is for, and that the
//! pure crates ask nobody for the time, for chance, for threads or for an order that varies.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

/// What the pure sources must not say, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("SystemTime", "time comes in as an argument"),
    ("Instant", "time comes in as an argument"),
    ("std::thread", "the daemon owns threads"),
    ("tokio::", "the daemon owns tasks"),
    ("async fn", "the core is not async"),
    (".await", "the core is not async"),
    ("tracing::", "tracing is the daemon's"),
    ("getrandom", "randomness comes in as an argument"),
    ("rand::", "randomness comes in as an argument"),
    ("HashMap", "its order varies; take a BTreeMap"),
    ("HashSet", "its order varies; take a BTreeSet"),
];

/// Folders of sources that are pure, and what of them is not.
const PURE: &[(&str, &[&str])] = &[
    ("policy/src", &[]),
    ("federation/src", &["federation/src/transport"]),
];

/// The step.
pub fn check(workspace: &Workspace, _log: &mut Log) -> anyhow::Result<Outcome> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        for file in files(package.folder())? {
            if !says_what_it_is_for(&file, &read(&file)?) {
                let file = shown(workspace, &file);
                findings.push(format!("{file}: no `//!` on top that says what it is for"));
            }
        }
    }
    for (folder, exempt) in PURE {
        let exempt: Vec<PathBuf> = exempt
            .iter()
            .map(|path| workspace.root.join(path))
            .collect();
        for file in files(&workspace.root.join(folder))? {
            let stem = file.with_extension("");
            if exempt
                .iter()
                .any(|path| stem == *path || file.starts_with(path))
            {
                continue;
            }
            for (line, word, why) in impurities(&read(&file)?) {
                let file = shown(workspace, &file);
                findings.push(format!("{file}:{line}: {word} in a pure crate: {why}"));
            }
        }
    }
    Ok(Outcome::of_findings(findings))
}

/// All Rust files under a folder, in the order of their names.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        let entries = fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
            if path.is_dir() && !hidden && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Unit tests in a file of their own are for the file that they lie beside.
fn says_what_it_is_for(file: &Path, source: &str) -> bool {
    file.file_name().is_some_and(|name| name == "tests.rs") || source.starts_with("//!")
}

/// Each forbidden word outside comments: its line, itself, and why.
fn impurities(source: &str) -> Vec<(usize, &'static str, &'static str)> {
    let mut found = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (word, why) in FORBIDDEN {
            if contains_word(code, word) {
                found.push((index + 1, *word, *why));
            }
        }
    }
    found
}

/// Does `word` stand in `code` without being the end or the beginning of a longer name?
fn contains_word(code: &str, word: &str) -> bool {
    let in_name = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let begins_free = !word.starts_with(in_name) || !before.is_some_and(in_name);
        let ends_free = !word.ends_with(in_name) || !after.is_some_and(in_name);
        begins_free && ends_free
    })
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))
}

fn shown(workspace: &Workspace, file: &Path) -> String {
    file.strip_prefix(&workspace.root)
        .unwrap_or(file)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{impurities, says_what_it_is_for};

    fn check(source: &str, expected: &[(usize, &str)]) {
        let found: Vec<(usize, &str)> = impurities(source)
            .into_iter()
            .map(|(line, word, _)| (line, word))
            .collect();
        assert_eq!(found, expected, "in {source:?}");
    }

    #[test]
    fn a_clock_is_found() {
        check("use std::time::SystemTime;", &[(1, "SystemTime")]);
        check("let a = 1;\nlet b = Instant::now();", &[(2, "Instant")]);
        check(
            "let map: std::collections::HashMap<u8, u8> = x;",
            &[(1, "HashMap")],
        );
        check("pub async fn run() {}", &[(1, "async fn")]);
        check("let x = future.await;", &[(1, ".await")]);
    }

    #[test]
    fn comments_and_longer_names_are_not() {
        check("// no SystemTime here", &[]);
        check("let a = 1; // not a HashMap", &[]);
        check("let operand::Instantaneous = a;", &[]);
        check("grand::total()", &[]);
    }

    #[test]
    fn the_head_of_a_file() {
        assert!(says_what_it_is_for(Path::new("a/tree.rs"), "//! A tree.\n"));
        assert!(says_what_it_is_for(
            Path::new("a/tree/tests.rs"),
            "use super::*;\n"
        ));
        assert!(!says_what_it_is_for(Path::new("a/tree.rs"), "// A tree.\n"));
        assert!(!says_what_it_is_for(Path::new("a/tree.rs"), ""));
    }
}
