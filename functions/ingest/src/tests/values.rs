use serde_json::{Value, json};

use super::{read, with};

/// Reads one field of a column: as a value, or as the reason why not.
fn one(column: &Value, text: &str) -> String {
    let column = with(json!({ "name": "v" }), column.clone());
    let config = json!({ "format": "csv", "header": false, "delimiter": ";", "columns": [column] });
    let outcome = read(&config, format!("{text}\n").into_bytes());
    assert_eq!(outcome.failure, None);
    let said = outcome.rows.iter().chain(&outcome.rejects).next().unwrap();
    said.strip_prefix("1: ").unwrap().trim_start_matches("column `v`: ").to_owned()
}

#[test]
fn every_type_has_its_limits() {
    for (kind, least, most, below, above) in [
        ("int8", "-128", "127", "-129", "128"),
        ("int16", "-32768", "32767", "-32769", "32768"),
        ("int32", "-2147483648", "2147483647", "-2147483649", "2147483648"),
        ("int64", "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808"),
        ("uint8", "0", "255", "-1", "256"),
        ("uint16", "0", "65535", "-1", "65536"),
        ("uint32", "0", "4294967295", "-1", "4294967296"),
        ("uint64", "0", "18446744073709551615", "-1", "18446744073709551616"),
        ("float32", "-0.5", "340282350000000000000000000000000000000", "-1e39", "1e39"),
        ("float64", "-0.5", "0.1", "-1e309", "1e309"),
        ("date", "0001-01-01", "9999-12-31", "0000-13-01", "10000-01-01"),
    ] {
        let article = if kind.starts_with('i') { "an" } else { "a" };
        for text in [least, most] {
            assert_eq!(one(&json!({ "type": kind }), text), text);
        }
        for text in [below, above] {
            assert_eq!(one(&json!({ "type": kind }), text), format!("`{text}` is not {article} {kind}"));
        }
    }
}

#[test]
fn other_types_take_what_they_should() {
    let decimal = json!({ "type": "decimal", "precision": 5, "scale": 2 });
    for (column, text, expect) in [
        (json!({ "type": "bool" }), "TRUE", "true"),
        (json!({ "type": "bool" }), "maybe", "`maybe` is not a bool"),
        (json!({ "type": "int8" }), "7.0", "7"),
        (json!({ "type": "int8" }), "7.5", "`7.5` is not an int8"),
        (json!({ "type": "float64" }), "NaN", "NaN"),
        (decimal.clone(), "999.99", "999.99"),
        (decimal.clone(), "-1", "-1.00"),
        (decimal.clone(), "1.230", "1.23"),
        (decimal.clone(), "1000", "`1000` is not a decimal(5, 2)"),
        (decimal, "1.234", "`1.234` is not a decimal(5, 2)"),
        (json!({ "type": "decimal", "precision": 38, "scale": 0 }), &"9".repeat(38), &"9".repeat(38)),
        (json!({ "type": "date" }), "2013-02-29", "`2013-02-29` is not a date"),
        (json!({ "type": "date", "format": "%d.%m.%Y" }), "3.10.2013", "2013-10-03"),
        (json!({ "type": "date", "format": "%d.%m.%Y" }), "10/3", "`10/3` is not a date of the format `%d.%m.%Y`"),
        (json!({ "type": "utf8", "nulls": ["-"] }), "-", "~"),
        (json!({ "type": "utf8" }), "Ünïcode", "Ünïcode"),
        (json!({ "type": "int8" }), &"7".repeat(100), &format!("`{}…` is not an int8", "7".repeat(64))),
    ] {
        assert_eq!(one(&column, text), expect, "{column}");
    }
}

#[test]
fn timestamps_are_instants() {
    for (text, expect) in [
        ("2013-01-01T05:00:00Z", "2013-01-01 05:00:00"),
        ("2013-01-01 05:00:00", "2013-01-01 05:00:00"),
        ("2013-01-01t05:00z", "2013-01-01 05:00:00"),
        ("2013-01-01", "2013-01-01 00:00:00"),
        ("2013-01-01T05:00:00.123456789-05:00", "2013-01-01 10:00:00.123456"),
        ("2013-01-01T05:00:00,5+0530", "2012-12-31 23:30:00.500"),
        ("2013-01-01T05:00:00+01", "2013-01-01 04:00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01 00:00:00"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31 23:59:59.999999"),
        ("0000-12-31T23:59:59Z", "`0000-12-31T23:59:59Z` is not a timestamp"),
        ("2013-01-01T24:00:00Z", "`2013-01-01T24:00:00Z` is not a timestamp"),
        ("2013-01-01T05:00:00.Z", "`2013-01-01T05:00:00.Z` is not a timestamp"),
        ("2013-01-01T05:00:00 UTC", "`2013-01-01T05:00:00 UTC` is not a timestamp"),
        ("2013-1-1", "`2013-1-1` is not a timestamp"),
    ] {
        assert_eq!(one(&json!({ "type": "timestamp" }), text), expect);
    }
    for (format, text, expect) in [
        ("unix", "1357016400", "2013-01-01 05:00:00"),
        ("unix", "-0.5", "1969-12-31 23:59:59.500"),
        ("unix", "1357016400000", "`1357016400000` is not a timestamp of the format `unix`"),
        ("unix_ms", "1357016400123", "2013-01-01 05:00:00.123"),
        ("%m/%d/%Y %I:%M %p", "01/02/2013 11:30 PM", "2013-01-02 23:30:00"),
        ("%Y%m%d%H", "2013010223", "2013-01-02 23:00:00"),
        ("%d-%b-%y", "02-Jan-13", "2013-01-02 00:00:00"),
        ("%Y-%m-%dT%H:%M:%S%.f%z", "2013-01-02T03:04:05.25+0100", "2013-01-02 02:04:05.250"),
        ("%s", "1357016400", "2013-01-01 05:00:00"),
    ] {
        assert_eq!(one(&json!({ "type": "timestamp", "format": format }), text), expect);
    }
}

#[test]
fn changes_of_clocks_are_handled_as_declared() {
    let (twice, skipped) = ("2013-11-03 01:30:00", "2013-03-10 02:30:00");
    let hint = "hint: ambiguous = \"earliest\" or \"latest\"";
    let refused = |what: &str, text: &str| match what {
        "twice" => format!("clocks in `America/New_York` showed `{text}` twice; {hint}"),
        _ => format!("clocks in `America/New_York` skipped `{text}`; {hint}"),
    };
    for (ambiguous, text, expect) in [
        ("reject", "2013-01-01 05:00:00", "2013-01-01 10:00:00"),
        ("reject", "2013-07-01 05:00:00", "2013-07-01 09:00:00"),
        ("reject", "2013-07-01 05:00:00Z", "2013-07-01 05:00:00"),
        ("reject", twice, &refused("twice", twice)),
        ("earliest", twice, "2013-11-03 05:30:00"),
        ("latest", twice, "2013-11-03 06:30:00"),
        ("reject", skipped, &refused("skipped", skipped)),
        ("earliest", skipped, "2013-03-10 06:30:00"),
        ("latest", skipped, "2013-03-10 07:30:00"),
    ] {
        let column = json!({ "type": "timestamp", "timezone": "America/New_York", "ambiguous": ambiguous });
        assert_eq!(one(&column, text), expect, "{ambiguous}");
    }
    // Samoa had no 30 December 2011.
    let samoa = json!({ "type": "timestamp", "timezone": "Pacific/Apia", "ambiguous": "latest" });
    assert_eq!(one(&samoa, "2011-12-30 12:00:00"), "2011-12-30 22:00:00");
}
