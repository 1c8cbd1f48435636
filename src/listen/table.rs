//! The summary as text: as much of it as fits a terminal, or what changed as plain lines. Pure.

use std::time::Duration;

use super::summary::{Kind, NAME_BYTES_MAX, ROWS_MAX, Row, Summary};

/// The widest name of an engine's metrics, about; longer ones shift the columns behind them.
const NAME_COLUMNS: usize = 64;
/// What a terminal has for a name at least, however narrow it is.
const NAME_COLUMNS_MIN: usize = 12;
/// What stands behind the name: see [`columns`].
const OTHER_COLUMNS: usize = 42;

/// A terminal's size, in characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) lines: usize,
}

/// A table that fits: beneath `heading`, of the metrics that move most if not all fit.
pub(super) fn screen(heading: &str, summary: &Summary, now: Duration, size: Size) -> Vec<String> {
    // The heading, the titles and two lines of totals; the cursor stands below.
    let room = size.lines.saturating_sub(5);
    let mut rows: Vec<_> = summary.rows().collect();
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.changes));
    rows.truncate(room);
    rows.sort_by_key(|(name, _)| *name);
    let width = size.columns.saturating_sub(OTHER_COLUMNS).clamp(NAME_COLUMNS_MIN, NAME_COLUMNS);
    let hidden = summary.rows().len() - rows.len();
    let mut lines = vec![heading.to_owned(), titles(width)];
    lines.extend(rows.into_iter().map(|(name, row)| line(&cut(name, width), width, summary, row, now)));
    lines.push(totals(summary, now));
    if hidden > 0 {
        lines.push(format!("{hidden} metrics that move least are not shown: a higher window shows more"));
    }
    lines.iter().map(|line| line.chars().take(size.columns).collect()).collect()
}

/// What changed after `since`, or ever, a metric a line; nothing if nothing did.
pub(super) fn changes(summary: &Summary, since: Option<Duration>, now: Duration) -> Vec<String> {
    let rows = summary.rows().filter(|(_, row)| since.is_none_or(|since| row.changed > since));
    let mut lines: Vec<_> = rows.map(|(name, row)| line(name, NAME_COLUMNS, summary, row, now)).collect();
    if !lines.is_empty() {
        lines.insert(0, titles(NAME_COLUMNS));
        lines.push(totals(summary, now));
    }
    lines
}

fn titles(width: usize) -> String {
    columns("METRIC", width, ["TYPE", "SERIES", "VALUE", "A SECOND", "AGE"])
}

fn line(name: &str, width: usize, summary: &Summary, row: &Row, now: Duration) -> String {
    let kind = match row.kind {
        Kind::Count => "count",
        Kind::Gauge => "gauge",
        Kind::Timer => "ms",
        Kind::Histogram => "h",
        Kind::Distribution => "dist",
    };
    let (series, is_least) = row.series();
    let series = format!("{series}{}", if is_least { "+" } else { "" });
    let a_second = summary.rate(row, now).map_or_else(String::new, rate);
    columns(name, width, [kind, &series, &number(row.value), &a_second, &age(now.saturating_sub(row.seen))])
}

fn columns(name: &str, width: usize, [kind, series, value, rate, age]: [&str; 5]) -> String {
    format!("{name:<width$} {kind:<5} {series:>6} {value:>14} {rate:>8} {age:>4}")
}

/// The end of a name tells more than its beginning.
fn cut(name: &str, width: usize) -> String {
    let chars = name.chars().count();
    if chars <= width {
        return name.to_owned();
    }
    let end = name.chars().skip(chars + 1 - width);
    std::iter::once('…').chain(end).collect()
}

/// No more than fourteen characters.
fn number(value: f64) -> String {
    shown(value, 6, 14)
}

/// No more than eight characters.
fn rate(value: f64) -> String {
    shown(value, if value < 100.0 { 3 } else { 0 }, 8)
}

/// As many decimals as it has, at most these, or in powers of ten if that is too long or says nothing.
fn shown(value: f64, decimals: usize, chars_max: usize) -> String {
    let text = format!("{value:.decimals$}");
    let plain = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let is_lost = plain.trim_start_matches('-') == "0" && value != 0.0;
    if is_lost || plain.len() > chars_max { format!("{value:.1e}") } else { plain.to_owned() }
}

fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ ..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3600),
    }
}

