//! How the story looks: headings, commands with what they say, and two organisations side by side.

use std::io::IsTerminal as _;
use std::time::Duration;

use crate::bounds::{DEMO_COLUMNS_DEFAULT, DEMO_COLUMNS_MAX, DEMO_COLUMNS_MIN};

/// What a command said, and how it was asked.
#[derive(Debug, Clone)]
pub struct Said {
    /// The command as one would type it.
    pub command: String,
    /// All that came out.
    pub output: String,
}

/// Where the story is told.
#[derive(Debug)]
pub struct Screen {
    columns: usize,
    colours: bool,
}

const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const GREEN: &str = "\u{1b}[32m";
const PLAIN: &str = "\u{1b}[0m";

impl Screen {
    /// As wide as the terminal says, within what can be read.
    pub fn new() -> Self {
        let said = std::env::var("COLUMNS")
            .ok()
            .and_then(|text| text.parse().ok());
        let columns = said.or_else(terminal_columns);
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            columns: columns
                .unwrap_or(DEMO_COLUMNS_DEFAULT)
                .clamp(DEMO_COLUMNS_MIN, DEMO_COLUMNS_MAX),
            colours,
        }
    }

    /// Begins a step.
    pub fn step(&self, number: usize, title: &str) {
        println!();
        for line in title_lines(number, title, self.columns) {
            println!("{}", self.paint(BOLD, &line));
        }
    }

    /// What is going to happen and why, for the reader.
    pub fn prose(&self, text: &str) {
        println!();
        for line in wrap(text, self.columns.min(100)) {
            println!("{}", line.trim_start());
        }
    }

    /// One command at one organisation, and what it said.
    pub fn one(&self, at: &str, said: &Said) {
        println!();
        let label = self.paint(DIM, &format!("{at:<7}"));
        let command = shorten(&said.command, ONE_WORD_MAX);
        let lines = wrap(&format!("$ {command}"), self.columns - 8);
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { &label } else { "       " };
            println!("{label} {}", self.paint(BOLD, line));
        }
        for line in said.output.trim_end().lines() {
            for part in wrap(&shorten(line, ONE_WORD_MAX), self.columns - 8) {
                println!("{}", format!("        {part}").trim_end());
            }
        }
    }

    /// The same question at both, side by side.
    pub fn both(&self, left: (&str, &Said), right: (&str, &Said)) {
        let column = (self.columns - 3) / 2;
        if [left.1, right.1]
            .iter()
            .any(|said| has_wide_table(&said.output, column))
        {
            // A table with broken lines can't be read.
            self.one(left.0, left.1);
            self.one(right.0, right.1);
            return;
        }
        println!();
        self.row(DIM, left.0, right.0, column);
        let commands = [left.1, right.1].map(|said| {
            let command = shorten(&said.command, BOTH_WORD_MAX);
            wrap(&format!("$ {command}"), column)
        });
        self.rows(BOLD, &commands, column);
        let outputs = [left.1, right.1].map(|said| {
            let lines = said.output.trim_end().lines();
            lines
                .flat_map(|line| wrap(&shorten(line, BOTH_WORD_MAX), column))
                .collect::<Vec<_>>()
        });
        self.rows("", &outputs, column);
    }

    /// What was found to be so.
    pub fn holds(&self, text: &str) {
        println!();
        for (number, line) in wrap(&format!("✓ {text}"), self.columns).iter().enumerate() {
            match line.strip_prefix('✓') {
                Some(rest) if number == 0 => println!("{}{rest}", self.paint(GREEN, "✓")),
                _ => println!("{line}"),
            }
        }
    }

    /// How long the story took.
    pub fn took(&self, time: Duration) {
        self.holds(&format!(
            "The whole story, on two real daemons, took {:.0} s.",
            time.as_secs_f64()
        ));
    }

    fn rows(&self, colour: &str, [left, right]: &[Vec<String>; 2], column: usize) {
        for number in 0..left.len().max(right.len()) {
            let at = |lines: &[String]| lines.get(number).cloned().unwrap_or_default();
            self.row(colour, &at(left), &at(right), column);
        }
    }

    fn row(&self, colour: &str, left: &str, right: &str, column: usize) {
        let space = " ".repeat(column.saturating_sub(width(left)));
        let line = format!(
            "{}{space} {} {}",
            self.paint(colour, left),
            self.paint(DIM, "│"),
            self.paint(colour, right)
        );
        println!("{}", line.trim_end());
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours && !colour.is_empty() && !text.is_empty() {
            format!("{colour}{text}{PLAIN}")
        } else {
            text.to_owned()
        }
    }
}

