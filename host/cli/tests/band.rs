//! A measure that leaves its band becomes an event, and `explain` says why. `make test-full` runs this, with the feature `warehouse`.
#![cfg(feature = "warehouse")]

mod common;

use std::fmt::Write;
use std::path::Path;

use common::wasmill;
use serde_json::{Value, json};

const MANIFEST: &str = r#"
version = 1
name = "watch"
semantic_model = "model.toml"

[stores.here]
url = "file:."

[stores.alarms]
url = "file:alarms"

[documents]
url = "sqlite:.wasmill/documents.db"

[views.orders]
sql = "SELECT CAST(day AS DATE) AS day, shop, product, amount, late FROM 'here/orders/*.csv'"

[[trigger]]
type = "extract"
id = "watched"
from = { type = "measure", measure = "MEASURE", time = "day.day" }
mode = "band"
to = { store = "alarms" }

[[step]]
id = "read"
component = "ingest"
[step.config]
format = "parquet"
columns = [COLUMNS, { name = "period", type = "timestamp" }, { name = "z", type = "float64", nullable = true }]

[[step]]
id = "why"
component = "explain"
config = { dimensions = ["product", "shop"], whole = true, keep = ["period", "z"], rows = "rows", OF }

[[step]]
id = "publish"
component = "publish"
grants = { documents = ["causes"] }
config = { collection = "causes", id = "{period}-{rank}" }
"#;

const MODEL: &str = r#"
version = 1
name = "trade"

[tables.orders]
security = "shop = '{shop}'"

[dimensions.day]
type = "date"
table = "orders"

[dimensions.shop]
table = "orders"

[dimensions.product]
table = "orders"

[measures.revenue]
aggregate = "sum"
table = "orders"
column = "amount"

[measures.late]
aggregate = "sum"
table = "orders"
column = "late"

[measures.orders]
aggregate = "count"
table = "orders"

[measures.late_each]
ratio = ["late", "orders"]
"#;

const TEXTS: &str =
    r#"{ name = "shop", type = "utf8" }, { name = "product", type = "utf8" }, { name = "rows", type = "int64" }"#;

const FLOATS: &str = r#"{ name = "actual", type = "float64", nullable = true }, { name = "expected", type = "float64", nullable = true }"#;

/// Some days from the first of January 2026 on; on Sundays shops sell half. On days 58, a Saturday, and 60 shop 3 sells hardly anything, and on
/// day 58 shop 5 is late.
fn orders(folder: &Path, days: std::ops::Range<usize>) {
    let mut csv = "day,shop,product,amount,late\n".to_owned();
    let first = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    for (at, day) in first.iter_days().enumerate().take(days.end).skip(days.start) {
        for (shop, product) in (0..12).flat_map(|shop| (0..6).map(move |product| (shop, product))) {
            let usual = 100 + (at * 31 + shop * 7 + product * 13) % 11;
            let part = if matches!(at, 58 | 60) && shop == 3 {
                10
            } else if at % 7 == 3 {
                2
            } else {
                1
            };
            let late = if at == 58 && shop == 5 { 30 } else { 3 + (at + product) % 3 };
            writeln!(csv, "{day},shop {shop},product {product},{},{late}", usual / part).unwrap();
        }
    }
    std::fs::create_dir_all(folder.join("orders")).unwrap();
    std::fs::write(folder.join(format!("orders/{:03}.csv", days.start)), csv).unwrap();
}

fn pipeline(folder: &Path, measure: &str, columns: &str, of: &str) {
    let columns = format!("{TEXTS}, {columns}");
    let manifest = MANIFEST.replace("MEASURE", measure).replace("COLUMNS", &columns).replace("OF", of);
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    std::fs::write(folder.join("model.toml"), MODEL).unwrap();
}

/// The documents after another run.
fn run(folder: &Path) -> Vec<Value> {
    let (code, out, err) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 0, "{out}{err}");
    documents(folder)
}

fn documents(folder: &Path) -> Vec<Value> {
    let (code, out, err) = wasmill(folder, &["documents", "list", "."]);
    if code == 2 && err.contains("there are no documents") {
        return Vec::new();
    }
    assert_eq!(code, 0, "{err}");
    let body = |line: &str| serde_json::from_str::<Value>(line).unwrap()["body"].clone();
    out.lines().map(body).collect()
}

