//! A time limit is a race.

use std::future::Future;
use std::time::Duration;

use smol::future::FutureExt;

use crate::timer::Timer;

/// `work`, or `None` once `limit` has passed. Work that is ready wins.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let work = async { Some(work.await) };
    let late = async {
        Timer::after(limit).await;
        None
    };
    work.or(late).await
}
