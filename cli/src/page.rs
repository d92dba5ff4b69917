//! What is shown to people: headings, sentences, details, tables and texts.
//!
//! Text only enters a page through its methods, and each of them makes it harmless; a command
//! cannot print around it.

use comfy_table::{ColumnConstraint, ContentArrangement, Table as Grid, Width, presets};

use crate::sanitize;

/// How a page is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Headings in bold.
    pub bold: bool,
    /// Columns of the terminal, to which tables are fitted. `None`: as wide as they are.
    pub columns: Option<u16>,
}

impl Style {
    /// Only text: for files, pipes and whoever asks for it.
    pub const PLAIN: Self = Self {
        bold: false,
        columns: None,
    };

    fn bold(self, text: &str) -> String {
        if self.bold {
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
        headers: Vec<String>,
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
    pub fn table(mut self, headers: &[&str], rows: Vec<Vec<String>>, none: &str) -> Self {
        if rows.is_empty() {
            return self.sentence(none);
        }
        let rows = rows
            .into_iter()
            .map(|row| row.iter().map(|cell| sanitize::line(cell)).collect())
            .collect();
        let headers = headers
            .iter()
            .map(|header| sanitize::line(header))
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

/// From which width on words of the last column may be broken.
const LAST_COLUMN_MIN: u16 = 32;

/// A space on each side of a cell.
const CELL_PADDING: u16 = 2;

fn draw_table(headers: &[String], rows: &[Vec<String>], style: Style, drawn: &mut String) {
    let mut grid = grid(headers, rows);
    let natural = grid.column_max_content_widths();
    if let Some(columns) = style.columns {
        let Some(fitted) = fit(&natural, &longest_words(headers, rows), columns) else {
            return draw_records(headers, rows, style, drawn);
        };
        let constraint =
            |width: u16| ColumnConstraint::Absolute(Width::Fixed(width + CELL_PADDING));
        grid.set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns)
            .set_constraints(fitted.into_iter().map(constraint));
    }
    for (number, line) in grid.lines().enumerate() {
        let line = line.trim_end();
        if number == 0 {
            drawn.push_str(&style.bold(line));
        } else {
            drawn.push_str(line);
        }
        drawn.push('\n');
    }
}

fn grid(headers: &[String], rows: &[Vec<String>]) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headers);
    for row in rows {
        grid.add_row(row.clone());
    }
    grid
}

/// How wide each column has to be, so that no word is broken: an identifier in two parts cannot be copied. In the last
/// column, where details are, long ones may be.
fn longest_words(headers: &[String], rows: &[Vec<String>]) -> Vec<u16> {
    let broken = rows.iter().map(|row| {
        let cells = row.iter().map(|cell| cell.replace(' ', "\n"));
        cells.collect()
    });
    // Headers stay in one line: they say what is below.
    let mut least = grid(headers, &broken.collect::<Vec<_>>()).column_max_content_widths();
    if let Some(last) = least.last_mut() {
        *last = (*last).min(LAST_COLUMN_MIN);
    }
    least
}

/// The widths of columns that fit: the widest give way first. `None` if not even the longest words fit.
fn fit(natural: &[u16], least: &[u16], columns: u16) -> Option<Vec<u16>> {
    let padding = u32::from(CELL_PADDING) * natural.len() as u32;
    let room = u32::from(columns).checked_sub(padding)?;
    let mut fitted = natural.to_vec();
    while fitted.iter().copied().map(u32::from).sum::<u32>() > room {
        let widest = fitted
            .iter_mut()
            .zip(least)
            .filter(|(width, least)| **width > **least)
            .max_by_key(|(width, _)| **width)?;
        *widest.0 -= 1;
    }
    Some(fitted)
}

/// What does not fit side by side, below each other.
fn draw_records(headers: &[String], rows: &[Vec<String>], style: Style, drawn: &mut String) {
    let width = headers.iter().map(|name| name.len()).max().unwrap_or(0);
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            drawn.push('\n');
        }
        let filled = headers.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        for (header, cell) in filled {
            let name = style.bold(&format!("{header:width$}"));
            drawn.push_str(&format!(" {name}  {cell}\n"));
        }
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

    /// A table as a terminal of so many columns shows it.
    fn fitted(columns: u16, headers: &[&str], rows: &[&[&str]]) -> String {
        let rows = rows
            .iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect();
        Page::new().table(headers, rows, "none").draw(Style {
            bold: false,
            columns: Some(columns),
        })
    }

    #[test]
    fn on_a_terminal_a_table_has_one_line_a_row_and_no_rules() {
        let rows: &[&[&str]] = &[&["launch", "open"], &["b", "ended"]];
        assert_eq!(
            fitted(80, &["NAME", "STATE"], rows),
            " NAME    STATE\n launch  open\n b       ended\n"
        );
    }

    #[test]
    fn on_a_terminal_lines_are_broken_in_cells_and_only_at_spaces() {
        let drawn = fitted(
            30,
            &["NAME", "WHAT"],
            &[&["launch-in-the-spring", "all of it"]],
        );
        assert_eq!(
            drawn,
            " NAME                  WHAT\n launch-in-the-spring  all of\n                       it\n"
        );
        assert!(drawn.lines().all(|line| line.len() <= 30), "{drawn}");
    }

    #[test]
    fn what_does_not_fit_side_by_side_stands_below_each_other() {
        let rows: &[&[&str]] = &[
            &["inv_mfrggzdfmztwq2lk", "open", ""],
            &["inv_b", "used", "b"],
        ];
        assert_eq!(
            fitted(24, &["INVITATION", "STATE", "BY"], rows),
            " INVITATION  inv_mfrggzdfmztwq2lk\n STATE       open\n\n INVITATION  inv_b\n STATE       used\n BY          b\n"
        );
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
