//! Tables that fit the terminal: no frames, numbers to the right, only the text columns give way.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets,
};

use super::exit::Failure;
use super::output::{Output, Tone};
use super::phrase;

/// Blanks between columns.
const GAP: u16 = 2;
/// No text is broken into pieces narrower than this: rather the table gets too wide.
const NARROWEST: usize = 10;

/// A table under construction.
pub(crate) struct Grid {
    output: Output,
    columns: Vec<Column>,
    rows: Vec<Vec<Field>>,
}

/// A column's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Text that keeps its width.
    Text(&'static str),
    /// Text that is broken when the terminal is narrow.
    Flexible(&'static str),
    /// A number, to the right.
    Number(&'static str),
}

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    text: String,
    tone: Option<Tone>,
}

impl Field {
    /// In a tone.
    pub(crate) fn toned(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
        self
    }

    /// In a tone unless it says nothing: zeros and blanks stay quiet.
    pub(crate) fn loud(self, tone: Tone) -> Self {
        if self.text == "0" || self.text == "-" { self } else { self.toned(tone) }
    }
}

impl<T: Into<String>> From<T> for Field {
    fn from(text: T) -> Self {
        let text = phrase::safe(&text.into());
        Self { text, tone: None }
    }
}

/// A count's cell.
pub(crate) fn count(value: u64) -> Field {
    phrase::number(value).into()
}

/// A cell that is blank where nothing is known.
pub(crate) fn maybe(text: Option<String>) -> Field {
    text.unwrap_or_else(|| "-".to_owned()).into()
}

impl Column {
    fn name(self) -> &'static str {
        let (Self::Text(name) | Self::Flexible(name) | Self::Number(name)) = self;
        name
    }
}

