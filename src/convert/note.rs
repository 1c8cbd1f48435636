//! What is remembered of a known line, in one byte.

use crate::exposition::Role;

/// What a known line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note(pub(super) u8);

/// What is to be done with a line that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
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
/// The line can be written straight from its head.
const PLAIN: u8 = 16;
const IGNORED: u8 = 32;
/// The converter looks into this line in every scrape.
const WATCHED: u8 = 64;

/// By their codes.
const ROLES: [Role; 10] = [
    Role::Counter,
    Role::Gauge,
    Role::Untyped,
    Role::HistogramBucket,
    Role::HistogramCount,
    Role::HistogramSum,
    Role::SummaryQuantile,
    Role::SummaryCount,
    Role::SummarySum,
    Role::Created,
];

impl Note {
    pub(super) const COMMENT: Self = Self(COMMENT);
    pub(super) const TYPE: Self = Self(TYPE);

    pub(super) fn sample(role: Role, is_sent: bool, is_plain: bool, is_watched: bool) -> Self {
        let code = ROLES.iter().position(|known| *known == role).unwrap_or(2);
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let flags = flag(is_plain, PLAIN) | flag(!is_sent, IGNORED) | flag(is_watched, WATCHED);
        Self(u8::try_from(code).unwrap_or(2) | flags)
    }

    #[inline]
    pub(super) fn known(self) -> Known {
        match self.0 & ROLE_MASK {
            COMMENT => Known::Comment,
            TYPE => Known::Type,
            _ if self.0 & IGNORED != 0 => Known::Ignored,
            // Gauge, untyped and quantile.
            1 | 2 | 6 => Known::Gauge,
            _ => Known::Counter,
        }
    }

    #[inline]
    pub(super) fn role(self) -> Role {
        ROLES.get(usize::from(self.0 & ROLE_MASK)).copied().unwrap_or(Role::Untyped)
    }

    #[inline]
    pub(super) fn is_plain(self) -> bool {
        self.0 & PLAIN != 0
    }

    #[inline]
    pub(super) fn is_watched(self) -> bool {
        self.0 & WATCHED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_remembered() {
        for role in ROLES {
            let note = Note::sample(role, true, true, false);
            assert_eq!(note.role(), role);
            let known =
                if role.is_cumulative() || role == Role::Created { Known::Counter } else { Known::Gauge };
            assert_eq!(note.known(), known, "{role:?}");
            assert_eq!((note.is_plain(), note.is_watched()), (true, false));
            assert_eq!(Note::sample(role, false, false, true).known(), Known::Ignored);
        }
        assert_eq!((Note::COMMENT.known(), Note::TYPE.known()), (Known::Comment, Known::Type));
    }
}
