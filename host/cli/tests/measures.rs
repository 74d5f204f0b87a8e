//! Measures by name and tables in SQL, over HTTP: who may ask what, and what is right. And a view whose rows are kept. `make test-full`
//! runs this, with the feature `warehouse`.
#![cfg(feature = "warehouse")]

mod common;
#[path = "common/lake.rs"]
mod lake;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;

use common::{command, wasmill};
use serde_json::{Value, json};
use up_folder::Up;

const MANIFEST: &str = r#"
version = 1
name = "sales"
semantic_model = "model.toml"
reports = ["report.toml"]

[[trigger]]
type = "http"

[[step]]
id = "read"
component = "ingest"
config = { format = "csv", columns = [{ name = "id", type = "int64" }] }

# Of two tenants, on two days; shares of days are no shares of both.
[views.orders]
sql = """
SELECT tenant, CAST(day AS DATE) AS day, amount, late, secret FROM (VALUES
    ('north', '2026-01-01', 10.0, true, 1), ('north', '2026-01-01', 20.0, false, 1), ('north', '2026-01-01', 30.0, false, 1),
    ('north', '2026-01-02', 40.0, true, 1), ('south', '2026-01-02', 50.0, true, 5)
) AS t(tenant, day, amount, late, secret)
"""

[views.payroll]
sql = "SELECT 1 AS salary"
"#;

const MODEL: &str = r#"
version = 1
name = "trade"

[tables.orders]
security = "tenant = '{tenant}'"

[dimensions.day]
type = "date"
table = "orders"

[dimensions.tenant]
table = "orders"

[measures.revenue]
aggregate = "sum"
table = "orders"
column = "amount"

[measures.orders_count]
aggregate = "count"
table = "orders"
format = "integer"

[measures.late]
aggregate = "count"
table = "orders"
filter = "late"

[measures.late_share]
ratio = ["late", "orders_count"]
format = "percent"
"#;

const REPORT: &str = r#"
version = 1
title = "Trade"

[[filter]]
dimension = "day"
default = { from = "2026-01-01", before = "2026-01-02" }

[[tile]]
kind = "kpi"
measures = ["revenue"]

[[tile]]
kind = "bar"
measures = ["late_share"]
dimensions = ["tenant"]
"#;

const RULES: &str = r#"
[[access.sql]]
tables = ["trade"]

[[access.sql]]
tables = ["orders"]
rows = "tenant = '{tenant}'"

[[access.sql]]
tables = ["payroll"]
principals = ["boss"]
"#;

/// A principal's new key, and the rules of it.
fn key(folder: &Path, principal: &str, tenant: &str) -> (String, String) {
    let (code, key, rule) = wasmill(folder, &["access", "new-key", "--principal", principal]);
    assert_eq!(code, 0, "{rule}");
    (key.trim().to_owned(), format!("{rule}claims = {{ tenant = \"{tenant}\" }}\n"))
}

struct Asking {
    up: Up,
    folder: tempfile::TempDir,
    north: String,
    boss: String,
}

