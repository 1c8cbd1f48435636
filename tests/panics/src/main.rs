//! Panics in a function that has something to clean up, which a panic that aborts leaves as it is.

#[cfg(all(target_env = "musl", panic = "abort"))]
#[path = "../../../src/unwinder.rs"]
mod unwinder;

/// Says so when it is dropped.
struct Guard;

impl Drop for Guard {
    #[expect(clippy::print_stdout, reason = "this is what the test looks for")]
    fn drop(&mut self) {
        println!("dropped");
    }
}

#[expect(clippy::panic, reason = "this is what it is for")]
fn main() {
    let _guard = Guard;
    panic!("so it ends");
}
