//! Queries with answers that were computed by hand, one folder each: `query.json`, with `attributes.json` if somebody in
//! particular asks, and `model.toml` and `data.sql` if it is not the shop; `rows.txt` is the answer, or `error.txt` why there is none; `datafusion.sql` is the statement that
//! DataFusion gets. `UPDATE_STATEMENTS=1` writes the statements anew.

#![expect(clippy::expect_used, clippy::panic, reason = "a test stops where it is wrong")]

mod common;

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use wasmill_model::{Attributes, Dialect, Model, Query};

const MODEL: &str = include_str!("shop.toml");
const SECURED: &str = "\n[tables.orders]\n";
const DATA: &str = include_str!("shop.sql");

#[test]
fn queries_have_the_answers_that_are_known() {
    let connection = Connection::open_in_memory().expect("SQLite");
    connection.execute_batch(DATA).expect("data");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")).expect("cases") {
        let folder = entry.expect("case").path();
        count += 1;
        if let Err(why) = check(&connection, &folder) {
            wrong.push(format!("{}: {why}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count > 20, "{count}");
}

#[test]
fn an_engine_is_asked_what_only_it_knows() {
    let connection = Connection::open_in_memory().expect("SQLite");
    connection.execute_batch(DATA).expect("data");
    let refuted = |model: &Model| -> Vec<String> {
        let attributes = serde_json::from_str(r#"{ "tenant": "a", "continents": [] }"#).expect("attributes");
        let security = model.security_probes(&attributes, Dialect::Sqlite).expect("attributes");
        let probes = model.probes(Dialect::Sqlite).into_iter().chain(security);
        let wrong = probes.filter(|probe| match connection.prepare(&probe.sql) {
            Ok(mut statement) => probe.refutes.is_some() && statement.exists([]).expect("rows"),
            Err(_) => true,
        });
        wrong.map(|probe| probe.what).collect()
    };
    assert_eq!(refuted(&secured()), Vec::<String>::new());
    connection
        .execute_batch("DROP TABLE order_lines; CREATE TABLE order_lines (order_id, line, quantity)")
        .expect("data");
    connection.execute_batch("INSERT INTO order_lines VALUES (1, 1, 1), (1, 1, 2)").expect("data");
    // SQLite takes a name in quotes that is no column for a text.
    assert_eq!(refuted(&secured()), ["table `order_lines`", "dimension `product`"]);
}

fn check(connection: &Connection, folder: &Path) -> Result<(), String> {
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let query: Query = serde_json::from_str(&read("query.json").expect("query.json")).map_err(|err| err.to_string())?;
    let own = Connection::open_in_memory().expect("SQLite");
    let connection = match read("data.sql") {
        Ok(data) => own.execute_batch(&data).map(|()| &own).expect("data.sql"),
        Err(_) => connection,
    };
    let (attributes, model) = match read("attributes.json") {
        Ok(attributes) => (serde_json::from_str(&attributes).expect("attributes.json"), secured()),
        Err(_) => (Attributes::new(), model(read("model.toml").as_deref().unwrap_or(MODEL))),
    };
    let statement = match model.sql(&query, &attributes, Dialect::Sqlite) {
        Ok(statement) => statement,
        Err(err) => return same(&format!("{err}\n"), &read("error.txt").unwrap_or_default()),
    };
    let columns: Vec<String> = statement.columns.iter().map(|column| column.name.clone()).collect();
    let mut answer = format!("{}\n", columns.join(" | "));
    for row in common::rows(connection, &statement.sql) {
        answer.push_str(&format!("{}\n", row.join(" | ")));
    }
    same(&answer, &read("rows.txt").unwrap_or_default())?;
    let sql = model.sql(&query, &attributes, Dialect::DataFusion).map_err(|err| err.to_string())?.sql + "\n";
    if std::env::var_os("UPDATE_STATEMENTS").is_some() {
        fs::write(folder.join("datafusion.sql"), &sql).expect("datafusion.sql");
    }
    same(&sql, &read("datafusion.sql").unwrap_or_default())
}

fn same(is: &str, expect: &str) -> Result<(), String> {
    if is == expect { Ok(()) } else { Err(format!("it is\n{is}and not\n{expect}")) }
}

fn model(text: &str) -> Model {
    Model::parse(text).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// The shop, of which everybody sees the orders of a tenant and the countries of a continent.
fn secured() -> Model {
    let text = MODEL
        .replace(SECURED, &format!("{SECURED}security = \"tenant = '{{tenant}}'\"\n"))
        .replace("[tables.countries]\n", "[tables.countries]\nsecurity = \"continent IN {continents}\"\n");
    model(&text)
}