#[test]
fn a_day_out_of_its_band_is_explained_once_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pipeline(folder, "revenue", FLOATS, r#"direction = "down""#);
    let (code, _, err) = wasmill(folder, &["validate", "."]);
    assert_eq!(code, 0, "{err}");
    orders(folder, 0..56);
    assert!(run(folder).is_empty(), "an ordinary day");
    // A Sunday is no less than Sundays are; the odd day after it is not over.
    orders(folder, 56..59);
    assert!(run(folder).is_empty(), "an odd day, but it may go on");
    orders(folder, 59..60);
    let documents = run(folder);
    let told: Vec<(&Value, &Value)> =
        documents.iter().map(|document| (&document["rank"], &document["cause"])).collect();
    assert_eq!(told, [(&json!(0), &json!({})), (&json!(1), &json!({ "shop": "shop 3" }))], "{documents:#?}");
    assert_eq!(documents[0]["period"], "2026-02-28T00:00:00Z", "{documents:#?}");
    assert!(documents[0]["z"].as_f64().unwrap() < -3.5, "{documents:#?}");
    // Another look finds nothing new. Nor does one after a row with a date that is far ahead, by which no day until then is over.
    assert_eq!(run(folder), documents);
    std::fs::write(folder.join("orders/wrong.csv"), "day,shop,product,amount,late\n2999-01-01,shop 1,product 1,5,1\n")
        .unwrap();
    assert_eq!(run(folder), documents);
    assert_eq!(std::fs::read_dir(folder.join("alarms")).unwrap().count(), 1);
}

#[test]
fn days_that_were_odd_meanwhile_are_not_left_for_the_next_look() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pipeline(folder, "revenue", FLOATS, r#"direction = "down""#);
    orders(folder, 0..57);
    assert!(run(folder).is_empty(), "an ordinary day");
    orders(folder, 57..62);
    // What was looked at is due again by then.
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let often = manifest.replace("mode = \"band\"", "mode = \"band\"\nevery_seconds = 3");
    std::fs::write(folder.join("pipeline.toml"), often).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(3100));
    let (code, out, err) = wasmill(folder, &["up", ".", "--addr", "127.0.0.1:0", "--drain"]);
    assert_eq!(code, 0, "{out}{err}");
    let told: Vec<Value> = documents(folder).iter().map(|told| json!([told["period"], told["rank"]])).collect();
    let days = ["2026-02-28T00:00:00Z", "2026-03-02T00:00:00Z"];
    let expect: Vec<Value> = days.iter().flat_map(|day| [json!([day, 0]), json!([day, 1])]).collect();
    assert_eq!(told, expect);
}

#[test]
fn a_ratio_is_watched_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let parts = ["numerator_actual", "numerator_expected", "denominator_actual", "denominator_expected"];
    let floats = parts.map(|part| format!("{{ name = \"{part}\", type = \"float64\", nullable = true }}")).join(", ");
    let of = "numerator = { actual = \"numerator_actual\", expected = \"numerator_expected\" }, \
              denominator = { actual = \"denominator_actual\", expected = \"denominator_expected\" }";
    pipeline(folder, "late_each", &floats, of);
    orders(folder, 0..60);
    let documents = run(folder);
    let causes: Vec<&Value> = documents.iter().map(|document| &document["cause"]).collect();
    assert_eq!(causes, [&json!({}), &json!({ "shop": "shop 5" })], "{documents:#?}");
    assert!((25.0..35.0).contains(&documents[1]["actual"].as_f64().unwrap()), "{documents:#?}");
}

#[test]
fn what_cannot_be_watched_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pipeline(folder, "revenue", FLOATS, r#"direction = "down""#);
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    for (from, to, expect) in [
        ("\"revenue\"", "\"profit\"", "there is no measure `profit`"),
        ("day.day", "day.hour", "there are no periods `day.hour` in the model"),
        ("\"day.day\"", "\"day\"", "does not say along which time"),
        ("mode = \"band\"", "mode = \"full\"", "a measure has a band, and nothing else"),
        ("mode = \"band\"", "mode = \"band\"\nband = { seasons = 1 }", "`seasons` of the band is not a number from 3"),
        ("time = \"day.day\"", "time = \"day.day\", filter = \"true\"", "has no use for `filter`"),
        ("semantic_model = \"model.toml\"", "", "watches a measure of a semantic model"),
    ] {
        std::fs::write(folder.join("pipeline.toml"), manifest.replace(from, to)).unwrap();
        let (code, _, err) = wasmill(folder, &["validate", "."]);
        assert!(code != 0 && err.contains(expect), "{expect}: {code} {err}");
    }
}
