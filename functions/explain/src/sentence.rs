//! Causes in plain English.

use crate::explanation::{Cause, Summary, Value};

/// A sentence for a cause.
pub(crate) fn cause(cause: &Cause, _whole: (f64, f64)) -> String {
    let named: Vec<String> = cause.values.iter().map(named).collect();
    let mut sentence =
        format!("{}: {} instead of the expected {}", named.join(" and "), number(cause.actual), number(cause.expected));
    if let Some(change) = relative(cause.actual, cause.expected) {
        sentence.push_str(&format!(" ({change})"));
    }
    match cause.share {
        // Others went the other way, and hardly anything is left as a whole.
        Some(share) if share.abs() >= 10.0 => sentence.push_str(", many times the whole change."),
        Some(share) if share >= 0.005 => sentence.push_str(&format!(", {} of the whole change.", percent(share))),
        Some(share) if share <= -0.005 => {
            sentence.push_str(&format!(", against the whole change by {} of it.", percent(-share)));
        }
        Some(_) => sentence.push_str(", hardly any of the whole change."),
        None => sentence.push('.'),
    }
    sentence
}

/// A sentence for the whole.
pub(crate) fn summary(summary: &Summary, causes: &[Cause]) -> String {
    if summary.leaves == 0 {
        return "There is nothing to explain: no row has numbers.".to_owned();
    }
    let change = summary.actual - summary.expected;
    let slight = change.abs() < 5e-4 * summary.expected.abs();
    let mut text = match (slight, relative(summary.actual, summary.expected)) {
        (true, _) if change == 0.0 => format!("The measure is {}, as expected", number(summary.actual)),
        (true, _) => format!("The measure is {}, about as expected", number(summary.actual)),
        (false, moved) => {
            let moved = moved.map(|moved| format!(" ({moved})")).unwrap_or_default();
            let (actual, expected) = (number(summary.actual), number(summary.expected));
            format!("The measure is {actual} instead of the expected {expected}{moved}")
        }
    };
    let whole = relative(summary.bias, 1.0).filter(|_| (summary.bias - 1.0).abs() >= 0.001);
    text.push_str(&match (causes, &whole) {
        ([], Some(moved)) if is_all(summary) => {
            format!(". It is everything together ({moved}): no combination of values stands out from that by more than chance.")
        }
        ([], _) => {
            ". No combination of values stands out by more than chance.".to_owned()
        }
        (causes, _) => explained(summary, causes, change),
    });
    if let Some(moved) = whole.filter(|_| !causes.is_empty() || is_much(summary) && !is_all(summary)) {
        let than = if moved.ends_with("much") { "as" } else { "than" };
        let what = if causes.is_empty() { "Most of it" } else { "Apart from causes everything" };
        text.push_str(&format!(" {what} is {moved} {than} expected."));
    }
    if summary.shift != 0.0 {
        let way = if summary.shift > 0.0 { "low" } else { "high" };
        text.push_str(&format!(" What is expected of each leaf is too {way} by {}.", number(summary.shift.abs())));
    }
    text
}

/// Whether what everything did is worth a word where there is no cause.
fn is_much(summary: &Summary) -> bool {
    (summary.bias - 1.0).abs() >= 0.02
}

/// Whether what everything did is about all of the change.
fn is_all(summary: &Summary) -> bool {
    let other = summary.actual / (summary.bias * summary.expected);
    summary.shift == 0.0 && is_much(summary) && (other - 1.0).abs() < 0.1 * (summary.bias - 1.0).abs()
}

fn explained(summary: &Summary, causes: &[Cause], change: f64) -> String {
    let share = summary.explained / change;
    let share = match share {
        // Something else went the other way.
        share if share.is_finite() && share >= 1.05 => "more than all".to_owned(),
        share if share.is_finite() && share >= 0.995 => "all".to_owned(),
        share if share.is_finite() && share >= 0.005 => percent(share),
        _ => "part".to_owned(),
    };
    let count = summary.found;
    let first = causes.first().map(Cause::text).unwrap_or_default();
    if count == 1 {
        return format!("; one cause explains {share} of it: {first}.");
    }
    let shown = if (causes.len() as u64) < count {
        format!(" (the {} largest are listed)", causes.len())
    } else {
        String::new()
    };
    format!("; {count} causes{shown} explain {share} of it, first of all {first}.")
}

fn named(value: &Value) -> String {
    match &value.value {
        Some(text) => format!("{} {text}", value.dimension),
        None => format!("{} null", value.dimension),
    }
}

/// `40 % less`, `2.5 times as much`; none if it cannot be told.
fn relative(actual: f64, expected: f64) -> Option<String> {
    let quotient = actual / expected;
    if !quotient.is_finite() || quotient < 0.0 || expected == 0.0 {
        return None;
    }
    Some(match quotient {
        0.0 => "nothing left".to_owned(),
        q if q >= 2.0 => format!("{} times as much", number(q)),
        q if q >= 1.0 => format!("{} more", percent(q - 1.0)),
        q => format!("{} less", percent(1.0 - q)),
    })
}

/// A share in percent, with as many digits as say something.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 9.95 || percent == 0.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// A number of four digits that say something, with commas.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 || size > 0.0 && size < 1e-4 || !value.is_finite() {
        return format!("{value:.2e}");
    }
    let digits = if size >= 100.0 || size == 0.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        4
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let rest = rest.trim_end_matches('0');
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let groups: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{sign}{}{dot}{rest}", groups.join(","))
}