/// The title of a step, with a rule after it as far as there is room.
fn title_lines(number: usize, title: &str, columns: usize) -> Vec<String> {
    let mut lines = wrap(&format!("── {number}. {title}"), columns);
    if let Some(last) = lines.last_mut() {
        let room = columns.saturating_sub(width(last) + 1);
        if room > 0 {
            last.push(' ');
            last.push_str(&"─".repeat(room));
        }
    }
    lines
}

/// Whether a line of a table is wider than a column. Rows of tables begin with one space.
fn has_wide_table(output: &str, column: usize) -> bool {
    let is_row = |line: &str| line.starts_with(' ') && !line.starts_with("  ");
    output
        .lines()
        .any(|line| is_row(line) && width(line.trim_end()) > column)
}

/// The longest word that is shown whole where one organisation has the screen.
const ONE_WORD_MAX: usize = 96;

/// The longest word that is shown whole in one of two columns.
const BOTH_WORD_MAX: usize = 32;

/// Leaves the middle out of identifiers, keys and the like: of words that nobody reads, and that would break the
/// lines. Everything else stays as it was said.
fn shorten(line: &str, longest: usize) -> String {
    let words = line.split(' ').map(|word| {
        let characters: Vec<char> = word.chars().collect();
        if characters.len() <= longest || !word.is_ascii() {
            return word.to_owned();
        }
        let (head, tail) = (
            &characters[..longest / 2],
            &characters[characters.len() - 6..],
        );
        head.iter().chain(&['…']).chain(tail).collect()
    });
    words.collect::<Vec<String>>().join(" ")
}

/// What the terminal says of itself, by the program that asks it.
fn terminal_columns() -> Option<usize> {
    let output = std::process::Command::new("stty")
        .arg("size")
        .stdin(std::process::Stdio::inherit())
        .stderr(std::process::Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

/// Cuts a line into pieces of at most `columns`, at spaces where that is possible. Pieces after the first begin as
/// the line does, and two columns further in.
fn wrap(line: &str, columns: usize) -> Vec<String> {
    let line = line.trim_end();
    if width(line) <= columns {
        return vec![line.to_owned()];
    }
    let begins = line.len() - line.trim_start().len();
    let indent = " ".repeat((begins + 2).min(columns / 2));
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    for character in line.chars() {
        if width(&piece) + character_width(character) > columns {
            let cut = piece
                .rfind(' ')
                .filter(|at| *at > columns / 2 && *at > indent.len());
            let rest = cut.map_or_else(String::new, |at| piece.split_off(at + 1));
            pieces.push(piece.trim_end().to_owned());
            piece = format!("{indent}{rest}");
        }
        piece.push(character);
    }
    pieces.push(piece.trim_end().to_owned());
    pieces
}

/// How many columns a text takes on a terminal, nearly: emoji and wide scripts take two.
fn width(text: &str) -> usize {
    text.chars().map(character_width).sum()
}

fn character_width(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xff00..=0xff60 => 2,
        0x1_f300..=0x1_faff => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{shorten, title_lines, width, wrap};

    #[test]
    fn only_words_that_nobody_reads_are_shortened() {
        assert_eq!(shorten("  root key  key_abc", 12), "  root key  key_abc");
        assert_eq!(
            shorten("key key_abcdefghijklmnop.", 12),
            "key key_ab…lmnop."
        );
    }

    #[test]
    fn long_lines_are_cut_at_spaces_and_go_on_further_in() {
        assert_eq!(wrap("short", 10), ["short"]);
        assert_eq!(
            wrap("  one two three four", 12),
            ["  one two", "    three", "    four"]
        );
        assert_eq!(wrap("abcdefghijkl", 8), ["abcdefgh", "  ijkl"]);
        assert_eq!(wrap("", 8), [""]);
    }

    #[test]
    fn a_title_keeps_within_the_screen() {
        assert_eq!(title_lines(1, "Short", 14), ["── 1. Short ──"]);
        let long = title_lines(2, "Anna of Acme asks to share", 20);
        assert_eq!(long, ["── 2. Anna of Acme", "  asks to share ────"]);
        assert_eq!(title_lines(3, "Just fits.", 16), ["── 3. Just fits."]);
    }

    #[test]
    fn emoji_take_two_columns() {
        assert_eq!(width("a👍"), 3);
        assert_eq!(width("äé"), 2);
    }
}
