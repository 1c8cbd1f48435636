//! The parts of a run: long lives of one process, whose memory can be looked at, and short ones, one after the other.

use std::time::Duration;

use crate::plugin::Mode;
use crate::server::Transport;

/// A part of a run: a way to run the plugin, and a server to send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) mode: Mode,
    pub(crate) transport: Transport,
    /// Whether processes end and others go on from their state.
    pub(crate) restarts: bool,
    pub(crate) time: Duration,
}

/// Half of the time two processes live long; in the other half every way to send is taken, as the plugin and as `agent`.
pub(crate) fn of(time: Duration) -> Vec<Stretch> {
    let long = [(Mode::Plugin, Transport::Unixgram), (Mode::Agent, Transport::Udp)];
    let long = long.map(|(mode, transport)| Stretch { mode, transport, restarts: false, time: time / 4 });
    let short = [Mode::Plugin, Mode::Agent].into_iter().flat_map(|mode| {
        Transport::ALL.map(|transport| Stretch { mode, transport, restarts: true, time: time / 16 })
    });
    long.into_iter().chain(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_take_the_time_there_is() {
        let time = Duration::from_secs(3600);
        assert_eq!(of(time).iter().map(|stretch| stretch.time).sum::<Duration>(), time);
    }
}