impl Grid {
    /// A table with these columns.
    pub(crate) fn new(output: Output, columns: &[Column]) -> Self {
        Self { output, columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, one cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, fields: [Field; N]) {
        self.rows.push(fields.into());
    }

    /// Whether no row was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The finished lines, each after `indent` blanks.
    pub(crate) fn lines(&self, indent: usize) -> Vec<String> {
        let natural = self.table(None).column_max_content_widths();
        let widths = self.fitting(&natural, self.output.width.saturating_sub(indent));
        let mut table = self.table(Some(&widths));
        let last = self.columns.len() - 1;
        for (index, column) in self.columns.iter().enumerate() {
            let Some(target) = table.column_mut(index) else { continue };
            target.set_padding((0, if index == last { 0 } else { GAP }));
            target.set_constraint(ColumnConstraint::ContentWidth);
            if matches!(column, Column::Number(_)) {
                target.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines: Vec<String> = table.lines().collect();
        lines.into_iter().map(|line| format!("{}{}", " ".repeat(indent), line.trim_end())).collect()
    }

    /// The width of each column: when everything does not fit, the flexible ones share what the others leave.
    fn fitting(&self, natural: &[u16], room: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = natural.iter().map(|&width| usize::from(width)).collect();
        let gaps = usize::from(GAP) * widths.len().saturating_sub(1);
        let mut open: Vec<usize> =
            (0..widths.len()).filter(|&at| matches!(self.columns[at], Column::Flexible(_))).collect();
        let kept: usize =
            widths.iter().enumerate().filter(|(at, _)| !open.contains(at)).map(|(_, width)| width).sum();
        let mut left = room.saturating_sub(kept + gaps);
        open.sort_by_key(|&at| widths[at]);
        for (place, &at) in open.iter().enumerate() {
            let share = (left / (open.len() - place)).max(NARROWEST);
            widths[at] = widths[at].min(share);
            left = left.saturating_sub(widths[at]);
        }
        widths
    }

    /// The table with its cells broken to these widths; without any, each on one line.
    fn table(&self, widths: Option<&[usize]>) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.style_text_only();
        if self.output.colours {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(
            self.columns.iter().map(|column| Cell::new(column.name()).add_attribute(Attribute::Bold)),
        );
        for row in &self.rows {
            let cells = row.iter().enumerate().map(|(at, field)| {
                let text = match widths {
                    Some(widths) => broken(&field.text, widths[at]),
                    None => field.text.clone(),
                };
                let cell = Cell::new(text);
                match field.tone {
                    None => cell,
                    Some(Tone::Strong) => cell.add_attribute(Attribute::Bold),
                    Some(Tone::Faint) => cell.add_attribute(Attribute::Dim),
                    Some(Tone::Good) => cell.fg(Color::Green),
                    Some(Tone::Warning) => cell.fg(Color::Yellow),
                    Some(Tone::Bad) => cell.fg(Color::Red),
                }
            });
            table.add_row(cells.collect::<Vec<_>>());
        }
        table
    }

    /// Writes it as a result.
    pub(crate) fn print(self) -> Result<(), Failure> {
        let output = self.output;
        output.line(self.lines(0).join("\n"))
    }
}

/// The text on lines no wider than `width`: broken at a blank, else behind a sign that parts names and patterns, else
/// where it must be.
fn broken(text: &str, width: usize) -> String {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some((end, _)) = rest.char_indices().nth(width) {
        // The line may end with the sign, or before a blank.
        let before_blank = rest[end..].starts_with(' ').then_some(end);
        let blank = before_blank.or_else(|| rest[..end].rfind(' ')).filter(|&at| at > 0);
        let sign = rest[..end].rfind(['/', '}', '-', '_', ',', ';', ':']).map(|at| at + 1);
        // A sign near the beginning would leave most of the line unused.
        let sign = sign.filter(|&at| rest[..at].chars().count() > width / 2);
        let at = blank.or(sign).unwrap_or(end);
        lines.push(rest[..at].trim_end());
        rest = rest[at..].trim_start();
    }
    lines.push(rest);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(width: usize) -> Output {
        Output { format: super::super::output::Format::Table, colours: false, width }
    }

    fn grid(width: usize) -> Grid {
        let columns = [Column::Text("policy"), Column::Number("due"), Column::Flexible("why")];
        let mut grid = Grid::new(output(width), &columns);
        grid.row(["cctv".into(), count(1_204), "recordings of the entrance".into()]);
        grid.row(["switchboard-log".into(), count(7), "-".into()]);
        grid
    }

    #[test]
    fn numbers_stand_to_the_right_and_no_line_ends_in_blanks() {
        assert_eq!(
            grid(80).lines(0),
            [
                "policy             due  why",
                "cctv             1,204  recordings of the entrance",
                "switchboard-log      7  -"
            ]
        );
    }

    #[test]
    fn only_the_flexible_column_is_broken() {
        let lines = grid(38).lines(2);
        assert!(lines.iter().all(|line| line.len() <= 38), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("switchboard-log")), "{lines:#?}");
    }

    #[test]
    fn a_long_pattern_takes_the_room_there_is_and_breaks_between_its_parts() {
        let mut grid = Grid::new(
            output(56),
            &[Column::Text("policy"), Column::Flexible("collection"), Column::Number("done")],
        );
        grid.row(["cctv".into(), "recordings/{camera}/{recorded:%Y%m%d-%H%M%S}.mp4".into(), count(89)]);
        grid.row(["calls".into(), "call_log".into(), count(7)]);
        assert_eq!(
            grid.lines(0),
            [
                "policy  collection                             done",
                "cctv    recordings/{camera}/{recorded:%Y%m%d-    89",
                "        %H%M%S}.mp4",
                "calls   call_log                                  7"
            ]
        );
    }

    #[test]
    fn breaking_loses_nothing_and_never_splits_a_character() {
        for width in 1..12 {
            for text in ["", "ææææææææææ/øøøøøøø", "one two three", "a-b-c-d-e-f-g-h", "    "]
            {
                let lines = broken(text, width);
                assert!(lines.lines().all(|line| line.chars().count() <= width), "{lines}");
                let bare = |text: &str| text.replace([' ', '\n'], "");
                assert_eq!(bare(&lines), bare(text));
            }
        }
    }
}
