//! A scrape of an engine that is still starting counts for nothing.

use crate::exposition;
use crate::program;

#[test]
fn a_scrape_of_a_starting_engine_is_refused() {
    let mut scrapes = exposition::recorded_scrapes();
    scrapes.retain(|path| exposition::is_starting(path));
    assert!(!scrapes.is_empty(), "no recorded scrape of a starting engine");
    for scrape in scrapes {
        for dialect in ["datadog", "etsy"] {
            let output = program::convert(dialect, &["--from-zero".as_ref(), &scrape]);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{}: {errors}", scrape.display());
            assert!(output.stdout.is_empty(), "{}: printed lines", scrape.display());
            assert!(errors.contains(exposition::file_name(&scrape)), "names the file: {errors}");
        }
    }
}
