//! Names and tags as the encoder wrote them, for lines that are not plain, because most are written in every scrape.
//!
//! It knows lines by their fingerprints and notes, and nothing of how a text came to be. The settings do not change, so a
//! text is true as long as fingerprints mean the same; it is dropped to make room for those of other lines.

use super::note::Note;
use crate::fingerprint::{Fingerprint, FingerprintMap};
use crate::statsd::NameAndTags;

/// What the texts take at most, in bytes: enough for each line of an engine's scrape.
pub(super) const ENCODED_BYTES_MAX: usize = 64 << 10;
/// What is known of a text takes about as much as it does where it is short.
const ENTRY_BYTES: usize = 2 * size_of::<(Fingerprint, Entry)>();

/// Names and tags of lines that are not plain.
#[derive(Debug, Default)]
pub(super) struct EncodedNames {
    texts: String,
    /// By the fingerprint of the line's head.
    entries: FingerprintMap<Entry>,
    /// One found no room.
    is_full: bool,
    /// How often one was found, since there were other lines.
    found: usize,
}

/// Where a text stands, and of what line.
#[derive(Debug, Clone, Copy)]
struct Entry {
    note: Note,
    begin: u32,
    /// Where in it the name ends.
    name_end: u32,
    bytes: u32,
}

impl EncodedNames {
    /// The name and tags of a line, if they are known.
    pub(super) fn get(&mut self, head: Fingerprint, note: Note) -> Option<NameAndTags<'_>> {
        let entry = self.entries.get(&head).filter(|entry| entry.note == note)?;
        self.found += 1;
        let begin = entry.begin as usize;
        let text = self.texts.get(begin..begin + entry.bytes as usize)?;
        Some(NameAndTags { text, name_end: entry.name_end as usize })
    }

    /// Keeps the name and tags of a line, as far as there is room.
    pub(super) fn keep(&mut self, head: Fingerprint, note: Note, written: NameAndTags<'_>) {
        let NameAndTags { text, name_end } = written;
        let begin = self.texts.len();
        if begin + text.len() + (self.entries.len() + 1) * ENTRY_BYTES > ENCODED_BYTES_MAX {
            self.is_full = true;
            return;
        }
        if let (Ok(begin), Ok(name_end), Ok(bytes)) =
            (u32::try_from(begin), u32::try_from(name_end), u32::try_from(text.len()))
        {
            self.texts.push_str(text);
            self.entries.insert(head, Entry { note, begin, name_end, bytes });
        }
    }

    /// There are other lines now: makes room for them, if there is none and most texts were of no use.
    pub(super) fn make_room(&mut self) {
        let found = std::mem::take(&mut self.found);
        if self.is_full && found < self.entries.len() / 2 {
            self.clear();
        }
    }

    /// Nothing is known any more.
    pub(super) fn clear(&mut self) {
        self.is_full = false;
        self.texts.clear();
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, name_end: usize) -> NameAndTags<'_> {
        NameAndTags { text, name_end }
    }

    #[test]
    fn what_was_kept_is_known_as_long_as_the_line_is_what_it_was() {
        let mut encoded = EncodedNames::default();
        assert_eq!(encoded.get(1, Note(0)), None);
        encoded.keep(1, Note(0), written("name|tags", 4));
        encoded.keep(2, Note(1), written("", 0));
        assert_eq!(encoded.get(1, Note(0)), Some(written("name|tags", 4)));
        assert_eq!(encoded.get(2, Note(1)), Some(written("", 0)));
        assert_eq!(encoded.get(1, Note(1)), None);
        encoded.keep(1, Note(1), written("other", 5));
        assert_eq!(encoded.get(1, Note(1)), Some(written("other", 5)));
        assert_eq!(encoded.get(1, Note(0)), None);
        encoded.make_room();
        assert!(encoded.get(1, Note(1)).is_some(), "there is room");
        encoded.clear();
        assert_eq!(encoded.get(1, Note(1)), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut encoded = EncodedNames::default();
        let text = "x".repeat(100);
        (0..2_000).for_each(|head| encoded.keep(head, Note(0), written(&text, 1)));
        let known = (0..2_000).take_while(|head| encoded.get(*head, Note(0)).is_some()).count();
        assert!((300..600).contains(&known), "{known}");
        assert!(encoded.texts.len() <= ENCODED_BYTES_MAX);
        assert_eq!(encoded.entries.len(), known);
        encoded.make_room();
        assert!(encoded.get(1, Note(0)).is_some(), "all were of use");
        encoded.make_room();
        assert_eq!(encoded.get(1, Note(0)), None);
    }
}
