//! Examples in the documentation, which cargo-nextest does not run.

use crate::sources::files;
use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

/// Is there any example that can be run?
pub fn any(workspace: &Workspace) -> anyhow::Result<bool> {
    for package in &workspace.packages {
        for file in files(&package.folder().join("src"))? {
            if has_example(&std::fs::read_to_string(&file)?) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The step.
pub fn run(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let features = workspace.features();
    log.pass(&mut workspace.cargo(&["test", "--doc", "--workspace", "--features", &features]))
}

/// A fence in a doc comment that opens a block of Rust. Fences come in pairs, so that every second
/// one closes.
fn has_example(source: &str) -> bool {
    let mut open = false;
    for line in source.lines() {
        let line = line.trim_start();
        let Some(comment) = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
        else {
            open = false;
            continue;
        };
        let Some(language) = comment.trim_start().strip_prefix("```") else {
            continue;
        };
        let foreign = ["text", "console", "toml", "json", "ignore", "proto", "sh"];
        if !open && !foreign.contains(&language.trim()) {
            return true;
        }
        open = !open;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_example;

    #[test]
    fn examples() {
        assert!(has_example("/// ```\n/// let a = 1;\n/// ```\n"));
        assert!(has_example("    /// ```no_run\n"));
        assert!(!has_example("//! ```text\n//! a → b\n//! ```\n"));
        assert!(!has_example("let fence = \"```\";\n"));
    }
}
