//! Timers that the program's thread keeps itself.
//!
//! The thread that runs the tasks sleeps until the first of its timers is due, or until somebody wakes it:
//! async-io's own thread, which waits for sockets, or a signal's. A timer of async-io would be kept by that
//! thread instead: setting one wakes it, its end wakes both, and each of the three that a scrape needs would
//! cost ten system calls.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A longer wait is this: clocks cannot hold every time that can be asked for.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

thread_local! {
    /// The timers that were polled on this thread and are not due: a few for each task and connection.
    static WAITING: RefCell<Vec<Waiting>> = const { RefCell::new(Vec::new()) };
}

struct Waiting {
    due: Instant,
    /// Of the timer, among all of the process.
    number: u64,
    waker: Waker,
}

/// Runs a future on this thread, with the timers that it waits for.
///
/// Every future that waits for a [`Timer`] must run in here: nothing else looks at them.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Sleeper(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // A waking that came before this is not lost: the thread then does not sleep.
        match WAITING.with_borrow(|waiting| waiting.iter().map(|timer| timer.due).min()) {
            Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
            None => thread::park(),
        }
        wake_until(Instant::now());
    }
}

/// Wakes what waits for a time that has come.
fn wake_until(now: Instant) {
    let next_due = || {
        WAITING.with_borrow_mut(|waiting| {
            let place = waiting.iter().position(|timer| timer.due <= now)?;
            Some(waiting.swap_remove(place))
        })
    };
    // A waker is foreign code, so nothing is borrowed while it runs.
    while let Some(timer) = next_due() {
        timer.waker.wake();
    }
}

/// Wakes a thread.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Is ready at a time, see [`block_on`].
#[derive(Debug)]
#[must_use = "a timer does nothing unless it is awaited"]
pub struct Timer {
    due: Instant,
    number: u64,
}

impl Timer {
    /// Ready at `due`.
    pub fn at(due: Instant) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        Self { due, number: MADE.fetch_add(1, Ordering::Relaxed) }
    }

    /// Ready when `time` has passed, a century at most.
    pub fn after(time: Duration) -> Self {
        Self::at(Instant::now() + time.min(CENTURY))
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { due, number } = *self;
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        WAITING.with_borrow_mut(|waiting| match waiting.iter_mut().find(|timer| timer.number == number) {
            Some(timer) => timer.waker.clone_from(context.waker()),
            None => waiting.push(Waiting { due, number, waker: context.waker().clone() }),
        });
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(|waiting| waiting.retain(|timer| timer.number != self.number));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use smol::LocalExecutor;
    use smol::channel::{bounded, unbounded};
    use smol::future::FutureExt;

    use super::*;

    const SHORT: Duration = Duration::from_millis(5);
    const LONG: Duration = Duration::from_secs(60);

    fn waiting() -> usize {
        WAITING.with_borrow(Vec::len)
    }

    #[test]
    fn timers_are_ready_at_their_times_and_not_before() {
        let executor = LocalExecutor::new();
        let begin = Instant::now();
        let (sender, ended) = unbounded();
        for count in [3, 1, 2, 1] {
            let sender = sender.clone();
            let timer = Timer::at(begin + count * SHORT);
            executor
                .spawn(async move {
                    timer.await;
                    assert!(begin.elapsed() >= count * SHORT);
                    sender.send(count).await
                })
                .detach();
        }
        drop(sender);
        let mut counts = Vec::new();
        block_on(executor.run(async {
            while let Ok(count) = ended.recv().await {
                counts.push(count);
            }
        }));
        // On a busy machine several are due at once, in any order.
        counts.sort_unstable();
        assert_eq!(counts, [1, 1, 2, 3]);
        assert_eq!(waiting(), 0);
    }

    #[test]
    fn a_timer_that_is_dropped_is_not_waited_for() {
        let begin = Instant::now();
        block_on(Timer::after(LONG).or(Timer::after(SHORT)));
        assert_eq!(waiting(), 0);
        assert!(begin.elapsed() < LONG);
        block_on(Timer::after(Duration::ZERO));
        assert!(block_on(smol::future::poll_once(Timer::after(Duration::MAX))).is_none());
        assert_eq!(waiting(), 0);
    }

    #[test]
    fn another_thread_wakes_before_the_time() {
        let begin = Instant::now();
        let (sender, receiver) = bounded(1);
        let other = thread::spawn(move || {
            thread::sleep(SHORT);
            sender.try_send(7)
        });
        let arrival = async { receiver.recv().await.ok() };
        let late = async {
            Timer::after(LONG).await;
            None
        };
        assert_eq!(block_on(late.or(arrival)), Some(7));
        other.join().unwrap().unwrap();
        assert!(begin.elapsed() < LONG);
    }
}
