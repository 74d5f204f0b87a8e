//! Decimal numbers of any length: sums of them are exact whatever the order, and what was added can be taken back.

use std::fmt;
use std::ops::{AddAssign, SubAssign};
use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode, Zero};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

/// The longest text that is taken for a number: floats have exponents of three digits, decimals 76 digits.
const LONGEST: usize = 100;

/// How far the exponent of a float goes.
const EXPONENT: i64 = 400;

/// A decimal number.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(BigDecimal);

impl Decimal {
    /// A number, a truth value (1 or 0), or a text that is a number, as decimals are published.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::from(u64::from(*value))),
            Value::Number(number) => number.to_string().parse().ok(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Divided by another; none if that is 0. Half is rounded away from zero.
    pub fn per(&self, other: &Self, round: Option<u8>) -> Option<Self> {
        if other.0.is_zero() {
            return None;
        }
        let quotient = &self.0 / &other.0;
        Some(Self(
            round.map_or(quotient.clone(), |digits| quotient.with_scale_round(digits.into(), RoundingMode::HalfUp)),
        ))
    }

    /// How many decimal digits it was written with.
    pub fn digits(&self) -> i64 {
        self.0.fractional_digit_count()
    }

    /// All of it, with so many decimal digits at least.
    pub fn text(&self, digits: i64) -> String {
        let plain = self.0.normalized();
        let digits = digits.max(plain.fractional_digit_count());
        plain.with_scale(digits).to_plain_string()
    }

    /// As JSON has it: a whole number of 64 bits, or else the nearest float.
    pub fn number(&self) -> Value {
        let text = self.0.normalized().to_plain_string();
        if let Ok(whole) = text.parse::<i64>() {
            return whole.into();
        }
        text.parse::<f64>().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        Self(number.into())
    }
}

impl FromStr for Decimal {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_number = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        if !is_number || text.len() > LONGEST {
            return Err(());
        }
        let number = BigDecimal::from_str(text).map_err(drop)?;
        // A small text may stand for a number of very many digits.
        if number.as_bigint_and_exponent().1.abs() > EXPONENT { Err(()) } else { Ok(Self(number)) }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}

impl AddAssign<&Self> for Decimal {
    fn add_assign(&mut self, other: &Self) {
        self.0 += &other.0;
    }
}

impl SubAssign<&Self> for Decimal {
    fn sub_assign(&mut self, other: &Self) {
        self.0 -= &other.0;
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BigDecimal::from_str(&text).map(Self).map_err(serde::de::Error::custom)
    }
}