fn totals(summary: &Summary, now: Duration) -> String {
    let Summary { datagrams, metrics, beyond, checks, others, .. } = summary;
    let names = summary.rows().len();
    let mut totals =
        format!("{names} metrics in {metrics} lines and {datagrams} datagrams in {} seconds", now.as_secs());
    if *beyond > 0 {
        totals += &format!(
            "; {beyond} lines have no room in the table, which keeps {ROWS_MAX} metrics of names up to {NAME_BYTES_MAX} bytes"
        );
    }
    if *checks > 0 {
        totals += &format!("; {checks} lines are service checks");
    }
    if *others > 0 {
        totals += &format!("; {others} lines are no metric");
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(10);

    fn summary(lines: &str) -> Summary {
        let mut summary = Summary::default();
        summary.take(lines.lines(), Duration::from_secs(7));
        summary
    }

    #[test]
    fn a_table_has_a_line_for_each_metric() {
        let summary = summary("b.count:5|c|#x:1\nb.count:5|c|#x:2\na:2.50|g\nother");
        let size = Size { columns: 80, lines: 24 };
        assert_eq!(
            screen("heading", &summary, NOW, size),
            [
                "heading",
                "METRIC                                 TYPE  SERIES          VALUE A SECOND  AGE",
                "a                                      gauge      1            2.5            3s",
                "b.count                                count      2             10        1   3s",
                "2 metrics in 3 lines and 1 datagrams in 10 seconds; 1 lines are no metric",
            ]
        );
    }

    #[test]
    fn what_has_no_room_is_said_with_the_limits() {
        let summary = summary(&format!("a:1|c\n{}:1|c", "x".repeat(NAME_BYTES_MAX + 1)));
        let expected = "1 metrics in 2 lines and 1 datagrams in 10 seconds; 1 lines have no room in the table, which keeps \
                        1000 metrics of names up to 300 bytes";
        assert_eq!(totals(&summary, NOW), expected);
    }

    /// For all sizes: no more lines than the terminal has above its cursor, and none longer than it is wide.
    #[test]
    fn a_table_fits_its_terminal() {
        let names: String = (0..100).map(|number| format!("{}{number}:1|c\n", "long.".repeat(20))).collect();
        let summary = summary(&names);
        for (columns, lines) in [(80, 24), (200, 50), (20, 8), (1, 5), (300, 500)] {
            let table = screen("heading", &summary, NOW, Size { columns, lines });
            assert!(table.len() < lines, "{lines}: {}", table.len());
            assert!(table.iter().all(|line| line.chars().count() <= columns), "{columns}");
        }
    }

    #[test]
    fn what_moves_most_is_shown_when_not_all_fits() {
        let mut summary = summary("a:1|g\nb:1|g\nc:1|g\nd:1|g");
        summary.take(["d:2|g", "b:2|g"].into_iter(), NOW);
        let table = screen("", &summary, NOW, Size { columns: 80, lines: 7 });
        let names: Vec<_> = table.iter().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, ["METRIC", "b", "d", "4", "2"]);
        assert_eq!(table[5], "2 metrics that move least are not shown: a higher window shows more");
    }

    #[test]
    fn plain_lines_are_of_what_changed() {
        let mut summary = summary("a:1|g\nb:1|g");
        assert_eq!(changes(&summary, None, NOW).len(), 4, "titles, two metrics, totals");
        summary.take(["a:1|g", "b:2|g"].into_iter(), Duration::from_secs(9));
        let lines = changes(&summary, Some(Duration::from_secs(8)), NOW);
        assert!(lines.len() == 3 && lines[1].starts_with("b "), "{lines:#?}");
        assert!(changes(&summary, Some(Duration::from_secs(9)), NOW).is_empty());
    }

    #[test]
    fn names_are_cut_at_their_beginning() {
        assert_eq!(cut("docker.engine.count", 19), "docker.engine.count");
        assert_eq!(cut("docker.engine.count", 10), "…ine.count");
    }

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (0.0, "0"),
            (-2.0, "-2"),
            (25_276_502_016.0, "25276502016"),
            (0.012_137_377, "0.012137"),
            (4.6e-8, "4.6e-8"),
            (9.223_372_036_854_776e18, "9.2e18"),
            (-1e300, "-1.0e300"),
        ] {
            assert_eq!(number(value), expected);
        }
        for (value, expected) in [
            (0.0, "0"),
            (0.332_914, "0.333"),
            (0.000_02, "2.0e-5"),
            (313_243.798, "313244"),
            (99_999_999.7, "1.0e8"),
        ] {
            assert_eq!(rate(value), expected);
        }
    }

    #[test]
    fn ages_are_short() {
        let ages = [0, 59, 60, 3599, 3600, 100_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["0s", "59s", "1m", "59m", "1h", "27h"]);
    }
}
