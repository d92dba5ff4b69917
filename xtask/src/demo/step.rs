//! The demo as a step of the test command: told to its end and left running, gone on with as it says, ended as it
//! says; and told once more and interrupted, which must leave nothing behind.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::demo::processes::Processes;
use crate::demo::teller::eventually;
use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

/// As a shell says of a command that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// The step.
pub fn check(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let ourselves = std::env::current_exe().context("where this program is")?;
    let mut told = Command::new(&ourselves);
    told.args(["demo", "--keep"]).current_dir(&workspace.root);
    if !log.run(&mut told)? {
        return Ok(log.failed());
    }
    let text = log.text();
    let took = text
        .lines()
        .find(|line| line.starts_with("✓ The whole story"));
    let took = took.map(|line| line.trim_start_matches("✓ ").to_owned());
    let processes = Processes::default();
    let gone_on = go_on(workspace, &processes, &text);
    processes.end_all(|| {});
    // Ended as it says also when something was wrong before.
    let ended = end(log, &text);
    gone_on.and(ended)?;
    interrupt(workspace, &ourselves)?;
    Ok(Outcome::Passed(took))
}

/// Types what `--keep` says in two terminals: each must see what was typed in both.
fn go_on(workspace: &Workspace, processes: &Processes, text: &str) -> anyhow::Result<()> {
    let mut terminals = Vec::new();
    for name in ["Acme", "Globex"] {
        let path = workspace.scratch().join(format!("demo-{name}.log"));
        let out = File::create(&path)?;
        // The terminal is closed when nothing more comes to be typed, and its tail with it.
        let script = format!("{}\nread end || kill $!\n", typed_under(text, name)?);
        let mut shell = Command::new("sh");
        shell
            .args(["-eu", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(out.try_clone()?)
            .stderr(out);
        let keyboard = processes.start(name, &mut shell)?.input;
        terminals.push((name, path, keyboard));
    }
    for (name, path, _) in &terminals {
        eventually(|| {
            let seen = fs::read_to_string(path)?;
            let handle = format!("{}.example", name.to_lowercase());
            for wanted in [
                &handle,
                "Posted: ",
                "Hello from Acme.",
                "Hello from Globex.",
            ] {
                ensure!(
                    seen.contains(wanted),
                    "what --keep says to type was to show {wanted:?} at {name}, and showed:\n{seen}"
                );
            }
            Ok(())
        })?;
    }
    for (name, _, keyboard) in terminals {
        drop(keyboard);
        eventually(|| {
            ensure!(processes.has_ended(name)?, "the shell of {name} goes on");
            Ok(())
        })?;
    }
    Ok(())
}

/// Types the line that ends it: no process and no file is left.
fn end(log: &mut Log, text: &str) -> anyhow::Result<()> {
    let line = typed_under(text, "To end both, and to remove what they stored")?;
    ensure!(
        log.run(Command::new("sh").args(["-eu", "-c", &line]))?,
        "`{line}` failed"
    );
    let folder = line.split(' ').next_back().unwrap_or_default();
    nothing_is_left(Path::new(folder))
}

/// Tells the story anew, and interrupts it as Ctrl-C does.
fn interrupt(workspace: &Workspace, ourselves: &Path) -> anyhow::Result<()> {
    let path = workspace.scratch().join("demo-interrupted.log");
    let out = File::create(&path)?;
    let mut command = Command::new(ourselves);
    command
        .arg("demo")
        .current_dir(&workspace.root)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out);
    let mut child = command.spawn().context("the demo can't be started")?;
    let id = child.id();
    let told = eventually(|| {
        let told = fs::read_to_string(&path)?;
        ensure!(told.contains("── 2."), "the demo does not begin:\n{told}");
        Ok(())
    });
    let interrupted = Command::new("kill")
        .args(["-INT", &id.to_string()])
        .status()?;
    let ended = eventually(|| child.try_wait()?.context("the demo goes on after SIGINT"));
    if ended.is_err() {
        // It is ours, and may not outlive us.
        child.kill().ok();
        child.wait().ok();
    }
    told?;
    ensure!(interrupted.success(), "the demo can't be interrupted");
    let status = ended?;
    ensure!(
        status.code() == Some(INTERRUPTED),
        "the interrupted demo ended with {status}"
    );
    nothing_is_left(&std::env::temp_dir().join(format!("foedus-demo-{id}")))
}

/// The folder of a demo is gone, and no process works in it.
fn nothing_is_left(folder: &Path) -> anyhow::Result<()> {
    ensure!(!folder.exists(), "{} is left behind", folder.display());
    let name = folder.to_string_lossy().into_owned();
    eventually(|| {
        // Where there is no /proc, nothing can be said of processes.
        for process in fs::read_dir("/proc").into_iter().flatten() {
            let read = |file| fs::read(process.as_ref().ok()?.path().join(file)).ok();
            // A command is told by its environment where to go.
            let known = [read("cmdline"), read("environ")].map(Option::unwrap_or_default);
            let known = known.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
            let here = known.iter().any(|text| text.contains(&name));
            ensure!(!here, "left behind: {}", known[0]);
        }
        Ok(())
    })
}

/// The lines that stand to be typed under `# <title>`.
fn typed_under(text: &str, title: &str) -> anyhow::Result<String> {
    let head = format!("  # {title}");
    let mut lines = text.lines().skip_while(|line| **line != head);
    lines.next().with_context(|| format!("no {head:?}"))?;
    let typed: Vec<&str> = lines.map_while(|line| line.strip_prefix("  ")).collect();
    ensure!(!typed.is_empty(), "nothing is to be typed under {head:?}");
    Ok(typed.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::typed_under;

    #[test]
    fn what_is_to_be_typed_stands_under_its_title() {
        let text = "\nTold.\n\n  # Acme\n  export A=1\n  foedus status\n\n  # End\n  kill 7\n";
        let typed = |title| typed_under(text, title).ok();
        assert_eq!(typed("Acme").as_deref(), Some("export A=1\nfoedus status"));
        assert_eq!(typed("End").as_deref(), Some("kill 7"));
        assert_eq!(typed("Globex"), None);
    }
}
