//! What is shown to people: headings, sentences, details, tables and texts.
//!
//! Text only enters a page through its methods, and each of them makes it harmless; a command
//! cannot print around it.

use comfy_table::{ContentArrangement, Table as Grid, presets};

use crate::sanitize;

/// How a page is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Draw lines in tables, and headings in bold.
    pub terminal: bool,
}

impl Style {
    /// Only text: for files, pipes and whoever asks for it.
    #[cfg(test)]
    pub const PLAIN: Self = Self { terminal: false };

    fn bold(self, text: &str) -> String {
        if self.terminal {
            format!("\u{1b}[1m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

#[derive(Debug, Clone)]
enum Block {
    Heading(String),
    Sentence(String),
    Details(Vec<(&'static str, String)>),
    Table {
        headers: &'static [&'static str],
        rows: Vec<Vec<String>>,
    },
    Text(String),
    Blank,
}

/// Something to show.
#[derive(Debug, Clone, Default)]
pub struct Page {
    blocks: Vec<Block>,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line that stands out.
    pub fn heading(mut self, text: impl AsRef<str>) -> Self {
        self.blocks
            .push(Block::Heading(sanitize::line(text.as_ref())));
        self
    }

    /// One line.
    pub fn sentence(mut self, text: impl AsRef<str>) -> Self {
        self.blocks
            .push(Block::Sentence(sanitize::line(text.as_ref())));
        self
    }

    /// One line, unless `text` is empty.
    pub fn sentence_if(self, text: impl AsRef<str>) -> Self {
        if text.as_ref().is_empty() {
            self
        } else {
            self.sentence(text)
        }
    }

    /// Names and values, one to a line. Those without a value are left out.
    pub fn details<const N: usize>(mut self, rows: [(&'static str, String); N]) -> Self {
        let rows = rows
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, sanitize::line(&value)))
            .collect();
        self.blocks.push(Block::Details(rows));
        self
    }

    /// A table, or the sentence `none` when it has no rows.
    pub fn table(
        mut self,
        headers: &'static [&'static str],
        rows: Vec<Vec<String>>,
        none: &str,
    ) -> Self {
        if rows.is_empty() {
            return self.sentence(none);
        }
        let rows = rows
            .into_iter()
            .map(|row| row.iter().map(|cell| sanitize::line(cell)).collect())
            .collect();
        self.blocks.push(Block::Table { headers, rows });
        self
    }

    /// Somebody's text, with its lines, indented.
    pub fn text(mut self, text: impl AsRef<str>) -> Self {
        self.blocks
            .push(Block::Text(sanitize::block(text.as_ref(), "    ")));
        self
    }

    /// An empty line.
    pub fn blank(mut self) -> Self {
        self.blocks.push(Block::Blank);
        self
    }

    /// This page and then `other`.
    pub fn then(mut self, other: Self) -> Self {
        self.blocks.extend(other.blocks);
        self
    }

    /// The page as text.
    pub fn draw(&self, style: Style) -> String {
        let mut drawn = String::new();
        for block in &self.blocks {
            match block {
                Block::Heading(text) => {
                    drawn.push_str(&style.bold(text));
                    drawn.push('\n');
                }
                Block::Sentence(text) => {
                    drawn.push_str(text);
                    drawn.push('\n');
                }
                Block::Details(rows) => draw_details(rows, &mut drawn),
                Block::Table { headers, rows } => draw_table(headers, rows, style, &mut drawn),
                Block::Text(text) => drawn.push_str(text),
                Block::Blank => drawn.push('\n'),
            }
        }
        drawn
    }
}

fn draw_details(rows: &[(&'static str, String)], drawn: &mut String) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in rows {
        drawn.push_str(&format!("{name:width$}  {value}\n"));
    }
}

fn draw_table(headers: &[&'static str], rows: &[Vec<String>], style: Style, drawn: &mut String) {
    let mut grid = Grid::new();
    grid.load_style(if style.terminal {
        presets::UTF8_HORIZONTAL_ONLY
    } else {
        presets::NOTHING
    })
    .set_content_arrangement(ContentArrangement::Disabled)
    .set_header(headers.to_vec());
    for row in rows {
        grid.add_row(row.clone());
    }
    for line in grid.lines() {
        drawn.push_str(line.trim_end());
        drawn.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_aligned_and_empty_ones_left_out() {
        let page = Page::new().details([
            ("state", "active".to_owned()),
            ("reason", String::new()),
            ("last seen", "never".to_owned()),
        ]);
        assert_eq!(
            page.draw(Style::PLAIN),
            "state      active\nlast seen  never\n"
        );
    }

    #[test]
    fn a_plain_table_has_no_lines_and_an_empty_one_says_so() {
        let rows = vec![
            vec!["launch".to_owned(), "open".to_owned()],
            vec!["b".to_owned(), "ended".to_owned()],
        ];
        let drawn = Page::new()
            .table(&["NAME", "STATE"], rows, "none")
            .draw(Style::PLAIN);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 3, "{drawn}");
        assert_eq!(
            lines[0].split_whitespace().collect::<Vec<_>>(),
            ["NAME", "STATE"]
        );
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["launch", "open"]
        );
        let empty = Page::new()
            .table(&["NAME"], Vec::new(), "There are no channels.")
            .draw(Style::PLAIN);
        assert_eq!(empty, "There are no channels.\n");
    }

    #[test]
    fn nothing_enters_a_page_as_it_came() {
        let evil = "\u{1b}[2J\u{202e}x\ny";
        let page = Page::new()
            .heading(evil)
            .sentence(evil)
            .details([("name", evil.to_owned())])
            .table(&["NAME"], vec![vec![evil.to_owned()]], "")
            .text(evil);
        let drawn = page.draw(Style::PLAIN);
        assert!(
            !drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'),
            "{drawn:?}"
        );
        // Only the text keeps its newline, and what follows is indented.
        assert_eq!(drawn.matches("\\u{1b}[2J").count(), 5);
        assert_eq!(drawn.lines().count(), 7, "{drawn}");
        assert!(drawn.ends_with("\n    y\n"), "{drawn:?}");
    }
}
