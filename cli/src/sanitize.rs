//! Makes text from outside harmless to show.
//!
//! Whatever comes from a daemon, a partner or a file goes through here before it reaches a
//! terminal: control characters, terminal escapes, characters that turn the writing direction and
//! characters that cannot be seen are shown as escapes. Knows nothing of what the text means.

use std::fmt::Write as _;

/// `text` as one line: every control character and every invisible one is shown as an escape.
pub fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            _ if is_dangerous(character) || is_invisible(character) => {
                escape(character, &mut shown)
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// `text` as a block: its lines are kept, each behind `indent`, so that no line of it can pass for
/// one of ours.
pub fn block(text: &str, indent: &str) -> String {
    let mut shown = String::with_capacity(text.len() + indent.len());
    for part in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        shown.push_str(indent);
        for character in part.chars() {
            match character {
                '\t' => shown.push_str("    "),
                // Emoji and several scripts are written with joiners.
                '\u{200c}' | '\u{200d}' => shown.push(character),
                _ if is_dangerous(character) || is_invisible(character) => {
                    escape(character, &mut shown)
                }
                _ => shown.push(character),
            }
        }
        shown.push('\n');
    }
    shown
}

/// `json`, a serialised JSON value, with the same characters as JSON escapes: nothing is lost, and
/// nothing acts on a terminal.
pub fn json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        // Below U+0020, a serialised value has only the newlines that it is laid out with.
        if character != '\n' && (is_dangerous(character) || is_invisible(character)) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(shown, "\\u{unit:04x}").expect("writing to a string cannot fail");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

fn escape(character: char, shown: &mut String) {
    shown.extend(character.escape_unicode());
}

/// Controls the terminal, or the direction of what follows.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Takes no room, so that two names can look the same.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in ["", "Grüße, 世界", "a\\b", "👍 ok", "שלום", "C:\\folder"] {
            assert_eq!(line(text), text);
            assert_eq!(block(text, ""), format!("{text}\n"));
        }
    }

    #[test]
    fn terminal_escapes_are_shown_and_do_not_act() {
        let text = "a\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}2J\u{7f}\r";
        for shown in [line(text), block(text, ""), json(text)] {
            assert!(
                !shown.trim_end_matches('\n').contains(char::is_control),
                "{shown:?}"
            );
        }
        assert_eq!(line("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(line("\u{9b}2J"), "\\u{9b}2J");
    }

    #[test]
    fn every_character_that_turns_the_direction_is_shown() {
        let turning = [
            '\u{061c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}',
            '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
        ];
        for character in turning {
            let text = format!("gpj{character}exe");
            for shown in [line(&text), block(&text, "  "), json(&text)] {
                assert!(!shown.contains(character), "{shown:?}");
                assert!(shown.contains("\\u"), "{shown:?}");
            }
        }
    }

    #[test]
    fn a_label_is_one_line_and_hides_nothing() {
        assert_eq!(line("anna\nroot"), "anna\\nroot");
        assert_eq!(line("an\u{200d}na"), "an\\u{200d}na");
        assert_eq!(line("ann\u{200b}a"), "ann\\u{200b}a");
        assert_eq!(line("a\u{2028}b"), "a\\u{2028}b");
    }

    #[test]
    fn a_block_keeps_its_lines_behind_the_indent() {
        assert_eq!(block("one\ntwo\n", "    "), "    one\n    two\n");
        assert_eq!(block("one\n\ntwo", "> "), "> one\n> \n> two\n");
        assert_eq!(
            block("a\r\nerror: spoof", "    "),
            "    a\\u{d}\n    error: spoof\n"
        );
        assert_eq!(block("👩\u{200d}💻", ""), "👩\u{200d}💻\n");
    }

    #[test]
    fn json_loses_nothing() {
        let text = "a\u{9b}b\u{202e}c\u{e0041}d\u{1b}e\n";
        let serialised = serde_json::to_string(text).expect("text can be serialised");
        let shown = json(&serialised);
        assert!(
            !shown.contains('\u{202e}') && !shown.contains('\u{9b}'),
            "{shown:?}"
        );
        assert_eq!(
            serde_json::from_str::<String>(&shown).expect("still JSON"),
            text
        );
    }
}
