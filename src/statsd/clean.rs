//! Cleaning: what may stand in a name and in a tag.
//!
//! StatsD has no escapes, so what a server could read as a border is replaced. What is too long is
//! cut and ends in a hash of the whole, so that two names that begin alike stay two names.

/// The longest metric name, in characters: Datadog's limit.
pub const NAME_CHARS_MAX: usize = 200;
/// The longest tag, key and value together, in characters: Datadog's limit.
pub const TAG_CHARS_MAX: usize = 200;
/// `_` and eight hexadecimal digits.
const HASH_CHARS: usize = 9;

/// What a tag may hold. The first colon ends a tag's key, so a key has none.
#[must_use]
pub fn is_tag_char(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-' | ':' | '/' | '.')
}

/// A name's characters, in every server's common set.
pub(super) fn push_name(out: &mut String, text: &str) {
    push_clean(out, text, |char| char.is_ascii_alphanumeric() || char == '_' || char == '.');
}

/// One part of a dotted name: a dot in it would be a border.
pub(super) fn push_name_part(out: &mut String, text: &str) {
    push_clean(out, text, |char| char.is_ascii_alphanumeric() || char == '_');
}

/// `key:value`, or the key alone, cut to the limit.
pub(super) fn push_tag(out: &mut String, key: &str, value: Option<&str>) {
    let start = out.len();
    push_clean(out, key, |char| is_tag_char(char) && char != ':');
    if let Some(value) = value {
        out.push(':');
        push_clean(out, value, is_tag_char);
    }
    cut(out, start, TAG_CHARS_MAX);
}

fn push_clean(out: &mut String, text: &str, allowed: impl Fn(char) -> bool) {
    out.extend(text.chars().map(|char| if allowed(char) { char } else { '_' }));
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

    fn tag(key: &str, value: &str) -> String {
        let mut out = String::new();
        push_tag(&mut out, key, Some(value));
        out
    }

    #[test]
    fn nothing_that_is_a_border_survives() {
        assert_eq!(tag("a", "b,c|d#e\nf@g h"), "a:b_c_d_e_f_g_h");
        assert_eq!(tag("a:b", "c:d"), "a_b:c:d");
        assert_eq!(tag("a", "\0\u{1}\u{7f}\u{2028}"), "a:____");
        assert_eq!(tag("os", "Debian 12 (bookworm) é日"), "os:Debian_12__bookworm__é日");
        let mut name = String::new();
        push_name(&mut name, "a:b|c d.é");
        push_name_part(&mut name, ".x-y");
        assert_eq!(name, "a_b_c_d.__x_y");
    }

    #[test]
    fn a_cut_text_stays_unique_and_at_its_limit() {
        let long = "é".repeat(300);
        let other = format!("{long}x");
        let (cut, other) = (tag("k", &long), tag("k", &other));
        assert_eq!(cut.chars().count(), TAG_CHARS_MAX);
        assert_eq!(other.chars().count(), TAG_CHARS_MAX);
        assert_ne!(cut, other);
        let fits = "x".repeat(TAG_CHARS_MAX - 2);
        assert_eq!(tag("k", &fits), format!("k:{fits}"));
    }
}
