//! What is checked in the project's papers: a promise names tests that exist, and a file that is
//! named is there. A paper that nobody checks is out of date within a month.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::step::{Log, Outcome};
use crate::workspace::{Package, Workspace};

/// How many promises there are: P1 to this.
const PROMISES: u32 = 12;

/// Where what the doctor finds has its names.
const DOCTOR: &str = "daemon/src/doctor.rs";

/// Where what is counted has its names.
const METRICS: &str = "daemon/src/metrics.rs";

/// Where the steps of the test command have their names.
const STEPS: &str = "xtask/src/test.rs";

/// File names that end like this are looked for.
const NAMED: &[&str] = &[
    ".rs", ".md", ".toml", ".proto", ".py", ".ts", ".txt", ".note",
];

/// The step.
pub fn check(workspace: &Workspace, _log: &mut Log) -> anyhow::Result<Outcome> {
    let root = &workspace.root;
    let docs = root.join("docs");
    let mut findings = Vec::new();
    let mut papers = vec![
        "README.md".into(),
        "CONTRIBUTING.md".into(),
        "CHANGELOG.md".into(),
    ];
    for entry in fs::read_dir(&docs).context("docs/ can't be read")? {
        papers.push(Path::new("docs").join(entry?.file_name()));
    }
    for entry in fs::read_dir(root.join("examples")).context("examples/ can't be read")? {
        papers.push(
            Path::new("examples")
                .join(entry?.file_name())
                .join("README.md"),
        );
    }
    papers.sort();
    for paper in papers {
        let text = fs::read_to_string(root.join(&paper))
            .with_context(|| format!("{} can't be read", paper.display()))?;
        let there = |file: &str| {
            let folders = workspace.packages.iter().map(Package::folder);
            let mut bases = folders.chain([root.as_path(), &docs]);
            bases.any(|base| base.join(file).exists())
        };
        for file in named_files(&text).into_iter().filter(|file| !there(file)) {
            findings.push(format!(
                "{} names {file}, which is not there",
                paper.display()
            ));
        }
        let source = |file: &str| {
            let read = fs::read_to_string(root.join(file));
            read.with_context(|| format!("{file} can't be read"))
        };
        if paper.ends_with("CONTRIBUTING.md") {
            findings.extend(steps(&text, &source(STEPS)?));
        }
        if paper.ends_with("OPERATING.md") {
            findings.extend(findings_of_doctor(&text, &source(DOCTOR)?));
            findings.extend(metrics_of_daemon(&text, &source(METRICS)?));
        }
        if paper.ends_with("PROMISES.md") {
            findings.extend(promises(&text, |file| {
                fs::read_to_string(root.join(file)).ok()
            }));
        }
    }
    Ok(Outcome::of_findings(findings))
}

/// The files that a paper names between back-ticks, seen from the project's folder, a crate's, or
/// the papers'.
fn named_files(paper: &str) -> Vec<&str> {
    let quoted = paper.lines().flat_map(quoted);
    quoted
        .filter(|word| word.contains('/') && NAMED.iter().any(|end| word.ends_with(end)))
        .filter(|word| {
            word.chars()
                .all(|c| c.is_ascii_alphanumeric() || "/_-.".contains(c))
        })
        .collect()
}

/// What is wrong with the table of steps: those that are run stand in it, in their order.
fn steps(paper: &str, source: &str) -> Option<String> {
    let run = before_tests(source).split("name: \"").skip(1);
    let run: Vec<&str> = run.filter_map(|rest| rest.split('"').next()).collect();
    let told: Vec<&str> = table(paper, "step").collect();
    (run.is_empty() || run != told).then(|| {
        format!("CONTRIBUTING.md has the steps {told:?} in its table, {STEPS} runs {run:?}")
    })
}

/// What is wrong with the handbook's table of findings: each that the doctor can make stands in it, and no other.
fn findings_of_doctor(paper: &str, source: &str) -> Vec<String> {
    let made = before_tests(source).split('"').skip(1).step_by(2);
    let made: BTreeSet<&str> = made.filter(|word| is_reason(word)).collect();
    let explained: BTreeSet<&str> = names(paper, "finding").collect();
    differences(&made, &explained, "finding", DOCTOR)
}

/// What is wrong with the handbook's table of metrics: each stands in the source, with the ending that its kind gives it.
/// Not each has a line there, for not each is an alarm.
fn metrics_of_daemon(paper: &str, source: &str) -> Vec<String> {
    let source = before_tests(source);
    let registered = source.split(".register(").skip(1);
    let registered: BTreeSet<String> = registered
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .map(|name| format!("foedus_{name}"))
        .collect();
    let mut named = names(paper, "metric").peekable();
    if named.peek().is_none() || registered.is_empty() {
        return vec![format!("docs/OPERATING.md or {METRICS} names no metric")];
    }
    let unknown = named.filter(|name| {
        let counter = name.strip_suffix("_total").unwrap_or(name);
        !registered.contains(counter)
    });
    unknown
        .map(|name| format!("docs/OPERATING.md: {METRICS} has no metric {name}"))
        .collect()
}

