//! What a follower printed, held against what was posted: each message once, in the order of its author, under the
//! name of its author and organisation, and nothing else.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};

/// What somebody posted, by what a reader has to print before each text.
pub type Posted = BTreeMap<String, Vec<String>>;

/// Ends the line of somebody who joined (who opened a channel, once more when it is shared); everything else in the
/// channel of this stage is a message.
pub const JOINED: &str = " joined";

/// Holds the lines that one follower printed against all that was posted.
pub fn compare(lines: &[String], posted: &Posted) -> anyhow::Result<()> {
    let mut read: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.ends_with(JOINED)) {
        let said = posted
            .keys()
            .find_map(|author| Some((author, line.strip_prefix(author)?)));
        let (author, said) = said.with_context(|| format!("{line:?} is of nobody who posts"))?;
        let text = said.strip_prefix(": ");
        let text =
            text.with_context(|| format!("{line:?} is no message, and nothing else was written"))?;
        read.entry(author).or_default().push(text);
    }
    for (author, texts) in posted {
        let read = read.remove(author.as_str()).unwrap_or_default();
        for (at, expected) in texts.iter().enumerate() {
            let found = read.get(at).copied().unwrap_or("nothing");
            ensure!(
                found == expected,
                "message {} of {author} was printed as {found:?}, and is {expected:?}; {} of {} were printed",
                at + 1,
                read.len(),
                texts.len()
            );
        }
        let more = &read[texts.len()..];
        ensure!(
            more.is_empty(),
            "of {author} were printed and not posted: {more:?}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Posted, compare};

    fn check(lines: &[&str], expected: Result<(), &str>) {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let posted = Posted::from([
            ("[acme] Anna".to_owned(), texts(&["one", "two", "three"])),
            ("[globex, external] Gwen".to_owned(), texts(&["a: b"])),
        ]);
        let lines: Vec<String> = texts(lines);
        let found = compare(&lines, &posted).map_err(|error| error.to_string());
        match (&found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            _ => panic!("{found:?} of {lines:?}"),
        }
    }

    const JOINED: &str = "[globex, external] Gina joined";
    const GWEN: &str = "[globex, external] Gwen: a: b";
    const ANNA: [&str; 3] = ["[acme] Anna: one", "[acme] Anna: two", "[acme] Anna: three"];

    #[test]
    fn all_of_it_in_the_order_of_each() {
        check(&[JOINED, ANNA[0], ANNA[1], GWEN, ANNA[2]], Ok(()));
        check(&[GWEN, ANNA[0], ANNA[1], ANNA[2]], Ok(()));
    }

    #[test]
    fn a_message_that_is_missing() {
        check(
            &[GWEN, ANNA[0], ANNA[2]],
            Err("message 2 of [acme] Anna was printed as \"three\""),
        );
        check(
            &[GWEN, ANNA[0], ANNA[1]],
            Err("message 3 of [acme] Anna was printed as \"nothing\""),
        );
        check(&ANNA, Err("message 1 of [globex, external] Gwen"));
    }

    #[test]
    fn a_message_that_is_repeated_or_out_of_its_order() {
        check(
            &[GWEN, ANNA[0], ANNA[1], ANNA[1], ANNA[2]],
            Err("message 3 of [acme] Anna"),
        );
        check(
            &[GWEN, ANNA[0], ANNA[1], ANNA[2], ANNA[2]],
            Err("printed and not posted"),
        );
        check(
            &[GWEN, ANNA[1], ANNA[0], ANNA[2]],
            Err("message 1 of [acme] Anna"),
        );
    }

    #[test]
    fn a_message_under_another_name() {
        check(&["[acme] Gwen: a: b"], Err("of nobody who posts"));
        check(&["[globex] Gwen: a: b"], Err("of nobody who posts"));
        check(&["[acme] Anna left"], Err("is no message"));
    }
}
