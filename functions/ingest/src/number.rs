//! Numbers from text, without allocation. They say none for what is not exactly a value of the type.

use std::str::FromStr;

/// An integer: digits with an optional sign. A point or an exponent does no harm if the value is whole, since
/// pandas writes integers with gaps as `12.0`.
pub fn integer<T: TryFrom<i128>>(text: &[u8]) -> Option<T> {
    let (negative, digits) = sign(text);
    let value = match small(digits) {
        Some(value) if negative => -i128::from(value),
        Some(value) => i128::from(value),
        None => decimal(text, 0, Excess::Refuse)?,
    };
    T::try_from(value).ok()
}

/// What becomes of digits beyond a decimal's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Unless they are zeros, the text is not a value.
    Refuse,
    /// They are dropped, towards minus infinity.
    Drop,
}

/// A decimal number times 10 to the power of `scale`; an exponent is understood.
pub fn decimal(text: &[u8], scale: u8, excess: Excess) -> Option<i128> {
    let (negative, digits) = sign(text);
    let (mut mantissa, mut places, mut exponent) = (0_i128, 0_i64, 0_i64);
    let (mut any, mut point) = (false, false);
    let mut rest = digits.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                places += i64::from(point);
                any = true;
            }
            b'.' if !point => point = true,
            b'e' | b'E' if any => {
                let (negative, digits) = sign(rest.as_slice());
                let size = i64::try_from(small(digits)?).ok()?;
                exponent = if negative { -size } else { size };
                break;
            }
            _ => return None,
        }
    }
    if !any {
        return None;
    }
    let mantissa = if negative { -mantissa } else { mantissa };
    shift(mantissa, i64::from(scale).checked_add(exponent)?.checked_sub(places)?, excess)
}

/// `mantissa` times 10 to the power of `by`.
fn shift(mantissa: i128, by: i64, excess: Excess) -> Option<i128> {
    let power = u32::try_from(by.unsigned_abs()).ok().and_then(|power| 10_i128.checked_pow(power));
    match power {
        _ if mantissa == 0 => Some(0),
        Some(power) if by >= 0 => mantissa.checked_mul(power),
        None if by >= 0 => None,
        Some(power) if excess == Excess::Drop || mantissa % power == 0 => Some(mantissa.div_euclid(power)),
        None if excess == Excess::Drop => Some(if mantissa < 0 { -1 } else { 0 }),
        _ => None,
    }
}

/// A floating-point number, rounded to the nearest; also `inf` and `nan` in any case. A number that is too
/// large is none, not infinite.
pub fn float<T: FromStr + Copy + Into<f64>>(text: &[u8]) -> Option<T> {
    let value: T = str::from_utf8(text).ok()?.parse().ok()?;
    let overflows = value.into().is_infinite() && text.iter().any(u8::is_ascii_digit);
    (!overflows).then_some(value)
}

/// `true`, `t`, `yes`, `y` or `1`, or their opposites, in any case.
pub fn boolean(text: &[u8]) -> Option<bool> {
    let is = |names: [&[u8]; 5]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    if is([b"true", b"t", b"1", b"yes", b"y"]) {
        Some(true)
    } else if is([b"false", b"f", b"0", b"no", b"n"]) {
        Some(false)
    } else {
        None
    }
}

/// Splits a sign off; whether it is a minus.
fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// One to 19 digits: as many as surely fit.
fn small(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_end_where_their_type_ends() {
        for (text, expect) in [
            ("0", Some(0)),
            ("-128", Some(-128)),
            ("+127", Some(127)),
            ("0000000000000000000000000000007", Some(7)),
            ("12.0", Some(12)),
            ("1.2e1", Some(12)),
            ("1200e-2", Some(12)),
            ("128", None),
            ("-129", None),
            ("12.5", None),
            ("", None),
            ("-", None),
            ("--1", None),
            ("1 ", None),
            ("0x1", None),
            (".", None),
            ("e5", None),
            ("1e", None),
            ("1e1e1", None),
            ("1e99999999999999999999", None),
        ] {
            assert_eq!(integer::<i8>(text.as_bytes()), expect, "{text}");
        }
        assert_eq!(integer::<u64>(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(integer::<u64>(b"18446744073709551616"), None);
        assert_eq!(integer::<u64>(b"-1"), None);
        assert_eq!(integer::<i64>(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer::<i64>(b"9223372036854775808"), None);
        assert_eq!(integer::<i64>(&[b'9'; 100]), None);
    }

    #[test]
    fn decimals_are_exact_or_none() {
        for (text, expect) in [
            ("1", Some(100)),
            ("-1.5", Some(-150)),
            ("1.50000", Some(150)),
            (".5", Some(50)),
            ("5.", Some(500)),
            ("1e2", Some(10_000)),
            ("125E-1", Some(1250)),
            ("0e999999999", Some(0)),
            ("1.234", None),
            ("1e999999999", None),
            ("1e-999999999", None),
            ("1.2.3", None),
            ("1,2", None),
            ("nan", None),
        ] {
            assert_eq!(decimal(text.as_bytes(), 2, Excess::Refuse), expect, "{text}");
        }
        assert_eq!(decimal(b"-0.0000001", 6, Excess::Drop), Some(-1));
        assert_eq!(decimal(b"1357034400.1234567", 6, Excess::Drop), Some(1_357_034_400_123_456));
    }

    #[test]
    fn floats_do_not_overflow_to_infinity() {
        assert_eq!(float::<f64>(b"-1.5e3"), Some(-1500.0));
        assert_eq!(float::<f64>(b"-INF"), Some(f64::NEG_INFINITY));
        assert!(float::<f64>(b"NaN").is_some_and(f64::is_nan));
        assert_eq!(float::<f64>(b"1e400"), None);
        assert_eq!(float::<f32>(b"1e40"), None);
        assert_eq!(float::<f32>(b"3.4028235e38"), Some(f32::MAX));
        assert_eq!(float::<f64>(b" 1"), None);
        assert_eq!(float::<f64>(b"\xff"), None);
    }

    #[test]
    fn booleans_have_many_spellings() {
        for (text, expect) in [("True", Some(true)), ("0", Some(false)), ("N", Some(false)), ("2", None), ("", None)] {
            assert_eq!(boolean(text.as_bytes()), expect, "{text}");
        }
    }
}
