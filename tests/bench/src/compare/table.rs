//! Minima as tables, for a terminal or for a document.

use crate::contest::Contestant;
use crate::inputs::Size;

/// The shortest times of one size.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) size: Size,
    pub(super) samples: usize,
    /// Nanoseconds of a whole body, by contestant; those of each build.
    pub(super) minima: Vec<(Contestant, Vec<usize>)>,
    /// What our converter remembers.
    pub(super) memory_bytes: usize,
}

impl Column {
    fn minimum(&self, contestant: Contestant, build: usize) -> Option<f64> {
        let (_, minima) = self.minima.iter().find(|(measured, _)| *measured == contestant)?;
        minima.get(build).map(|nanos| crate::float(*nanos))
    }

    /// `ns a sample (multiple of the line walk)`.
    fn time(&self, contestant: Contestant, build: usize) -> Option<String> {
        let nanos = self.minimum(contestant, build)?;
        let walk = self.minimum(Contestant::LineWalk, build)?;
        Some(format!("{} ({}x)", figure(nanos / crate::float(self.samples)), figure(nanos / walk)))
    }

    fn ratio(&self, contestant: Contestant) -> Option<String> {
        Some(format!("{:.2}", self.minimum(contestant, 1)? / self.minimum(contestant, 0)?))
    }
}

/// A build's times: a row for each contestant, a column for each size.
pub(super) fn times(columns: &[Column], build: usize, is_markdown: bool) -> String {
    table(columns, is_markdown, |column, contestant| column.time(contestant, build))
}

/// What our converter remembers, in bytes a sample.
pub(super) fn memory(columns: &[Column], is_markdown: bool) -> String {
    let heading = columns.iter().map(|column| column.size.to_string());
    let bytes = |column: &Column| figure(crate::float(column.memory_bytes) / crate::float(column.samples));
    let row = |title: &str, cells: Vec<String>| [title.to_owned()].into_iter().chain(cells).collect();
    let title = "this plugin's memory, bytes a sample";
    render(&[row("", heading.collect()), row(title, columns.iter().map(bytes).collect())], is_markdown)
}

/// The second build's times as multiples of the first one's.
pub(super) fn ratios(columns: &[Column], is_markdown: bool) -> String {
    table(columns, is_markdown, Column::ratio)
}

fn table(
    columns: &[Column],
    is_markdown: bool,
    cell: impl Fn(&Column, Contestant) -> Option<String>,
) -> String {
    let mut rows = vec![vec![String::new()]];
    rows.extend(Contestant::ALL.iter().map(|contestant| vec![contestant.title().to_owned()]));
    for column in columns {
        let cells = Contestant::ALL.iter().map(|contestant| cell(column, *contestant).unwrap_or_default());
        let cells = std::iter::once(column.size.to_string()).chain(cells);
        rows.iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell));
    }
    render(&rows, is_markdown)
}

/// The first row is the heading.
pub(crate) fn render(rows: &[Vec<String>], is_markdown: bool) -> String {
    if is_markdown {
        let mut lines: Vec<_> = rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
        let columns = rows.first().map_or(0, Vec::len);
        lines.insert(1, format!("|---|{}\n", "---:|".repeat(columns.saturating_sub(1))));
        return lines.concat();
    }
    let width = |column| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<width$}", width = width(0)),
            _ => format!("{cell:>width$}", width = width(column)),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// Three digits are more than a busy machine can be trusted with.
fn figure(value: f64) -> String {
    match value {
        _ if value < 10.0 => format!("{value:.2}"),
        _ if value < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let minima =
            vec![(Contestant::LineWalk, vec![8_000, 9_000]), (Contestant::Warm, vec![20_000, 30_000])];
        vec![Column { size: Size::Samples(1_000), samples: 1_000, minima, memory_bytes: 25_000 }]
    }

    #[test]
    fn a_cell_is_nanoseconds_a_sample_and_the_multiple_of_the_line_walk() {
        let text = times(&columns(), 1, false);
        let rows: Vec<_> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(rows[2..4], ["line walk 9.00 (1.00x)", "this plugin, warm scrape 30.0 (3.33x)"]);
    }

    #[test]
    fn memory_is_bytes_a_sample() {
        let expected = "|  | 1k |\n|---|---:|\n| this plugin's memory, bytes a sample | 25.0 |\n";
        assert_eq!(memory(&columns(), true), expected);
    }

    #[test]
    fn markdown_has_a_rule_under_the_heading() {
        let text = ratios(&columns(), true);
        assert!(
            text.starts_with("|  | 1k |\n|---|---:|\n| newline scan |  |\n| line walk | 1.12 |\n"),
            "{text}"
        );
    }
}