fn start() -> Asking {
    let folder = tempfile::tempdir().unwrap();
    let (north, rule_of_north) = key(folder.path(), "north-app", "north");
    let (boss, rule_of_boss) = key(folder.path(), "boss", "south");
    for (name, text) in [
        ("pipeline.toml", MANIFEST),
        ("model.toml", MODEL),
        ("report.toml", REPORT),
        ("access.toml", &format!("{RULES}\n{rule_of_north}\n{rule_of_boss}")),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let arguments = ["up", ".", "--addr", "127.0.0.1:0", "--access", "access.toml"];
    let up = Up::spawn(folder.path(), command(folder.path(), &arguments));
    Asking { up, folder, north, boss }
}

impl Asking {
    fn ask(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let key = key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
        let headers = format!("content-type: application/json\r\n{key}");
        let (status, body) = self.up.request("POST", path, &headers, &body.to_string());
        (status, serde_json::from_str(&body).unwrap_or_else(|err| panic!("{err}: {body}")))
    }

    fn sql(&self, key: &str, sql: &str) -> Result<Value, String> {
        match self.ask("/v1/sql", Some(key), &json!({ "sql": sql })) {
            (200, answer) => Ok(answer["rows"].clone()),
            (_, refusal) => Err(refusal["error"].as_str().unwrap().to_owned()),
        }
    }
}

#[test]
fn measures_are_asked_by_name_of_the_rows_that_somebody_sees() {
    let asking = start();
    let query = json!({ "measures": ["revenue", "late_share"], "dimensions": ["day.day"] });
    let (status, answer) = asking.ask("/v1/query", Some(&asking.north), &query);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["rows"], json!([["2026-01-01", 60.0, 1.0 / 3.0], ["2026-01-02", 40.0, 1.0]]));
    assert_eq!(answer["columns"][2]["format"]["style"], "percent");
    let (status, answer) = asking.ask("/v1/query", Some(&asking.north), &json!({ "measures": ["profit"] }));
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("hint: there are"), "{answer}");
    for (path, body) in [("/v1/query", &query), ("/v1/sql", &json!({ "sql": "SELECT 1" }))] {
        for key in [None, Some("wm_wrong")] {
            assert_eq!(asking.ask(path, key, body).0, 401, "{path} {key:?}");
        }
    }
    // The model as a table: of one row each any aggregate is the measure.
    let sql = |sql: &str| asking.sql(&asking.north, sql);
    assert_eq!(sql("SELECT late_share FROM trade.measures"), Ok(json!([[0.5]])));
    assert_eq!(sql("SELECT tenant, sum(late_share) FROM trade.measures GROUP BY tenant"), Ok(json!([["north", 0.5]])));
    assert_eq!(sql("SELECT revenue FROM trade.measures WHERE day = '2026-01-02'"), Ok(json!([[40.0]])));
    for (asked, expect) in [
        (
            "SELECT date_trunc('month', day), max(late_share) FROM trade.measures GROUP BY 1",
            "GROUP BY columns of the model",
        ),
        ("SELECT avg(x) FROM (SELECT late_share * 2 AS x FROM trade.measures)", "GROUP BY columns of the model"),
        ("SELECT count(*) FROM trade.measures", "nothing that can be asked"),
        ("SELECT revenue FROM trade.measures WHERE day + INTERVAL '1 day' > '2026-01-01'", "the model cannot filter"),
    ] {
        let refusal = sql(asked).unwrap_err();
        assert!(refusal.contains(expect), "{asked}: {refusal}");
    }
}

#[test]
fn tables_show_the_rows_of_whoever_asks_and_nothing_of_the_others() {
    let asking = start();
    let sql = |sql: &str| asking.sql(&asking.north, sql);
    assert_eq!(sql("SELECT count(*), max(tenant) FROM orders"), Ok(json!([[4, "north"]])));
    // It would fail on the row of the other tenant, and tell that there is one.
    assert_eq!(sql("SELECT count(*) FROM orders WHERE 1 / (secret - 5) <= 0"), Ok(json!([[4]])));
    assert_eq!(sql("SELECT count(*) FROM orders WHERE tenant = 'south' OR true"), Ok(json!([[4]])));
    let plan = sql("EXPLAIN SELECT * FROM orders WHERE amount > 45").unwrap().to_string();
    assert!(plan.contains("Guarded") && !plan.contains("south") && !plan.contains("tenant ="), "{plan}");
    // What is hidden is answered as what is not there.
    let hidden = sql("SELECT * FROM payroll").unwrap_err();
    assert_eq!(hidden, sql("SELECT * FROM nothing").unwrap_err().replace("nothing", "payroll"));
    assert_eq!(asking.sql(&asking.boss, "SELECT salary FROM payroll"), Ok(json!([[1]])));
    for changing in
        ["DROP TABLE orders", "CREATE TABLE a AS SELECT 1", "COPY (SELECT 1) TO 'a.csv'", "SELECT * FROM 'model.toml'"]
    {
        assert!(sql(changing).is_err(), "{changing}");
    }
}

