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
        assert_eq!(seconds(Duration::from_millis(12_345)), "12.3 s");
    }
}
