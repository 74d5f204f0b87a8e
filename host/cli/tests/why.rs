//! `POST /v1/explain`: why a measure of a semantic model is what it is, of the rows that somebody sees. `make test-full` runs this,
//! with the feature `warehouse`.
#![cfg(feature = "warehouse")]

mod common;
#[path = "common/up.rs"]
mod up_folder;

use std::fmt::Write;
use std::path::Path;

use common::{command, wasmill};
use serde_json::{Value, json};
use up_folder::Up;

const MANIFEST: &str = r#"
version = 1
name = "sales"
semantic_model = "model.toml"

[stores.here]
url = "file:."

[[trigger]]
type = "http"

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "id", type = "int64" }] }

[views.orders]
sql = "SELECT tenant, CAST(day AS DATE) AS day, shop, product, state, amount, late FROM 'here/orders.csv'"
"#;

const MODEL: &str = r#"
version = 1
name = "trade"

[tables.orders]
security = "tenant = '{tenant}'"

[dimensions.day]
type = "date"
table = "orders"

[dimensions.shop]
table = "orders"

[dimensions.product]
table = "orders"

[dimensions.state]
table = "orders"
cause = false

[measures.revenue]
aggregate = "sum"
table = "orders"
column = "amount"

[measures.mean_amount]
aggregate = "avg"
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

[measures.dearest]
aggregate = "max"
table = "orders"
column = "amount"
"#;

const RULES: &str = "[[access.sql]]\ntables = [\"trade\"]\n";

/// Six weeks of two tenants, each with 12 shops and 6 products. On the last day shop 3 sells half, and shop 5 is late, in the north; in
/// the south it is product 2. Shop 9 always sells twice as much as others.
fn orders(folder: &Path) {
    let mut csv = "tenant,day,shop,product,state,amount,late\n".to_owned();
    let first = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    for (at, day) in first.iter_days().take(42).enumerate() {
        for (tenant, shop, product) in
            ["north", "south"].iter().flat_map(|t| (0..12).flat_map(move |s| (0..6).map(move |p| (*t, s, p))))
        {
            let usual = 100 + (at * 31 + shop * 7 + product * 13) % 11;
            let is_last = at == 41;
            let halved = is_last && if tenant == "north" { shop == 3 } else { product == 2 };
            let amount = if halved { usual / 2 } else { usual } * if shop == 9 { 2 } else { 1 };
            let late = if is_last && tenant == "north" && shop == 5 { 30 } else { 3 + (at + product) % 3 };
            writeln!(csv, "{tenant},{day},shop {shop},product {product},done,{amount},{late}").unwrap();
        }
    }
    std::fs::write(folder.join("orders.csv"), csv).unwrap();
}

struct Asking {
    up: Up,
    _folder: tempfile::TempDir,
    keys: [String; 2],
}