#[test]
fn a_report_is_written_with_its_answers() {
    let asking = start();
    let path = asking.folder.path();
    std::fs::write(path.join("reports.html"), "<html><head><!--wasmill-report--></head></html>").unwrap();
    std::fs::write(path.join("model.toml"), MODEL.replace("security = \"tenant = '{tenant}'\"", "")).unwrap();
    let (code, _, said) = wasmill(path, &["report", ".", "--components", ".", "--output", "out.html"]);
    assert_eq!(code, 0, "{said}");
    let page = std::fs::read_to_string(path.join("out.html")).unwrap();
    let json = page.split_once("id=\"wasmill-report\">").unwrap().1.split_once("</script>").unwrap().0;
    let data: Value = serde_json::from_str(json).unwrap();
    assert_eq!(data["results"]["t1"]["rows"], json!([[60.0]]));
    assert_eq!(data["results"]["t2"]["rows"], json!([["north", 1.0 / 3.0]]));
    // Mistakes are told with their lines.
    std::fs::write(path.join("report.toml"), REPORT.replace("late_share", "late_shore")).unwrap();
    let (code, _, said) = wasmill(path, &["validate", "."]);
    assert!(code == 2 && said.contains("report.toml:13: tile `t2`: there is no measure `late_shore`"), "{said}");
}

#[test]
fn a_view_is_kept_as_a_table_that_is_replaced_when_it_is_another() {
    let folder = lake::pipeline("");
    let path = folder.path();
    let manifest = std::fs::read_to_string(path.join("pipeline.toml")).unwrap();
    let more = "
[views.by_day]
sql = \"SELECT day, count(*) AS rows FROM numbers GROUP BY day\"
";
    std::fs::write(path.join("pipeline.toml"), format!("{manifest}{more}")).unwrap();
    std::fs::create_dir(path.join("kept")).unwrap();
    let kept = "
version = 1
name = \"kept\"
stores.lake.url = \"file:../lake\"
[tables.numbers]
type = \"delta\"
store = \"lake\"
path = \"numbers\"
[views.by_day]
sql = \"SELECT day, count(*) AS rows FROM numbers GROUP BY day\"
[[trigger]]
type = \"extract\"
id = \"by-day\"
from = { type = \"view\", view = \"by_day\" }
to = { store = \"lake\", path = \"extracts\" }
[[step]]
id = \"read\"
component = \"ingest\"
config = { format = \"parquet\", columns = [{ name = \"day\", type = \"utf8\" }, { name = \"rows\", type = \"int64\" }] }
[[sink]]
id = \"kept\"
type = \"delta\"
store = \"lake\"
path = \"by_day\"
mode = \"overwrite\"
";
    std::fs::write(path.join("kept/pipeline.toml"), kept).unwrap();
    let rows = |expect: &[&str]| {
        let (code, found, said) =
            wasmill(path, &["query", "SELECT day, rows FROM 'lake/by_day' ORDER BY 1", "--format", "csv"]);
        assert_eq!(code, 0, "{said}");
        assert_eq!(found.lines().skip(1).collect::<Vec<_>>(), expect);
    };
    let run = |pipeline: &str| {
        let (code, _, said) = wasmill(path, &["run", pipeline]);
        assert_eq!(code, 0, "{said}");
        said
    };
    std::fs::write(path.join("landing/a.csv"), lake::rows(0, 3, "mon")).unwrap();
    run(".");
    run("kept");
    rows(&["mon,3"]);
    std::fs::write(path.join("landing/b.csv"), lake::rows(3, 2, "tue")).unwrap();
    run(".");
    run("kept");
    rows(&["mon,3", "tue,2"]);
}
