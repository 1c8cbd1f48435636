//! A usual head as the pattern of the next one: of lines that stand together most say much the same.
//!
//! Those of a family share its name, mostly the names of their labels, and the values of some. So a head is read from
//! where it differs on, and is then the next one's pattern.

use super::usual::{BETWEEN_LABELS, Part, Usual, value};
use crate::wide;

/// So many labels are remembered; a head with more is nobody's pattern.
const LABELS_KEPT: usize = 16;

/// A usual head, and where its labels stand.
#[derive(Debug)]
pub struct Pattern<'a> {
    /// Begins with the head, and may go on.
    text: &'a [u8],
    usual: Usual,
    parts: [Part; LABELS_KEPT],
    /// How many labels there are; none if what stands there is nobody's pattern.
    labels: usize,
}

impl<'a> Pattern<'a> {
    /// Reads the head that a text begins with; `None` if it is not a usual one.
    #[inline]
    #[must_use]
    pub fn leading(text: &'a [u8]) -> Option<Self> {
        let mut parts = [Part::default(); LABELS_KEPT];
        let mut labels = 0;
        let usual = Usual::read_in_parts(text, |part| {
            if let Some(place) = parts.get_mut(labels) {
                *place = part;
            }
            labels += 1;
        })?;
        Some(Self { text, usual, parts, labels })
    }

    /// What the text begins with that it was made from, or was brought to.
    pub(super) fn parts(&self) -> (&'a [u8], Usual) {
        (self.text, self.usual)
    }

    /// With how many bytes of the head a text begins, if they are the name and more.
    #[inline]
    #[must_use]
    pub fn same_bytes(&self, text: &[u8]) -> Option<usize> {
        let same = wide::same_bytes(text, self.text, self.usual.head_bytes.into());
        (same > self.usual.name_bytes.into()).then_some(same)
    }

    /// Reads the head that a text begins with, of which so many bytes are the same, if its labels have the same names.
    /// Then this is its pattern, else nobody's; returns which.
    #[inline]
    pub fn advance(&mut self, text: &'a [u8], same: usize) -> bool {
        let is_read = self.read(text, same).is_some();
        self.text = text;
        if !is_read {
            self.labels = 0;
        }
        is_read
    }

    #[inline]
    fn read(&mut self, text: &[u8], same: usize) -> Option<()> {
        let parts = self.parts.get_mut(..self.labels)?;
        // In its value, or in what stands behind that, the texts differ.
        let mut label = parts.iter().rposition(|part| part.value <= same)?;
        let mut part = *parts.get(label)?;
        loop {
            let value = value(text, part.value)?;
            label += 1;
            let Some(next) = parts.get_mut(label) else { return self.usual.end(text, part, &value) };
            // What stands between the two values begins behind this one: `",name="`.
            let before_name = next.name - BETWEEN_LABELS.len();
            let between = next.value - before_name;
            let end = part.value + value.bytes;
            if !wide::begins_alike(text.get(end..)?, self.text.get(before_name..)?, between) {
                return None;
            }
            part = part.next(&value);
            part.value = end + between;
            *next = part;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_like_the_one_before_is_read_as_any_other() {
        let first = "a{b=\"c d\",cd=\"e\",le=\"0.5\"} 1";
        for (line, is_like) in [
            ("a{b=\"c d\",cd=\"e\",le=\"0.5\"} 2", true),
            ("a{b=\"c d\",cd=\"e\",le=\"+Inf\"} 2", true),
            ("a{b=\"c d\",cd=\"e\",le=\"\\\"\"} 2", true),
            ("a{b=\"c d\",cd=\"e\",le=\"é\"} 2", true),
            ("a{b=\"c d\",cd=\"é\",le=\"0.5\"} 2", true),
            ("a{b=\"c\",cd=\"longer than a step\",le=\"0.5\"} 2", true),
            ("a{b=\"\\n\",cd=\" \",le=\"0.5\"} 2", true),
            ("a{b=\"c d\",cd=\"e\",le=\"0.5\"}  2", false),
            ("a{b=\"c d\",cd=\"e\",le=\"0.5\",} 2", false),
            ("a{b=\"c d\",cd=\"e\",le=\"\"} 2", false),
            ("a{b=\"c d\",cd=\"e\",le=\"\\x\"} 2", false),
            ("a{b=\"c d\",cd=\"e\",le=\"0.5", false),
            ("a{b=\"c d\",cd=\"e\"} 2", false),
            ("a{b=\"c d\",cd=\"e\",le=\"0.5\",m=\"f\"} 2", false),
            ("a{b=\"c d\",ce=\"e\",le=\"0.5\"} 2", false),
            ("a{b=\"c d\",cdd=\"e\",le=\"0.5\"} 2", false),
            ("a{b=\"\",cd=\"e\",le=\"0.5\"} 2", false),
            ("a 2", false),
            ("b{b=\"c d\",cd=\"e\",le=\"0.5\"} 2", false),
            ("a", false),
        ] {
            let mut pattern = Pattern::leading(first.as_bytes()).unwrap();
            let same = pattern.same_bytes(line.as_bytes()).unwrap_or(0);
            assert_eq!(pattern.advance(line.as_bytes(), same), is_like, "{line}");
            if is_like {
                let expected = Pattern::leading(line.as_bytes()).unwrap();
                assert_eq!(format!("{pattern:?}"), format!("{expected:?}"), "{line}");
            } else {
                let same = pattern.same_bytes(first.as_bytes()).unwrap_or(0);
                assert!(!pattern.advance(first.as_bytes(), same), "it is nobody's pattern");
            }
        }
        let mut bare = Pattern::leading(b"a 1").unwrap();
        assert!(!bare.advance(b"a 2", 2), "it has no labels");
    }

    #[test]
    fn a_head_with_very_many_labels_is_nobodys_pattern() {
        let labels: Vec<_> = (0..=LABELS_KEPT).map(|label| format!("a{label:02}=\"\\n\"")).collect();
        let line = format!("a{{{}}} 1", labels.join(","));
        let mut pattern = Pattern::leading(line.as_bytes()).unwrap();
        assert!(!pattern.advance(line.as_bytes(), line.len()));
    }
}
