//! Cleaning: what may stand in a name and in a tag.
//!
//! StatsD has no escapes, so what a server could read as a border is replaced. What is too long is
//! cut and ends in a hash of the whole, so that two names that begin alike stay two names.

/// The longest metric name, in characters: Datadog's limit.
pub const NAME_CHARS_MAX: usize = 200;
/// The longest tag, key and value together, in characters: Datadog's limit.
pub const TAG_CHARS_MAX: usize = 200;
/// The longest key of a tag that stands in a name, in characters: Librato's limit, the smallest of all.
/// It leaves room for a value, so that a tag that is cut still has one.
pub const KEY_CHARS_MAX: usize = 64;
/// `_` and eight hexadecimal digits.
const HASH_CHARS: usize = 9;

/// The characters that stay; every other one becomes `_`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charset {
    /// What stays beside letters, digits and `_`.
    pub(super) marks: &'static str,
    /// Letters and digits of any script, not only those of ASCII.
    pub(super) any_script: bool,
}

impl Charset {
    /// A name's characters, in every server's common set.
    pub(super) const NAME: Self = Self { marks: ".", any_script: false };
    /// The characters of a tag's value in DogStatsD, which takes the most.
    pub(super) const TAG: Self = Self { marks: "-:/.", any_script: true };

    fn holds(self, char: char) -> bool {
        char.is_ascii_alphanumeric()
            || char == '_'
            || self.marks.contains(char)
            || (self.any_script && char.is_alphanumeric())
    }

    pub(super) fn holds_all(self, text: &str) -> bool {
        text.chars().all(|char| self.holds(char))
    }

    pub(super) fn clean(self, text: &str) -> impl Iterator<Item = char> {
        text.chars().map(move |char| if self.holds(char) { char } else { '_' })
    }
}

/// What a tag of the settings may hold; a dialect that takes less cleans it.
#[must_use]
pub fn is_tag_char(char: char) -> bool {
    Charset::TAG.holds(char)
}

/// Cuts what was written from `start` on to `chars_max` characters.
pub(super) fn cut(out: &mut String, start: usize, chars_max: usize) {
    let Some(written) = out.get(start..) else { return };
    // Bytes are never fewer than characters, so most texts are not counted.
    if written.len() <= chars_max || written.chars().count() <= chars_max {
        return;
    }
    let hash = fnv1a(written.as_bytes());
    if let Some((keep, _)) = written.char_indices().nth(chars_max - HASH_CHARS) {
        out.truncate(start + keep);
        out.push_str(&format!("_{hash:08x}"));
    }
}

/// FNV-1a, 32 bits: the same on every machine and in every version, as names must be.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wide::{STEP, Step};

    #[track_caller]
    fn check(charset: Charset, text: &str, expected: &str) {
        assert_eq!(charset.clean(text).collect::<String>(), expected);
    }

    #[test]
    fn nothing_that_is_a_border_survives() {
        check(Charset::TAG, "b,c|d#e\nf@g h=;[]", "b_c_d_e_f_g_h____");
        check(Charset::TAG, "\0\u{1}\u{7f}\u{2028}", "____");
        check(Charset::TAG, "Debian 12 (bookworm) é日", "Debian_12__bookworm__é日");
        check(Charset::NAME, "a:b|c d.é", "a_b_c_d._");
    }

    #[test]
    fn a_byte_is_what_its_character_is() {
        let stays = |byte: u8| Step::at(&[byte; STEP], 0).places_of_simple() == u32::MAX;
        assert!((0..=0x7f_u8).all(|byte| stays(byte) == is_tag_char(char::from(byte))));
        assert!((0x80..=u8::MAX).all(|byte| !stays(byte)));
    }

    #[test]
    fn a_cut_text_stays_unique_and_at_its_limit() {
        let cut = |text: &str| {
            let mut out = format!("before{text}");
            super::cut(&mut out, "before".len(), 20);
            out
        };
        let long = "é".repeat(30);
        assert_eq!(cut(&long), "beforeééééééééééé_f684520d");
        assert_eq!(cut(&format!("{long}x")).chars().count(), 26);
        assert_ne!(cut(&long), cut(&format!("{long}x")));
        assert_eq!(cut(&"é".repeat(20)), format!("before{}", "é".repeat(20)));
    }
}
