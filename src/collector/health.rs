//! One line per change of state: whether something works, and what was last wrong with it.

/// Whether something works.
#[derive(Debug, Default)]
pub(super) struct Health {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Unknown,
    Works,
    Fails {
        problem: String,
        times: u64,
    },
}

/// What a success changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It worked for the first time.
    First,
    /// It failed this many times before.
    Recovered(u64),
    /// It worked before.
    Same,
}

impl Health {
    pub(super) fn works(&mut self) -> Change {
        match std::mem::replace(&mut self.state, State::Works) {
            State::Unknown => Change::First,
            State::Works => Change::Same,
            State::Fails { times, .. } => Change::Recovered(times),
        }
    }

    /// Whether this failure is news.
    pub(super) fn fails(&mut self, new: &str) -> bool {
        match &mut self.state {
            State::Fails { problem, times } if problem == new => {
                *times += 1;
                false
            }
            State::Fails { problem, times } => {
                *times += 1;
                new.clone_into(problem);
                true
            }
            State::Unknown | State::Works => {
                self.state = State::Fails { problem: new.to_owned(), times: 1 };
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_news() {
        let mut health = Health::default();
        assert_eq!(health.works(), Change::First);
        assert_eq!(health.works(), Change::Same);
        assert!(health.fails("a"));
        assert!(!health.fails("a"));
        assert!(health.fails("b"));
        assert_eq!(health.works(), Change::Recovered(3));
        assert_eq!(health.works(), Change::Same);
    }
}
