//! One line, taken apart for people. Pure; what it cannot read is no error, and is shown as it is.

/// A metric, as its line has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// Tags that are part of the name: `;a=b`, `,a=b`, `#a=b` or `[a=b]`.
    name_tags: &'a str,
    pub(super) value: &'a str,
    /// The type: `c`, `g`, `ms` and so on.
    pub(super) kind: &'a str,
    /// What follows the type: a rate, tags and more, with `|` between them.
    fields: &'a str,
}

impl<'a> Line<'a> {
    /// `None` if the line is no metric: an event, a service check or something else.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        if line.starts_with("_e{") || line.starts_with("_sc|") {
            return None;
        }
        let (metric, rest) = line.split_once('|')?;
        let (kind, fields) = rest.split_once('|').unwrap_or((rest, ""));
        // Between brackets a colon may be part of a tag.
        let border = metric.find("]:").map(|end| end + 1).or_else(|| metric.find(':'))?;
        let (series, value) = metric.split_at_checked(border)?;
        let name_end = series.find([';', ',', '#', '[']).unwrap_or(series.len());
        let (name, name_tags) = series.split_at_checked(name_end)?;
        let value = value.strip_prefix(':')?;
        let is_whole = [name, value, kind].iter().all(|part| !part.is_empty());
        is_whole.then_some(Self { name, name_tags, value, kind, fields })
    }

    /// Which part of what was counted the line speaks of: 0.1 stands for ten times the value.
    pub(super) fn rate(&self) -> f64 {
        let rate = self.fields.split('|').find_map(|field| field.strip_prefix('@'));
        rate.and_then(|rate| rate.parse().ok()).filter(|rate| *rate > 0.0).unwrap_or(1.0)
    }

    /// How often the value of a distribution was observed: the Agent divides by the rate and drops the fraction.
    pub(super) fn times(&self) -> f64 {
        (1.0 / self.rate()).trunc()
    }

    /// The tags, from either place.
    pub(super) fn tags(&self) -> (&'a str, &'a str) {
        (self.name_tags, self.fields.split('|').find_map(|field| field.strip_prefix('#')).unwrap_or_default())
    }
}

/// `name value kind tags`, in columns; of a distribution how often instead of a rate.
pub(super) fn readable(line: &str) -> String {
    let Some(parsed) = Line::parse(line) else { return line.to_owned() };
    let Line { name, name_tags, value, kind, fields } = parsed;
    let mut times = String::new();
    let kind = match kind {
        "c" => "count",
        "g" => "gauge",
        "d" => {
            if parsed.times() > 1.0 {
                times = format!("{} times", parsed.times());
            }
            "dist"
        }
        other => other,
    };
    let is_said = |field: &&str| !times.is_empty() && field.starts_with('@');
    let inner = name_tags.trim_start_matches([';', ',', '#', '[']).trim_end_matches(']');
    let fields = fields
        .split('|')
        .filter(|field| !is_said(field))
        .map(|field| field.strip_prefix('#').unwrap_or(field));
    let rest: Vec<_> =
        [times.as_str(), inner].into_iter().chain(fields).filter(|field| !field.is_empty()).collect();
    format!("{name:<60} {value:>14} {kind:<5} {}", rest.join(" ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, columns: &[&str]) {
        assert_eq!(readable(line).split_whitespace().collect::<Vec<_>>(), columns, "{line}");
    }

    #[test]
    fn lines_become_columns() {
        check("a.b:1.5|c|#x:y,z:w", &["a.b", "1.5", "count", "x:y,z:w"]);
        check("a:-2|g", &["a", "-2", "gauge"]);
        check("a:2|ms|@0.1|#b:c", &["a", "2", "ms", "@0.1", "b:c"]);
    }

    #[test]
    fn a_distribution_says_how_often_its_value_was_observed() {
        check("a:0.5|d|#b:c", &["a", "0.5", "dist", "b:c"]);
        check("a:0.5|d|@0.3333333333333333|#b:c", &["a", "0.5", "dist", "3", "times", "b:c"]);
        check("a:0.5|d|@0.0000049999999999999996", &["a", "0.5", "dist", "200000", "times"]);
        check("a:0.5|d|@0|#b:c", &["a", "0.5", "dist", "@0", "b:c"]);
    }

    #[test]
    fn tags_in_a_name_are_tags() {
        check("a;b=c;d=e:1|c", &["a", "1", "count", "b=c;d=e"]);
        check("a,b=c:1|c", &["a", "1", "count", "b=c"]);
        check("a#b=c:1|g", &["a", "1", "gauge", "b=c"]);
        check("a[b=c:d,e=f]:1|g", &["a", "1", "gauge", "b=c:d,e=f"]);
    }

    #[test]
    fn what_is_no_metric_is_shown_as_it_is() {
        for line in ["no metric", "_e{1,1}:a|b", "_sc|a|0|#b:c", "a|c", "|", "]:|", "a:|c", ":1|c"] {
            assert_eq!(readable(line).split_whitespace().collect::<String>(), line.replace(' ', ""));
        }
    }

    #[test]
    fn a_rate_and_tags_are_found_in_any_field() {
        let line = Line::parse("a:1|c|#b:c|@0.25").unwrap();
        assert_eq!((line.rate(), line.tags()), (0.25, ("", "b:c")));
        let line = Line::parse("a;b=c:1|c|@0").unwrap();
        assert_eq!((line.rate(), line.tags()), (1.0, (";b=c", "")), "no count is a part of nothing");
    }
}
