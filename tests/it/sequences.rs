//! Random sequences of steps, through which a law must hold and in which a planted mistake must be noticed.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

type Checked = Result<(), TestCaseError>;

fn run<S: Strategy>(
    cases: u32,
    step: S,
    check: impl Fn(&[S::Value]) -> Checked,
) -> Result<(), TestError<Vec<S::Value>>> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    TestRunner::new(config).run(&vec(step, 1..14), |steps| check(&steps))
}

/// No sequence fails the check.
#[track_caller]
pub(crate) fn hold<S: Strategy>(cases: u32, step: S, check: impl Fn(&[S::Value]) -> Checked) {
    if let Err(error) = run(cases, step, check) {
        panic!("{error}");
    }
}

/// With each mistake some sequence fails the check.
#[track_caller]
pub(crate) fn notice<S: Strategy, M: Copy + Debug>(
    cases: u32,
    step: impl Fn() -> S,
    mistakes: &[M],
    check: impl Fn(&[S::Value], Option<M>) -> Checked,
) {
    for mistake in mistakes {
        let noticed = run(cases, step(), |steps| check(steps, Some(*mistake)));
        assert!(matches!(noticed, Err(TestError::Fail(..))), "{mistake:?} was not noticed: {noticed:?}");
    }
}
