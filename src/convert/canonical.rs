//! The identity of a series, whatever way a scrape writes it: its head in one form.
//!
//! It is the form in which clients write, so of a head that `exposition/usual` reads nothing has to be written here.

use std::borrow::Cow;

use crate::exposition::Labels;

/// A label's name and value.
pub(super) type Label<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Labels in one order, whatever order a scrape has them in: by name, `le` and `quantile` last, as
/// Prometheus' own client writes them. An empty value is no label.
pub(super) fn canonical<'a>(labels: &Labels<'a>) -> Vec<Label<'a>> {
    let mut labels: Vec<_> = labels.iter().filter(|(_, value)| !value.is_empty()).collect();
    sort(&mut labels);
    labels
}

/// Brings labels into that order, which is also that of `Rank` in `exposition/usual`: the fingerprint of a usual head stands
/// for its series.
pub(super) fn sort(labels: &mut [Label<'_>]) {
    let rank = |name: &str| matches!(name, "le" | "quantile");
    labels.sort_by(|(left, _), (right, _)| (rank(left), left).cmp(&(rank(right), right)));
}

/// Makes `head` the head of a sample in its one canonical form.
pub(super) fn write_head(name: &str, labels: &[Label<'_>], head: &mut String) {
    head.clear();
    push_name(head, name);
    for (index, (name, value)) in labels.iter().enumerate() {
        head.push(if index == 0 { '{' } else { ',' });
        push_name(head, name);
        head.push('=');
        push_quoted(head, value);
    }
    head.push_str(if labels.is_empty() { " " } else { "} " });
}

/// A name that is not plain stands in quotes: else it could say what labels say.
fn push_name(out: &mut String, name: &str) {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')) {
        out.push_str(name);
    } else {
        push_quoted(out, name);
    }
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '"' | '\\' => out.extend(['\\', char]),
            _ => out.push(char),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{Line, parse};

    #[track_caller]
    fn check(line: &str, is_usual: bool, expected: &str) {
        let Ok(Line::Sample(sample)) = parse(line.as_bytes()) else { panic!("{line}") };
        let mut head = "what was there before".to_owned();
        write_head(&sample.name(), &canonical(&sample.labels()), &mut head);
        assert_eq!((sample.usual().is_some(), head.as_str()), (is_usual, expected), "{line}");
    }

    #[test]
    fn a_usual_head_is_its_own_canonical_form() {
        for head in [
            "a ",
            "_a:b ",
            "a{b=\"c\"} ",
            "a{b=\"c d,e}f{\",c=\"#\",le=\"+Inf\"} ",
            "a{b=\"c\\n\\\"\\\\\",c=\"é\"} ",
            "a{a=\"1\",z=\"2\",quantile=\"0.5\"} ",
            "a{z=\"1\",le=\"2\",quantile=\"3\"} ",
            "a{A=\"1\",_=\"2\",a=\"3\",l=\"4\",le_=\"5\",quantiles=\"6\",le=\"7\"} ",
            "a{abcdefgh=\"1\",abcdefgh0=\"2\",abcdefgh1=\"3\"} ",
        ] {
            check(&format!("{head}1"), true, head);
        }
    }

    #[test]
    fn any_other_way_of_writing_a_head_comes_to_the_same() {
        let head = "a{b=\"c\",z=\"d\",le=\"1\"} ";
        for line in [
            "a {b=\"c\",z=\"d\",le=\"1\"} 1",
            "a{ z = \"d\", b = \"c\", le=\"1\", } 1",
            "a{le=\"1\",z=\"d\",b=\"c\"} 1",
            "a{b=\"c\",e=\"\",z=\"d\",le=\"1\"} 1",
            "{\"a\",b=\"c\",z=\"d\",le=\"1\"} 1",
        ] {
            check(line, false, head);
        }
        check("a{quantile=\"1\",le=\"2\"} 1", false, "a{le=\"2\",quantile=\"1\"} ");
        check("{\"a b\",\"c d\"=\"e\"} 1", false, "\"a b\"{\"c d\"=\"e\"} ");
        check("a{} 1", false, "a ");
    }
}