fn start() -> Asking {
    let folder = tempfile::tempdir().unwrap();
    let mut rules = RULES.to_owned();
    let keys = ["north", "south"].map(|tenant| {
        let (code, key, rule) = wasmill(folder.path(), &["access", "new-key", "--principal", tenant]);
        assert_eq!(code, 0, "{rule}");
        rules.push_str(&format!("\n{rule}claims = {{ tenant = \"{tenant}\" }}\n"));
        key.trim().to_owned()
    });
    orders(folder.path());
    for (name, text) in [("pipeline.toml", MANIFEST), ("model.toml", MODEL), ("access.toml", &rules)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let arguments = ["up", ".", "--addr", "127.0.0.1:0", "--access", "access.toml"];
    let up = Up::spawn(folder.path(), command(folder.path(), &arguments));
    Asking { up, _folder: folder, keys }
}

impl Asking {
    fn ask(&self, key: &str, why: &Value) -> (u16, Value) {
        let headers = format!("content-type: application/json\r\nauthorization: Bearer {key}\r\n");
        let (status, body) = self.up.request("POST", "/v1/explain", &headers, &why.to_string());
        (status, serde_json::from_str(&body).unwrap_or_else(|err| panic!("{err}: {body}")))
    }

    fn explained(&self, key: &str, why: &Value) -> Value {
        let (status, told) = self.ask(key, why);
        assert_eq!(status, 200, "{told:#}");
        told
    }
}

/// The causes, as they are told.
fn causes(told: &Value) -> Vec<Value> {
    told["causes"].as_array().unwrap().iter().map(|cause| cause["cause"].clone()).collect()
}

fn last_day(measure: &str, compare: Value) -> Value {
    let time = json!({ "dimension": "day", "from": "2026-02-11", "before": "2026-02-12" });
    json!({ "measure": measure, "time_range": time, "compare": compare })
}

#[test]
fn a_day_is_compared_with_the_same_days_before_of_the_rows_that_somebody_sees() {
    let asking = start();
    let [north, south] = &asking.keys;
    let usual = json!({ "with": "usual" });
    let told = asking.explained(north, &last_day("revenue", usual.clone()));
    assert_eq!(causes(&told), [json!({ "shop": "shop 3" })], "{told:#}");
    assert_eq!(told["by"], json!(["product", "shop"]));
    assert_eq!(told["periods"][3], json!({ "from": "2026-01-14", "before": "2026-01-15" }));
    // Six orders of the day, and of each of the four before.
    assert_eq!(told["causes"][0]["rows"], json!(30));
    let (actual, expected) = (told["actual"].as_f64().unwrap(), told["expected"].as_f64().unwrap());
    assert!((250.0..400.0).contains(&(expected - actual)), "{actual} {expected}");
    let told = asking.explained(south, &last_day("revenue", usual.clone()));
    assert_eq!(causes(&told), [json!({ "product": "product 2" })], "{told:#}");

    // Of more periods than there are, those that have rows count.
    let told = asking.explained(north, &last_day("late_each", json!({ "with": "usual", "periods": 12 })));
    assert_eq!(
        (causes(&told), told["periods"].as_array().unwrap().len()),
        (vec![json!({ "shop": "shop 5" })], 5),
        "{told:#}"
    );
    assert!((3.0..5.0).contains(&told["expected"].as_f64().unwrap()), "{told:#}");
    let told = asking.explained(north, &last_day("mean_amount", usual.clone()));
    assert_eq!(causes(&told), [json!({ "shop": "shop 3" })], "{told:#}");

    // The mean of all other days; where the change is is told as well.
    let told = asking.explained(
        north,
        &last_day("revenue", json!({ "with": "rest", "from": "2025-07-01", "before": "2026-12-31" })),
    );
    assert_eq!(causes(&told), [json!({ "shop": "shop 3" })], "{told:#}");
    // Days before the first and after the last that has rows are none.
    assert_eq!(told["periods"], json!([{ "from": "2026-01-01", "before": "2026-02-11" }]));
    assert!((7_500.0..9_000.0).contains(&told["expected"].as_f64().unwrap()), "{told:#}");
    let shops = &told["parts"][1];
    assert_eq!((&shops["dimension"], &shops["values"][0]["value"]), (&json!("shop"), &json!("shop 3")), "{shops:#}");
    let values = shops["values"].as_array().unwrap();
    let all: f64 =
        values.iter().chain([&json!({ "impact": shops["others"] })]).map(|part| part["impact"].as_f64().unwrap()).sum();
    let change = told["actual"].as_f64().unwrap() - told["expected"].as_f64().unwrap();
    assert!((all - change).abs() < 1e-6, "{shops:#}");

    // What is known is left out, and then nothing is left.
    let mut known = last_day("revenue", json!({ "with": "period", "from": "2026-02-04", "before": "2026-02-05" }));
    assert_eq!(causes(&asking.explained(north, &known)), [json!({ "shop": "shop 3" })]);
    known["exclude"] = json!([{ "shop": "shop 3" }]);
    let told = asking.explained(north, &known);
    assert!(causes(&told).is_empty() && !told["summary"].as_str().unwrap().is_empty(), "{told:#}");
}

#[test]
fn a_value_is_compared_with_the_others() {
    let asking = start();
    let [north, _] = &asking.keys;
    let filters = json!([{ "name": "shop", "operator": "equals", "values": ["shop 9"] }]);
    let why = json!({ "measure": "revenue", "filters": filters, "compare": { "with": "others", "name": "shop" } });
    let told = asking.explained(north, &why);
    assert_eq!(
        (&told["others"], &told["by"], &told["periods"]),
        (&json!(11), &json!(["product"]), &json!([])),
        "{told:#}"
    );
    let share = told["actual"].as_f64().unwrap() / told["expected"].as_f64().unwrap();
    assert!((1.9..2.2).contains(&share), "{told:#}");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let asking = start();
    let [north, _] = &asking.keys;
    let usual = json!({ "with": "usual" });
    let with = |name: &str, value: Value| {
        let mut why = last_day("revenue", usual.clone());
        why[name] = value;
        why
    };
    for (why, expect) in [
        (last_day("dearest", usual.clone()), "does not add up"),
        (last_day("profit", usual.clone()), "there is no measure `profit`"),
        (json!({ "measure": "revenue", "compare": usual }), "hint: `time_range` with"),
        (
            with("time_range", json!({ "dimension": "day", "from": "2026-01-01", "before": "2026-01-02" })),
            "no rows in the 4 periods",
        ),
        (
            with("compare", json!({ "with": "period", "from": "2025-02-01", "before": "2025-02-02" })),
            "there are no rows from 2025-02-01",
        ),
        (with("compare", json!({ "with": "period", "from": "soon", "before": "2025-02-02" })), "is no time"),
        (
            with("compare", json!({ "with": "rest", "from": "2026-02-11", "before": "2026-03-01" })),
            "no other rows from",
        ),
        (with("compare", json!({ "with": "others", "name": "shop" })), "which value of `shop`"),
        (with("compare", json!({ "with": "magic" })), "unknown variant"),
        (with("compare", json!({ "with": "usual", "periods": 13 })), "`periods` is from 1 to 12"),
        (
            with("filters", json!([{ "name": "orders", "operator": "gte", "values": [10] }])),
            "`orders` of `filters` is no dimension",
        ),
        (
            json!({
                "measure": "revenue", "compare": { "with": "others", "name": "shop" },
                "filters": [{ "name": "shop", "operator": "equals", "values": ["shop 1", "shop 2"] }],
            }),
            "with one value",
        ),
        (
            json!({
                "measure": "late_each", "compare": { "with": "period", "from": "2026-01-01", "before": "2026-01-02" },
                "time_range": { "dimension": "day", "from": "2031-01-01", "before": "2031-01-02" },
            }),
            "no rows in what is asked about",
        ),
        (with("by", json!(["tenant"])), "`tenant` of `by` is no dimension"),
        (with("by", json!([])), "no dimension to look for causes in"),
        (with("exclude", json!([{ "colour": "red" }])), "colour"),
        (with("limit", json!(3)), "unknown field `limit`"),
    ] {
        let (status, told) = asking.ask(north, &why);
        assert!(status == 400 && told["error"].as_str().unwrap().contains(expect), "{why}: {status} {told}");
    }
    assert_eq!(asking.ask("wm_wrong", &last_day("revenue", json!({ "with": "usual" }))).0, 401);
}
