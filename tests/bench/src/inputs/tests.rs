//! Inputs are what the figures say they are.

use super::*;

const TEN_THOUSAND: Size = Size::Samples(10_000);

#[test]
fn the_same_size_has_the_same_bodies() {
    let (one, other) = (Inputs::new(TEN_THOUSAND).unwrap(), Inputs::new(TEN_THOUSAND).unwrap());
    assert_eq!((&one.chain, &one.churn, &one.shuffled), (&other.chain, &other.churn, &other.shuffled));
    assert_ne!(one.chain, Inputs::new(Size::Samples(10_001)).unwrap().chain);
}

#[track_caller]
fn check_share(what: &str, share: f64, expected: std::ops::RangeInclusive<f64>) {
    assert!(expected.contains(&share), "{what}: {share} is not within {expected:?}");
}

#[test]
fn invented_bodies_have_the_stated_mix() {
    let inputs = Inputs::new(TEN_THOUSAND).unwrap();
    let mix = inputs.mix();
    let [histogram, counter, gauge, summary] = mix.kinds;
    assert_eq!(inputs.samples, 10_000);
    check_share("histogram", histogram, 57.0..=63.0);
    check_share("counter", counter, 25.0..=31.0);
    check_share("gauge", gauge, 7.0..=11.0);
    check_share("summary", summary, 2.0..=4.0);
    check_share("bytes", mix.bytes_per_sample, 103.0..=109.0);
    check_share("changed", mix.changed, 9.0..=11.0);
    check_share("churned", mix.churned, 23.0..=29.0);
}

#[test]
fn every_series_stands_once() {
    let inputs = Inputs::new(TEN_THOUSAND).unwrap();
    for body in [&inputs.chain[0], &inputs.churn, &inputs.shuffled] {
        let keys: Vec<_> = lines(body).map(key).collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }
    let sorted = |body: &[u8]| {
        let mut keys: Vec<_> = lines(body).map(|line| key(line).to_vec()).collect();
        keys.sort();
        keys
    };
    assert_eq!(sorted(&inputs.chain[0]), sorted(&inputs.shuffled));
    assert_ne!(sorted(&inputs.chain[0]), sorted(&inputs.churn));
}

/// Up to the closing brace: every sample of these bodies has labels.
fn key(line: &[u8]) -> &[u8] {
    &line[..=memchr::memrchr(b'}', line).unwrap()]
}

#[test]
fn a_recorded_scrape_is_written_as_it_was_read() {
    for text in [IDLE, ACTIVE] {
        assert_eq!(String::from_utf8(recorded(text).unwrap().to_body()).unwrap(), text);
    }
}

#[test]
fn recorded_scrapes_are_of_one_process() {
    let inputs = Inputs::new(Size::Docker).unwrap();
    let start = |body: &[u8]| {
        let lines: Vec<_> = lines(body).filter(|line| line.starts_with(b"process_start_time")).collect();
        lines.concat()
    };
    assert!(!start(&inputs.churn).is_empty());
    for body in inputs.chain.iter().chain([&inputs.shuffled]) {
        assert_eq!(start(body), start(&inputs.churn));
    }
}

#[test]
fn sizes_are_read_as_they_are_shown() {
    for size in Size::ALL {
        assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
    }
    for text in ["", "k", "0", "10 k", "-1", "99999999999999999999M"] {
        assert!(text.parse::<Size>().is_err(), "{text:?}");
    }
}
