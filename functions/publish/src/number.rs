//! Floats as JSON numbers.

/// The most decimal digits that a float can be rounded to: it has no more than that.
pub const MAX_DIGITS: u8 = 15;

/// Below this, in magnitude, every whole number is a float of its own: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes a finite float with at most this many decimal digits, half rounded away from zero. From 1 digit on
/// it has at least one, as floats have that are not rounded; zero has no sign.
pub fn write_rounded(value: f64, digits: u8, out: &mut Vec<u8>) {
    let scale = 10_u64.pow(u32::from(digits.min(MAX_DIGITS)));
    let scaled = (value * scale as f64).round();
    if scaled.abs() >= EXACT {
        // Digits that far behind the point are no longer in the float.
        return json(&value, out);
    }
    if scaled < 0.0 {
        out.push(b'-');
    }
    let magnitude = scaled.abs() as u64;
    json(&(magnitude / scale), out);
    if digits == 0 {
        return;
    }
    out.push(b'.');
    let mut fraction = magnitude % scale;
    let mut place = scale / 10;
    loop {
        out.push(b'0' + u8::try_from(fraction / place.max(1)).unwrap_or(0));
        fraction %= place.max(1);
        if fraction == 0 {
            return;
        }
        place /= 10;
    }
}

/// Writes a value as JSON. Into memory that cannot fail.
pub fn json(value: &(impl serde::Serialize + ?Sized), out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_rounded_as_declared() {
        let check = |value: f64, digits: u8, expected: &str| {
            let mut out = Vec::new();
            write_rounded(value, digits, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{value} to {digits}");
        };
        check(0.5, 0, "1");
        check(-0.5, 0, "-1");
        check(2.5, 0, "3");
        check(0.49, 0, "0");
        check(-0.49, 0, "0");
        check(-0.0, 4, "0.0");
        check(2.0, 4, "2.0");
        check(0.12345, 4, "0.1235");
        check(0.1, 15, "0.1");
        check(-12.0625, 3, "-12.063");
        check(1.000_04, 4, "1.0");
        check(9.999_96, 4, "10.0");
        check(100.001, 3, "100.001");
        check(1e300, 2, "1e+300");
        check(f64::MIN_POSITIVE, 15, "0.0");
        check(10_000_000_000_000.123, 4, "10000000000000.123");
    }
}
