//! `wasmill explain`: the function looks at files and queries, in its sandbox.
#![cfg(feature = "warehouse")]

mod common;

use std::fmt::Write;
use std::path::Path;

use common::wasmill;
use serde_json::{Value, json};

/// Sales of 20 shops and 10 products on two days; on the second, shop 3 sold half.
fn sales(folder: &Path) {
    let mut csv = "day,shop,product,sold\n".to_owned();
    for (shop, product) in (0..20).flat_map(|shop| (0..10).map(move |product| (shop, product))) {
        let usual = 100 + (shop * 7 + product * 13) % 23;
        let now = if shop == 3 { usual / 2 } else { usual };
        for (day, sold) in [("2026-01-08", usual), ("2026-01-15", now)] {
            writeln!(csv, "{day},shop {shop},product {product},{sold}").unwrap();
        }
    }
    std::fs::write(folder.join("sales.csv"), csv).unwrap();
}

fn explained(folder: &Path, arguments: &[&str]) -> Value {
    let (code, out, err) = wasmill(folder, &[&["explain"], arguments, &["--format", "json"]].concat());
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_shop_that_sold_less_than_a_week_ago_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sales(folder);
    let asked = ["sales.csv", "--by", "shop,product", "--measure", "sold", "--time", "day", "--compare", "2026-01-15"];
    let told = explained(folder, &[&asked[..], &["--history", "1"]].concat());
    assert_eq!(told["causes"][0]["cause"], json!({ "shop": "shop 3" }), "{told:#}");
    assert_eq!(told["causes"].as_array().unwrap().len(), 1);
    let whole = ["actual", "expected"].map(|name| told[name].as_f64().unwrap());
    assert!(whole[0] < whole[1], "{whole:?}");
    // The same of another period that is named, and by a query.
    let named = explained(folder, &[&asked[..], &["2026-01-08"]].concat());
    assert_eq!(named["causes"], told["causes"]);
    let sql = "SELECT shop, product, sum(sold) FILTER (WHERE day = '2026-01-15') AS actual, \
               sum(sold) FILTER (WHERE day = '2026-01-08') AS expected FROM 'sales.csv' GROUP BY 1, 2";
    let mut summed = explained(folder, &[sql, "--by", "shop,product"])["causes"].clone();
    // Of each row of the query there are two in the file.
    assert_eq!([&summed[0]["rows"], &told["causes"][0]["rows"]], [10, 20]);
    summed[0]["rows"] = json!(20);
    assert_eq!(summed, told["causes"]);
    // Without it nothing is left.
    let rest = explained(folder, &[&asked[..], &["--history", "1", "--exclude", "shop=shop 3"]].concat());
    assert_eq!(rest["causes"], json!([]));
    assert!(rest["summary"].as_str().is_some_and(|said| !said.is_empty()), "{rest:#}");
    let (code, out, _) = wasmill(folder, &[&["explain"], &asked[..], &["--history", "1"]].concat());
    assert!(code == 0 && out.contains("shop=shop 3"), "{out}");
}

#[test]
fn where_odd_rows_are_more_than_elsewhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut csv = "shop,product,late\n".to_owned();
    for row in 0..12_000 {
        let (shop, product) = (row % 12, row / 12 % 5);
        let is_odd = row / 60 % 10 == 0 || shop == 7 && row / 60 % 10 < 4;
        writeln!(csv, "shop {shop},product {product},{}", if is_odd { 90 } else { row % 20 }).unwrap();
    }
    std::fs::write(folder.join("orders.csv"), csv).unwrap();
    let told = explained(folder, &["orders.csv", "--by", "shop,product", "--outliers", "late > 60"]);
    assert_eq!(told["causes"][0]["cause"], json!({ "shop": "shop 7" }), "{told:#}");
    assert_eq!((told["causes"].as_array().unwrap().len(), &told["causes"][0]["actual"]), (1, &json!(0.4)), "{told:#}");
    assert_eq!(told["actual"], told["expected"]);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sales(folder);
    for (arguments, expect) in [
        (&["sales.csv", "--by", "shp"][..], "shp"),
        (&["nothing.csv", "--by", "shop"], "nothing.csv"),
        (&["sales.csv", "--by", "shop", "--measure", "a/b/c"], "is no measure"),
        (&["sales.csv", "--by", "shop", "--compare", "2026-01-15"], "--time"),
        (&["sales.csv", "--by", "shop", "--time", "day", "--compare", "soon"], "is no period"),
    ] {
        let (code, _, err) = wasmill(folder, &[&["explain"], arguments].concat());
        assert!(code == 2 && err.contains(expect), "{arguments:?}: {code} {err}");
    }
}

#[test]
fn a_pipeline_writes_the_causes_of_each_object_as_documents() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let manifest = r#"
version = 1
name = "causes"

[stores.here]
url = "file:."

[documents]
url = "sqlite:.wasmill/documents.db"

[[trigger]]
type = "object"
store = "here"
pattern = "*.csv"

[[step]]
id = "read"
component = "ingest"
[step.config]
format = "csv"
columns = [
  { name = "shop", type = "utf8" }, { name = "product", type = "utf8" },
  { name = "actual", type = "float64" }, { name = "expected", type = "float64" },
]

[[step]]
id = "why"
component = "explain"
config = { dimensions = ["shop", "product"], direction = "down" }

[[step]]
id = "publish"
component = "publish"
grants = { documents = ["causes"] }
config = { collection = "causes", id = "{rank}", fields = ["cause", "text", "actual", "expected", "sentence"] }
"#;
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    let mut csv = "shop,product,actual,expected\n".to_owned();
    for (shop, product) in (0..20).flat_map(|shop| (0..10).map(move |product| (shop, product))) {
        let usual = 100 + (shop * 7 + product * 13) % 23;
        let now = if shop == 3 { usual / 2 } else { usual };
        writeln!(csv, "shop {shop},product {product},{now},{usual}").unwrap();
    }
    std::fs::write(folder.join("day.csv"), csv).unwrap();
    let (code, out, err) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 0, "{out}{err}");
    let (code, out, err) = wasmill(folder, &["documents", "list", "."]);
    assert_eq!(code, 0, "{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{out}");
    assert!(out.contains(r#""cause":{"shop":"shop 3"}"#), "{out}");
}
