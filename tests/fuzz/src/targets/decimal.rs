//! Exact numbers: *every text is the number that a slow reader finds in it, and sums, differences and middles of two are
//! those of whole numbers and powers of ten.*

use docker_metrics_statsd::decimal::{Decimal, Leading, Number};

use super::exposition::{plain, slow_text, text};
use crate::reference::number::Value;

/// Numbers, one a line.
pub fn decimal(input: &[u8]) {
    let mut before: Option<(Decimal, crate::reference::number::Number)> = None;
    for line in input.split(|byte| *byte == b'\n') {
        if let Some(Leading { value, bytes }) = Decimal::leading(line) {
            let digits = str::from_utf8(&line[..bytes]).unwrap();
            assert_eq!(Some(plain(value)), Value::parse(digits).and_then(slow_text), "{digits}");
        }
        let Ok(line) = str::from_utf8(line) else { continue };
        let (fast, slow) = (Number::parse(line), Value::parse(line));
        assert_eq!(fast.map(text), slow.map(slow_text), "{line}");
        let (Some(fast), Some(slow)) = (fast.and_then(Number::finite), slow.and_then(Value::finite)) else {
            continue;
        };
        assert_eq!(fast.whole(), slow.whole(), "{line}");
        assert_eq!(Number::parse(&fast.to_string()), Some(Number::Finite(fast)), "{line}");
        if let Some((other, slow_other)) = before {
            assert_eq!(plain(fast.plus(other)), slow.plus(slow_other).text(), "{line} + {other}");
            assert_eq!(plain(fast.minus(other)), slow.minus(slow_other).text(), "{line} - {other}");
            let middle = slow.plus(slow_other).half();
            assert_eq!(plain(fast.midpoint(other)), middle.text(), "between {line} and {other}");
            assert_eq!(fast.minus(other).is_negative(), slow.is_below(slow_other), "{line} < {other}");
        }
        before = Some((fast, slow));
    }
}
