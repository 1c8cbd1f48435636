//! Random steps: a small body, edited from scrape to scrape.

use std::iter;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::edits::{BODIES, BYTES, Edit, LINES, VALUES};
use crate::pair::Around;

/// A step of a sequence: the body of the step before, edited.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) edits: Vec<Edit>,
    pub(super) around: Around,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let begin =
        (0..BODIES.len()).prop_map(|body| Step { edits: vec![Edit::Body(body)], around: Around::default() });
    (begin, vec(step(), 1..9)).prop_map(|(begin, steps)| iter::once(begin).chain(steps).collect())
}

fn step() -> impl Strategy<Value = Step> {
    let refused = prop_oneof![2 => Just(0), 1 => any::<u8>(), 1 => Just(u8::MAX)];
    let fails_after = prop_oneof![5 => Just(None), 1 => (0_usize..600).prop_map(Some)];
    let around = (prop::bool::weighted(0.1), fails_after, any::<Option<u64>>(), refused);
    let around = around.prop_map(|(restarts, fails_after, cuts, refused)| Around {
        restarts,
        fails_after,
        cuts,
        refused,
    });
    (vec(edit(), 0..5), around).prop_map(|(edits, around)| Step { edits, around })
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0_usize..1000;
    let byte = || proptest::sample::select(BYTES);
    prop_oneof![
        1 => (0..BODIES.len()).prop_map(Edit::Body),
        8 => (at(), 0..LINES.len()).prop_map(|(at, line)| Edit::Insert { at, line }),
        4 => at().prop_map(|at| Edit::Remove { at }),
        2 => (at(), at()).prop_map(|(from, to)| Edit::Copy { from, to }),
        3 => (at(), at()).prop_map(|(from, to)| Edit::Move { from, to }),
        3 => (at(), at()).prop_map(|(at, with)| Edit::Swap { at, with }),
        1 => at().prop_map(|by| Edit::Rotate { by }),
        6 => (at(), 0..VALUES.len()).prop_map(|(at, value)| Edit::Value { at, value }),
        5 => (1_u8..20).prop_map(|by| Edit::Grow { by }),
        2 => (at(), byte()).prop_map(|(at, byte)| Edit::InsertByte { at, byte }),
        2 => (at(), byte()).prop_map(|(at, byte)| Edit::SetByte { at, byte }),
        2 => at().prop_map(|at| Edit::RemoveByte { at }),
    ]
}
