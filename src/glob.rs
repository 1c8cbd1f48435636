//! Patterns of metric names: `*` stands for any characters, `?` for any one, all else for itself.
//!
//! Pure. Matching remembers one star at a time, so its work is bounded by the length of the pattern
//! times that of the name, whatever the two are.

use std::fmt;

/// The longest pattern, in characters.
pub const GLOB_CHARS_MAX: usize = 200;

/// A pattern that a whole name matches or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
}

impl Glob {
    /// A pattern of what names are made of, `*` and `?`.
    #[must_use]
    pub fn parse(pattern: &str) -> Option<Self> {
        let allowed = |char: char| char.is_alphanumeric() || "_:.-*?".contains(char);
        let fits = (1..=GLOB_CHARS_MAX).contains(&pattern.chars().count());
        (fits && pattern.chars().all(allowed)).then(|| Self { pattern: pattern.to_owned() })
    }

    /// Whether all of `name` matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut name) = (self.pattern.chars(), name.chars());
        // What follows the last star, and what of the name that star has not taken. An earlier star
        // never needs to take more: whatever it would leave, the last one can skip to.
        let mut star = None;
        loop {
            let untaken = name.clone();
            match (pattern.next(), name.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    star = Some((pattern.clone(), untaken.clone()));
                    name = untaken;
                }
                (Some(wanted), Some(char)) if wanted == '?' || wanted == char => {}
                _ => {
                    let Some((after_star, rest)) = &mut star else { return false };
                    if rest.next().is_none() {
                        return false;
                    }
                    (pattern, name) = (after_star.clone(), rest.clone());
                }
            }
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, names: &[&str], others: &[&str]) {
        let glob = Glob::parse(pattern).unwrap();
        for name in names {
            assert!(glob.matches(name), "{pattern} {name}");
        }
        for other in others {
            assert!(!glob.matches(other), "{pattern} {other}");
        }
    }

    #[test]
    fn a_pattern_matches_whole_names() {
        check("go_info", &["go_info"], &["", "go_inf", "go_infos", "ago_info", "GO_INFO"]);
        check("go_*", &["go_", "go_info", "go_*"], &["go", "ago_info"]);
        check("*_total", &["_total", "a_total", "a_total_total"], &["a_total_"]);
        check("*", &["", "a", "é日"], &[]);
        check("a?c", &["abc", "a?c", "aéc"], &["ac", "abbc"]);
        check("*?", &["a", "ab"], &[""]);
        check("a*b*c", &["abc", "axbxc", "abbcc", "abcbc"], &["ab", "acb", "abcx"]);
        check("*a*", &["a", "xax"], &["", "x"]);
        check("**", &["", "ab"], &[]);
    }

    #[test]
    fn only_what_names_are_made_of_is_a_pattern() {
        for wrong in ["", "a b", "a,b", "[ab]", "a{b}", "a\\*", "a\n", &"a".repeat(201)] {
            assert_eq!(Glob::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_one() {
        // Trying every way to share these among the stars would take longer than the universe has been.
        let glob = Glob::parse(&"a*".repeat(GLOB_CHARS_MAX / 2)).unwrap();
        let others = format!("{}{}", "a".repeat(GLOB_CHARS_MAX / 2 - 1), "b".repeat(10_000));
        assert!(!glob.matches(&others));
    }

    /// What a pattern means, said as briefly as can be and at any cost.
    fn means(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                means(rest, name) || matches!(name, [_, tail @ ..] if means(pattern, tail))
            }
            ([wanted, rest @ ..], [char, tail @ ..]) => {
                (*wanted == '?' || wanted == char) && means(rest, tail)
            }
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        /// For all patterns and names: the answer is that of the definition.
        #[test]
        fn the_answer_is_that_of_the_definition(pattern in "[ab*?]{1,8}", name in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(Glob::parse(&pattern).unwrap().matches(&name), means(&chars(&pattern), &chars(&name)));
        }
    }
}
