//! What a step claims of a command's output, and what is found in one.

use anyhow::{Context, ensure};

use crate::demo::screen::Said;
use crate::demo::stage::Ran;

/// What a program exits with when what was given can't do.
pub const BAD_DATA: i32 = 65;

/// What a program exits with when a rule refused.
pub const REFUSED: i32 = 77;

/// What a command's output must be like.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    exit: i32,
    says: &'a [&'a str],
    never: &'a [&'a str],
}

/// It succeeds and says all of this.
pub fn says<'a>(says: &'a [&'a str]) -> Claim<'a> {
    exits(0, says)
}

/// A rule refuses it, and all of this is said.
pub fn refused<'a>(says: &'a [&'a str]) -> Claim<'a> {
    exits(REFUSED, says)
}

/// It exits with this and says all of this.
pub fn exits<'a>(exit: i32, says: &'a [&'a str]) -> Claim<'a> {
    Claim {
        exit,
        says,
        never: &[],
    }
}

impl<'a> Claim<'a> {
    /// And it says nothing of this.
    pub fn without(self, never: &'a [&'a str]) -> Self {
        Self { never, ..self }
    }

    /// Whether the output is as claimed; if not, what was claimed and what was said.
    pub fn check(&self, ran: &Ran) -> anyhow::Result<()> {
        let Said { command, output } = &ran.said;
        ensure!(
            ran.exit == self.exit,
            "`{command}` was expected to exit with {}, and exited with {}:\n{output}",
            self.exit,
            ran.exit
        );
        for text in self.says {
            ensure!(
                output.contains(text),
                "`{command}` was expected to say {text:?}, and said:\n{output}"
            );
        }
        for text in self.never {
            ensure!(
                !output.contains(text),
                "`{command}` was expected not to say {text:?}, and said:\n{output}"
            );
        }
        Ok(())
    }
}

/// Is each of `texts`, which were acknowledged, among `found`, and nothing of `found` there twice?
pub fn once_each<'a>(
    found: impl Iterator<Item = &'a str>,
    texts: &[String],
    whose: &str,
) -> anyhow::Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for text in found {
        ensure!(seen.insert(text), "{text:?} is twice in {whose}");
    }
    let missing = texts.iter().find(|text| !seen.contains(text.as_str()));
    ensure!(
        missing.is_none(),
        "{missing:?} was acknowledged, and is not in {whose}"
    );
    Ok(())
}

/// The first word that begins with `prefix`.
pub fn word_that_begins(output: &str, prefix: &str) -> anyhow::Result<String> {
    let mut words = output.split([' ', '\n', ',', ':']);
    let word = words.find(|word| word.starts_with(prefix));
    Ok(word
        .with_context(|| format!("nothing begins with {prefix} in:\n{output}"))?
        .to_owned())
}

/// What follows `prefix` on the first line that has it.
pub fn after(output: &str, prefix: &str) -> anyhow::Result<String> {
    let rest = output.lines().find_map(|line| line.split_once(prefix));
    let (_, rest) = rest.with_context(|| format!("nothing follows {prefix:?} in:\n{output}"))?;
    Ok(rest.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{after, once_each, refused, says, word_that_begins};
    use crate::demo::screen::Said;
    use crate::demo::stage::Ran;

    #[test]
    fn a_claim_is_about_the_exit_code_and_what_is_said_and_not_said() {
        let ran = Ran {
            said: Said {
                command: "foedus status".to_owned(),
                output: "All is well.".to_owned(),
            },
            exit: 0,
        };
        assert!(says(&["All", "well"]).check(&ran).is_ok());
        assert!(says(&["All"]).without(&["ill"]).check(&ran).is_ok());
        assert!(says(&["sick"]).check(&ran).is_err());
        assert!(says(&[]).without(&["well"]).check(&ran).is_err());
        assert!(refused(&["All"]).check(&ran).is_err());
    }

    #[test]
    fn what_is_needed_later_is_found_in_what_was_said() {
        let output = "The request to share is REQ-0001, waiting.\nSix words:  a b c d e f\n";
        assert_eq!(
            word_that_begins(output, "REQ-").ok().as_deref(),
            Some("REQ-0001")
        );
        assert_eq!(
            after(output, "Six words:").ok().as_deref(),
            Some("a b c d e f")
        );
        assert!(word_that_begins(output, "inv_").is_err());
    }

    #[test]
    fn missing_and_repeated_messages_are_noticed() {
        let texts = ["Item 1.".to_owned(), "Item 2.".to_owned()];
        let check = |found: &[&str]| once_each(found.iter().copied(), &texts, "the history");
        assert!(check(&["Item 1.", "Item 2.", "More."]).is_ok());
        assert!(check(&["Item 1."]).is_err());
        assert!(check(&["Item 1.", "Item 2.", "Item 1."]).is_err());
        assert!(check(&["Item 1.", "Item 2.", "More.", "More."]).is_err());
    }
}
