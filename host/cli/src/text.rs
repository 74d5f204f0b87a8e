//! Numbers for people.

use std::time::Duration;

/// A count with thousands separated: `27,004`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of something: `1 row`, `2 rows`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A number with four digits that matter, or all before the point: `0.0183`, `0.0000115`, `18,300`.
pub fn significant(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let digits = (3.0 - number.abs().log10().floor()).clamp(0.0, 15.0) as usize;
    let text = format!("{:.digits$}", number.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((text.as_str(), ""));
    let fraction = fraction.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    // What is too large for that has no digits that matter.
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A quantity of a unit: `1 request`, `2 requests`, `1 CPU-s`.
pub fn quantity(number: f64, unit: &str) -> String {
    let one = unit.strip_suffix('s').filter(|one| number == 1.0 && !one.ends_with('-') && !one.is_empty());
    format!("{} {}", significant(number), one.unwrap_or(unit))
}

/// An amount of money: by hundredths, or with three digits that matter if it is less than ten of them: `4.20`, `0.00458`.
pub fn money(amount: f64) -> String {
    if amount == 0.0 || !amount.is_finite() {
        return amount.to_string();
    }
    let digits = if amount.abs() < 0.1 { (2.0 - amount.abs().log10().floor()).clamp(2.0, 15.0) as usize } else { 2 };
    let text = format!("{amount:.digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((text.as_str(), ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    format!("{whole}.{fraction}")
}

/// A time with three digits that matter: `0.35 s`, `12.1 s`.
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let digits = if seconds < 10.0 { 2 } else { 1 };
    format!("{seconds:.digits$} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, expect) in [(0, "0"), (999, "999"), (1000, "1,000"), (27004, "27,004"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), expect);
        }
        assert_eq!(counted(1, "row", "rows"), "1 row");
        for (number, expect) in [
            (0.0, "0"),
            (0.0183, "0.0183"),
            (0.000_011_5, "0.0000115"),
            (18300.0, "18,300"),
            (1.0, "1"),
            (12.345_6, "12.35"),
            (9.999_96, "10"),
            (1_234_567.8, "1,234,568"),
            (-0.25, "-0.25"),
        ] {
            assert_eq!(significant(number), expect);
        }
        assert_eq!(quantity(1.0, "requests"), "1 request");
        assert_eq!(quantity(1.0, "CPU-s"), "1 CPU-s");
        assert_eq!(quantity(1.0, "s"), "1 s");
        for (amount, expect) in [
            (0.0, "0"),
            (4.2, "4.20"),
            (0.5, "0.50"),
            (0.234_375, "0.23"),
            (0.07, "0.0700"),
            (0.004_576, "0.00458"),
            (16.251_3, "16.25"),
            (2_628.004, "2,628.00"),
        ] {
            assert_eq!(money(amount), expect);
        }
        assert_eq!(seconds(Duration::from_millis(12_345)), "12.3 s");
    }
}
