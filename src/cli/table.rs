//! Tables that fit the terminal: no frames, numbers to the right, only the text columns give way.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};

use super::exit::Failure;
use super::output::{Output, Tone};
use super::phrase;

/// Blanks between columns.
const GAP: u16 = 2;
/// No text is broken into pieces narrower than this: rather the table gets too wide.
const NARROWEST: u16 = 10;

/// A table under construction.
pub(crate) struct Grid {
    output: Output,
    table: Table,
    columns: Vec<Column>,
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

impl Grid {
    /// A table with these columns.
    pub(crate) fn new(output: Output, columns: &[Column]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(output.width).unwrap_or(u16::MAX));
        table.style_text_only();
        if output.colours {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(columns.iter().map(|column| {
            let (Column::Text(name) | Column::Flexible(name) | Column::Number(name)) = column;
            Cell::new(name).add_attribute(Attribute::Bold)
        }));
        Self { output, table, columns: columns.to_vec() }
    }

    /// Adds a row, one cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, fields: [Field; N]) {
        let cells = fields.into_iter().map(|field| {
            let cell = Cell::new(field.text);
            match field.tone {
                None => cell,
                Some(Tone::Strong) => cell.add_attribute(Attribute::Bold),
                Some(Tone::Faint) => cell.add_attribute(Attribute::Dim),
                Some(Tone::Good) => cell.fg(Color::Green),
                Some(Tone::Warning) => cell.fg(Color::Yellow),
                Some(Tone::Bad) => cell.fg(Color::Red),
            }
        });
        self.table.add_row(cells.collect::<Vec<_>>());
    }

    /// Whether no row was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The finished lines, each after `indent` blanks.
    pub(crate) fn lines(mut self, indent: usize) -> Vec<String> {
        let widths = self.table.column_max_content_widths();
        let gaps = GAP * u16::try_from(widths.len().saturating_sub(1)).unwrap_or(0);
        let total = widths.iter().sum::<u16>() + gaps;
        let room = u16::try_from(self.output.width - indent).unwrap_or(u16::MAX);
        self.table.set_width(room);
        let last = self.columns.len() - 1;
        for (index, column) in self.columns.iter().enumerate() {
            let Some(target) = self.table.column_mut(index) else { continue };
            target.set_padding((0, if index == last { 0 } else { GAP }));
            match column {
                // When nothing has to give way, nothing does.
                Column::Flexible(_) if total > room => {
                    let least = widths[index].min(NARROWEST) + if index == last { 0 } else { GAP };
                    target.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
                }
                Column::Flexible(_) | Column::Text(_) | Column::Number(_) => {
                    target.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
            if matches!(column, Column::Number(_)) {
                target.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines: Vec<String> = self.table.lines().collect();
        lines.into_iter().map(|line| format!("{}{}", " ".repeat(indent), line.trim_end())).collect()
    }

    /// Writes it as a result.
    pub(crate) fn print(self) -> Result<(), Failure> {
        let output = self.output;
        output.line(self.lines(0).join("\n"))
    }
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
}