fn differences(
    made: &BTreeSet<&str>,
    explained: &BTreeSet<&str>,
    what: &str,
    file: &str,
) -> Vec<String> {
    if made.is_empty() {
        return vec![format!("{file} names no {what}")];
    }
    let missing = made.difference(explained);
    let missing =
        missing.map(|name| format!("docs/OPERATING.md does not explain the {what} {name}"));
    let superfluous = explained.difference(made);
    let superfluous =
        superfluous.map(|name| format!("docs/OPERATING.md: {file} has no {what} {name}"));
    missing.chain(superfluous).collect()
}

/// What a source says before its tests begin: they name what they like.
fn before_tests(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap_or_default()
}

/// `LIKE_THIS`, of two words at least.
fn is_reason(word: &str) -> bool {
    word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// The names with a `_` in the first column of the table whose first column is called `head`.
fn names<'a>(paper: &'a str, head: &str) -> impl Iterator<Item = &'a str> {
    table(paper, head).filter(|word| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// What is quoted in the first column of the table whose first column is called `head`.
fn table<'a>(paper: &'a str, head: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("| {head} |");
    let rows = paper
        .lines()
        .skip_while(move |line| !line.starts_with(&head));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap_or_default()))
}

/// What is wrong with the paper of promises. A line that says who holds a promise is
/// ``- `file`: `test`, `test` ``.
fn promises(paper: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut findings = Vec::new();
    for number in 1..=PROMISES {
        if !paper
            .lines()
            .any(|line| line.starts_with(&format!("## P{number} ")))
        {
            findings.push(format!("docs/PROMISES.md says nothing of P{number}"));
        }
    }
    for line in paper.lines().filter(|line| line.starts_with("- `")) {
        let mut words = quoted(line);
        let file = words.next().unwrap_or_default();
        let source = read(file).unwrap_or_default();
        for test in words {
            match runs(&source, test) {
                Some(true) => {}
                Some(false) => findings.push(format!("docs/PROMISES.md: {test} is ignored")),
                None => findings.push(format!("docs/PROMISES.md: {file} has no test {test}")),
            }
        }
    }
    findings
}

/// Is there a test of this name, and is it run without being asked for? A macro that makes a test for each name that
/// it is given counts for the names that stand alone, each on a line with its comma.
fn runs(source: &str, test: &str) -> Option<bool> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let listed = format!("{test},");
    let made = lines.iter().any(|line| *line == listed);
    let head = format!("fn {test}(");
    let mut ran = None;
    for (at, line) in lines.iter().enumerate() {
        let Some(begin) = line.find("fn ").filter(|_| !line.starts_with("//")) else {
            continue;
        };
        if !(line[begin..].starts_with(&head) || made && line[begin..].starts_with("fn $")) {
            continue;
        }
        let attributes = attributes(&lines[..at]);
        let has = |begin: &str| attributes.iter().any(|line| line.starts_with(begin));
        if ["#[test]", "#[tokio::test]", "#[tokio::test("]
            .into_iter()
            .any(has)
        {
            ran = Some(ran == Some(true) || !has("#[ignore"));
        }
    }
    ran
}

/// The lines of the attributes that stand right above, nearest first. Where one is written on several lines, all of
/// them are given.
fn attributes<'a>(above: &[&'a str]) -> Vec<&'a str> {
    let near = above.iter().rev().take_while(|line| {
        let before = line.is_empty() || line.ends_with(['{', '}', ';']);
        !before || line.starts_with("//")
    });
    near.filter(|line| !line.starts_with("//"))
        .copied()
        .collect()
}

