//! What a document quotes, in the first column of its tables.

/// What stands in a quotation for what varies.
pub(crate) const VARIES: char = '…';

/// For each row of the tables whose first column is headed `head`, what stands there in backticks: one
/// quotation, or several ways of saying the same.
pub(crate) fn quotations(document: &str, head: &str) -> Vec<Vec<String>> {
    let mut quotations = Vec::new();
    let mut lines = document.lines();
    while lines.by_ref().any(|line| line.starts_with(&format!("| {head} |"))) {
        let rows = lines.by_ref().skip(1).take_while(|line| line.starts_with('|'));
        let first = rows.map(|row| row.trim_start_matches("| ").split(" | ").next().unwrap());
        quotations.extend(first.map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()));
    }
    quotations
}
