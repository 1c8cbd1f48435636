//! What is remembered of a known line, in one byte.

use crate::exposition::Role;

/// What a known line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note(pub(super) u8);

/// What is to be done with a line that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// A comment without a meaning: nothing.
    Comment,
    /// The line declares a family.
    Type,
    /// Its value is read, and sent to nobody.
    Ignored,
    Gauge,
    Counter,
}

const COMMENT: u8 = 14;
const TYPE: u8 = 15;
const ROLE_MASK: u8 = 15;
/// The line can be written straight from its head. What the two bits behind say depends on this one.
const PLAIN: u8 = 16;
/// Of a plain line: `.0` is put behind its bound.
const POINT_ZERO: u8 = 32;
/// Of a plain line: its labels are to be cleaned.
const CLEANED: u8 = 64;
/// Of another line: the converter looks into it in every scrape.
const WATCHED: u8 = 32;
/// Of another line: it is not sent.
const IGNORED: u8 = 64;
/// The family that makes the line what it is was the last to be declared before it.
const FOLLOWS_TYPE: u8 = 128;

/// How a head can be written quickly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plainness {
    /// Not at all.
    None,
    /// As it is.
    AsItIs,
    /// As it is, with `.0` behind its bound.
    PointZero,
    /// With its label values cleaned.
    Cleaned,
    /// The same with `.0` behind its bound.
    CleanedPointZero,
}

/// A role's code is its place among [`Role::ALL`]; from this one on they are gauges.
const FIRST_GAUGE: u8 = Role::Untyped as u8;

impl Note {
    pub(super) const COMMENT: Self = Self(COMMENT);
    pub(super) const TYPE: Self = Self(TYPE);

    #[inline]
    pub(super) fn sample(role: Role, is_sent: bool, is_watched: bool, plainness: Plainness) -> Self {
        let state = match plainness {
            _ if is_watched || !is_sent => {
                (if is_watched { WATCHED } else { 0 }) | if is_sent { 0 } else { IGNORED }
            }
            Plainness::None => 0,
            Plainness::AsItIs => PLAIN,
            Plainness::PointZero => PLAIN | POINT_ZERO,
            Plainness::Cleaned => PLAIN | CLEANED,
            Plainness::CleanedPointZero => PLAIN | CLEANED | POINT_ZERO,
        };
        Self(role as u8 | state)
    }

    /// The same of a line that follows the TYPE line that makes it what it is, or does not.
    #[inline]
    pub(super) fn following_type(self, follows: bool) -> Self {
        Self(if follows { self.0 | FOLLOWS_TYPE } else { self.0 & !FOLLOWS_TYPE })
    }

    /// Whether the line is what it is wherever the TYPE line before it is the same: it follows the one that
    /// makes it so, or is a comment.
    #[inline]
    pub(super) fn stays_under_type(self) -> bool {
        self.0 & FOLLOWS_TYPE != 0 || self == Self::COMMENT
    }

    #[inline]
    pub(super) fn handling(self) -> Handling {
        match self.0 & ROLE_MASK {
            COMMENT => Handling::Comment,
            TYPE => Handling::Type,
            _ if self.0 & (PLAIN | IGNORED) == IGNORED => Handling::Ignored,
            FIRST_GAUGE.. => Handling::Gauge,
            _ => Handling::Counter,
        }
    }

    #[inline]
    pub(super) fn role(self) -> Role {
        Role::ALL.get(usize::from(self.0 & ROLE_MASK)).copied().unwrap_or(Role::Untyped)
    }

    #[inline]
    pub(super) fn is_plain(self) -> bool {
        self.0 & PLAIN != 0
    }

    #[inline]
    pub(super) fn needs_point_zero(self) -> bool {
        self.0 & (PLAIN | POINT_ZERO) == PLAIN | POINT_ZERO
    }

    #[inline]
    pub(super) fn needs_cleaning(self) -> bool {
        self.0 & (PLAIN | CLEANED) == PLAIN | CLEANED
    }

    #[inline]
    pub(super) fn is_watched(self) -> bool {
        self.0 & (PLAIN | WATCHED) == WATCHED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_remembered() {
        for role in Role::ALL {
            let note = Note::sample(role, true, false, Plainness::AsItIs);
            assert_eq!(note.role(), role);
            let handling = match role {
                Role::Untyped | Role::Gauge | Role::SummaryQuantile => Handling::Gauge,
                _ => Handling::Counter,
            };
            assert_eq!(note.handling(), handling, "{role:?}");
            for is_watched in [true, false] {
                let ignored = Note::sample(role, false, is_watched, Plainness::AsItIs);
                assert_eq!((ignored.handling(), ignored.is_watched()), (Handling::Ignored, is_watched));
                assert!(!ignored.is_plain());
            }
            for follows in [true, false] {
                let note = note.following_type(follows);
                assert_eq!(
                    (note.role(), note.handling(), note.stays_under_type()),
                    (role, handling, follows)
                );
            }
        }
        let flags = |is_watched, plainness| {
            let note = Note::sample(Role::Gauge, true, is_watched, plainness);
            [note.is_plain(), note.needs_point_zero(), note.needs_cleaning(), note.is_watched()]
        };
        assert_eq!(flags(true, Plainness::AsItIs), [false, false, false, true]);
        assert_eq!(flags(false, Plainness::None), [false, false, false, false]);
        assert_eq!(flags(false, Plainness::AsItIs), [true, false, false, false]);
        assert_eq!(flags(false, Plainness::PointZero), [true, true, false, false]);
        assert_eq!(flags(false, Plainness::Cleaned), [true, false, true, false]);
        assert_eq!(flags(false, Plainness::CleanedPointZero), [true, true, true, false]);
        assert_eq!((Note::COMMENT.handling(), Note::TYPE.handling()), (Handling::Comment, Handling::Type));
        assert_eq!((Note::COMMENT.stays_under_type(), Note::TYPE.stays_under_type()), (true, false));
    }
}