/// What stands between back-ticks in one line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::{PROMISES, findings_of_doctor, metrics_of_daemon, named_files, promises, steps};

    const SOURCE: &str = "#[test]\nfn first() {}\n\n#[test]\nfn second_one() {}\n\n\
        #[test]\n#[ignore = \"slow\"]\nfn slow() {}\n\n\
        fn helper() {}\n\n// #[test]\nfn no_more() {}\n\n// #[test]\n// fn gone() {}\n\n\
        #[tokio::test(\nflavor = \"multi_thread\"\n)]\n// Why.\nasync fn waits() {}\n\n\
        proptest! {\n#[test]\nfn random(number in 0..9) {}\n\nfn never(number in 0..9) {}\n}\n";

    const MADE: &str = "macro_rules! suite {\n($check:ident) => {\n\
        #[tokio::test]\nasync fn $check() {}\n};\n}\n\nsuite!([\n    whole,\n    one, two,\n]);\n";

    #[test]
    fn the_steps_stand_in_their_table_in_their_order() {
        let source = "Step {\n    name: \"one\",\n}, Step {\n    name: \"two\",\n}";
        let paper =
            |rows: &str| format!("| step | what it holds |\n|---|---|\n{rows}\nMore `words`.\n");
        assert_eq!(
            steps(&paper("| `one` | all |\n| `two` | all |"), source),
            None
        );
        for rows in ["| `one` | all |", "| `two` | all |\n| `one` | all |", ""] {
            assert!(steps(&paper(rows), source).is_some(), "{rows}");
        }
        assert!(steps(&paper(""), "nothing").is_some());
    }

    fn paper(line: &str) -> String {
        let heads: String = (1..=PROMISES)
            .map(|number| format!("## P{number} Name\n"))
            .collect();
        heads + line
    }

    fn read(file: &str) -> Option<String> {
        match file {
            "a/tests.rs" => Some(SOURCE.to_owned()),
            "a/suite.rs" => Some(MADE.to_owned()),
            _ => None,
        }
    }

    fn check(line: &str, expected: &[&str]) {
        assert_eq!(promises(&paper(line), read), expected, "of {line:?}");
    }

    #[test]
    fn tests_that_are_there() {
        check("- `a/tests.rs`: `first`, `second_one`", &[]);
        check("Not yet: `third`.", &[]);
        check("- `a/tests.rs`: `waits`, `random`", &[]);
        check("- `a/suite.rs`: `whole`", &[]);
    }

    #[test]
    fn tests_that_are_not() {
        check(
            "- `a/tests.rs`: `first`, `second`",
            &["docs/PROMISES.md: a/tests.rs has no test second"],
        );
        check(
            "- `b/tests.rs`: `first`",
            &["docs/PROMISES.md: b/tests.rs has no test first"],
        );
    }

    #[test]
    fn functions_that_are_no_tests() {
        for function in ["helper", "no_more", "gone", "never"] {
            let missing = format!("docs/PROMISES.md: a/tests.rs has no test {function}");
            check(&format!("- `a/tests.rs`: `{function}`"), &[&missing]);
        }
        check(
            "- `a/suite.rs`: `one`",
            &["docs/PROMISES.md: a/suite.rs has no test one"],
        );
    }

    #[test]
    fn tests_that_nobody_runs() {
        check(
            "- `a/tests.rs`: `slow`",
            &["docs/PROMISES.md: slow is ignored"],
        );
    }

    #[test]
    fn each_promise_has_its_place() {
        let paper = paper("").replace("## P7 ", "## 7 ");
        assert_eq!(
            promises(&paper, read),
            ["docs/PROMISES.md says nothing of P7"]
        );
    }

    const HANDBOOK: &str = "| metric | look when |\n|---|---|\n| `foedus_link_up` | it is 0 |\n\
        | `foedus_commits_total` with `outcome=\"disk_full\"` or `\"unknown\"` | it grows: `foedus_gone` |\n\n\
        | finding | what it means |\n|---|---|\n| `DISK_LOW` | little |\n| `A_B`, `C_D` | both |\n\n`NOT_IN_IT`\n";

    #[test]
    fn findings_that_the_handbook_explains() {
        let check = |source: &str, expected: &[&str]| {
            assert_eq!(
                findings_of_doctor(HANDBOOK, source),
                expected,
                "of {source}"
            );
        };
        check(
            "\"DISK_LOW\", \"A_B\" \"C_D\" \"text\"\n#[cfg(test)]\n\"E_F\"",
            &[],
        );
        check(
            "\"DISK_LOW\", \"A_B\", \"NOT_IN_IT\"",
            &[
                "docs/OPERATING.md does not explain the finding NOT_IN_IT",
                "docs/OPERATING.md: daemon/src/doctor.rs has no finding C_D",
            ],
        );
        check("", &["daemon/src/doctor.rs names no finding"]);
    }

    #[test]
    fn metrics_that_the_handbook_explains() {
        let check = |source: &str, expected: &[&str]| {
            assert_eq!(metrics_of_daemon(HANDBOOK, source), expected, "of {source}");
        };
        check(
            "r.register(\n  \"link_up\", x); r.register(\"commits\", y); r.register(\"more\", z)",
            &[],
        );
        check(
            "r.register(\"link_up\", x)\n#[cfg(test)]\nr.register(\"commits\", y)",
            &["docs/OPERATING.md: daemon/src/metrics.rs has no metric foedus_commits_total"],
        );
        check(
            "",
            &["docs/OPERATING.md or daemon/src/metrics.rs names no metric"],
        );
    }

    #[test]
    fn files() {
        let paper = "`a/b.rs` and `Cargo.toml`, `foedus/charter/v1`\n`x*/y.rs` `docs/A.md`";
        assert_eq!(named_files(paper), ["a/b.rs", "docs/A.md"]);
    }
}
