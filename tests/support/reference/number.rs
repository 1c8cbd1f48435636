//! Numbers of the reference: exact as far as 18 digits go, and beyond that the double that is nearest.

/// The most digits of an exact number.
const DIGITS_MAX: usize = 18;
/// The powers of ten above a number that is taken as it is written; beyond them, a double decides.
const MAGNITUDES: std::ops::Range<i32> = -300..309;

/// `mantissa * 10^power`, the mantissa without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    mantissa: i128,
    power: i32,
}

/// The value of a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    Finite(Number),
    NotFinite,
}

impl Value {
    /// `None` if the text is no number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        if ["nan", "inf", "infinity"].contains(&unsigned.to_ascii_lowercase().as_str()) {
            return Some(Self::NotFinite);
        }
        let (digits, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let digits = format!("{whole}{fraction}");
        let power_digits = power.strip_prefix(['+', '-']).unwrap_or(power);
        if ![&digits, power_digits].iter().all(|text| is_digits(text)) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self::Finite(Number::ZERO));
        }
        // A power that is no i32 is beyond every limit.
        let power = power.parse().unwrap_or(i32::MAX).saturating_sub(i32::try_from(fraction.len()).unwrap());
        let mantissa = || digits.parse::<i128>().unwrap() * if text.starts_with('-') { -1 } else { 1 };
        let is_exact = digits.len() <= DIGITS_MAX && is_within_doubles(digits.len(), power);
        let exact = is_exact.then(|| Number { mantissa: mantissa(), power }.short());
        let number = exact.or_else(|| Number::nearest(text.parse().unwrap()));
        Some(number.map_or(Self::NotFinite, Self::Finite))
    }

    pub(crate) fn finite(self) -> Option<Number> {
        match self {
            Self::Finite(number) => Some(number),
            Self::NotFinite => None,
        }
    }
}

/// Whether a number of so many digits is one that a double keeps.
fn is_within_doubles(digits: usize, power: i32) -> bool {
    MAGNITUDES.contains(&power.saturating_add(i32::try_from(digits).unwrap()))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Number {
    pub(crate) const ZERO: Self = Self { mantissa: 0, power: 0 };
    pub(crate) const ONE: Self = Self { mantissa: 1, power: 0 };

    /// The shortest number that reads as this double; `None` if it is not finite.
    fn nearest(float: f64) -> Option<Self> {
        let text = format!("{float:e}");
        let (digits, power) = text.split_once('e').filter(|_| float.is_finite())?;
        let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let mantissa = digits.replace('.', "").parse().unwrap();
        let power = power.parse::<i32>().unwrap() - i32::try_from(places).unwrap();
        Some(Self { mantissa, power }.short())
    }

    fn double(self) -> f64 {
        format!("{}e{}", self.mantissa, self.power).parse().unwrap()
    }

    fn short(mut self) -> Self {
        if self.mantissa == 0 {
            return Self::ZERO;
        }
        while self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.power += 1;
        }
        self
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let power = self.power.min(other.power);
        let (own_shift, other_shift) = (self.power.abs_diff(power), other.power.abs_diff(power));
        // Two digits further apart than this cannot meet in a sum of 18 digits, unless one number is zero.
        if own_shift.max(other_shift) <= 20 {
            let mantissa = self.mantissa * 10_i128.pow(own_shift) + other.mantissa * 10_i128.pow(other_shift);
            let sum = Self { mantissa, power }.short();
            let digits = sum.mantissa.unsigned_abs().to_string().len();
            if digits <= DIGITS_MAX && (sum.is_zero() || is_within_doubles(digits, sum.power)) {
                return sum;
            }
        }
        match (self.mantissa, other.mantissa) {
            (0, _) => other,
            (_, 0) => self,
            _ => Self::nearest(self.double() + other.double()).unwrap_or(self),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(Self { mantissa: -other.mantissa, ..other })
    }

    pub(crate) fn magnitude(self) -> Self {
        Self { mantissa: self.mantissa.abs(), ..self }
    }

    pub(crate) fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    pub(crate) fn is_below(self, other: Self) -> bool {
        self.minus(other).mantissa < 0
    }

    /// Whether it has at most so many places, and is below ten to this power.
    pub(crate) fn is_short(self, places: i32, power: u32) -> bool {
        let digits = i32::try_from(self.mantissa.unsigned_abs().to_string().len()).unwrap();
        self.power >= -places && digits + self.power <= power.cast_signed()
    }

    /// Without its fraction; 0 if it is negative, and the largest number if it is larger.
    pub(crate) fn whole(self) -> u64 {
        let text = self.text();
        let whole = text.split('.').next().unwrap();
        if whole.starts_with('-') { 0 } else { whole.parse().unwrap_or(u64::MAX) }
    }

    pub(crate) fn half(self) -> Self {
        let half = Self { mantissa: self.mantissa * 5, power: self.power - 1 }.short();
        if half.mantissa.unsigned_abs().to_string().len() <= DIGITS_MAX {
            return half;
        }
        Self::nearest(self.double() / 2.0).unwrap_or(self)
    }

    /// Plain decimal text.
    pub(crate) fn text(self) -> String {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        let places = usize::try_from(-self.power).unwrap_or(0);
        if places == 0 {
            return format!("{sign}{digits}{}", "0".repeat(self.power.unsigned_abs() as usize));
        }
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        format!("{sign}{whole}.{fraction}")
    }
}
