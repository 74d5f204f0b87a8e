//! What `bind` and `configure` refuse, with the whole message.

use super::*;

fn check(sql: &str, expect: &str) {
    assert_eq!(bound(config(sql)).err().as_deref(), Some(expect), "{sql}");
}

#[test]
fn what_depends_on_other_rows_is_refused_with_scope_row() {
    let check = |sql: &str, what: &str| {
        let expect = format!(
            "{what} over `input`: with scope `row` each row stands alone\n\
             hint: add scope = \"object\" to the step's config, or do it over a reference table in a subquery"
        );
        check(sql, &expect);
    };
    check("SELECT count(*) FROM input", "the aggregate `count(*)`");
    check("SELECT dest, sum(delay) FROM input GROUP BY dest", "the aggregate `sum(input.delay)`");
    check("SELECT dest FROM input GROUP BY dest", "`GROUP BY`");
    check(
        "SELECT max(n) FROM (SELECT length(name) AS n FROM input JOIN airports ON faa = dest)",
        "the aggregate `max(n)`",
    );
    check("SELECT * FROM input ORDER BY delay", "`ORDER BY`");
    check("SELECT * FROM input LIMIT 3", "`LIMIT` or `OFFSET`");
    check("SELECT DISTINCT dest FROM input", "`DISTINCT`");
    check("SELECT DISTINCT ON (dest) * FROM input", "`DISTINCT ON`");
    check("SELECT dest, lag(delay) OVER (PARTITION BY dest) FROM input", "a window function (`OVER`)");
    check("SELECT dest FROM input UNION SELECT faa FROM airports", "`UNION` without `ALL`");
    check("SELECT dest FROM input UNION ALL SELECT faa FROM airports", "a branch of `UNION ALL` that does not read it");
    check("SELECT dest FROM input INTERSECT SELECT faa FROM airports", "`INTERSECT`");
    check("SELECT dest FROM input EXCEPT SELECT faa FROM airports", "`EXCEPT`");
    check("SELECT faa FROM airports EXCEPT ALL SELECT dest FROM input", "`EXCEPT`");
    check("SELECT a.dest FROM input a JOIN input b ON a.dest = b.dest", "a join of `input` with itself");
    check("WITH a AS (SELECT * FROM input) SELECT x.dest FROM a x, a y", "a join of `input` with itself");
    check("SELECT dest FROM input WHERE delay > (SELECT avg(delay) FROM input)", "a subquery in an expression");
    check("SELECT dest FROM input WHERE dest IN (SELECT dest FROM input)", "a subquery in an expression");
    check(
        "SELECT faa FROM airports WHERE EXISTS (SELECT 1 FROM input WHERE dest = faa)",
        "a subquery in an expression",
    );
    check("SELECT dest, EXISTS (SELECT 1 FROM input) FROM input", "a subquery in an expression");
    check(
        "SELECT name FROM airports LEFT JOIN input ON faa = dest",
        "a join (`LEFT`) that keeps rows of the other side",
    );
    check(
        "SELECT name FROM input RIGHT JOIN airports ON faa = dest",
        "a join (`RIGHT`) that keeps rows of the other side",
    );
    check(
        "SELECT name FROM input FULL JOIN airports ON faa = dest",
        "a join (`FULL`) that keeps rows of the other side",
    );
    check(
        "SELECT name FROM airports LEFT SEMI JOIN input ON faa = dest",
        "a join (`LEFTSEMI`) that keeps rows of the other side",
    );
    check(
        "WITH RECURSIVE r AS (SELECT delay FROM input UNION ALL SELECT delay - 1 FROM r WHERE delay > 0) SELECT * FROM r",
        "`WITH RECURSIVE`",
    );
}

#[test]
fn the_same_is_fine_over_reference_tables() {
    let sql = "WITH RECURSIVE few AS (SELECT DISTINCT faa, row_number() OVER (ORDER BY faa) AS n FROM airports
            ORDER BY faa LIMIT 2),
        count(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM count WHERE i < 3)
        SELECT dest, n, (SELECT max(i) FROM count) AS i FROM input JOIN few ON faa = dest
        WHERE dest IN (SELECT faa FROM airports UNION SELECT 'X' EXCEPT SELECT 'Y')";
    assert_eq!(lines(&run(config(sql)).batch), ["IAH|1|3|2"]);
}

#[test]
fn a_query_must_read_input() {
    check(
        "SELECT count(*) FROM airports",
        "the query does not read the table `input`, so there is no row that a result stands for\n\
         hint: read `input`, or add scope = \"object\" to the step's config",
    );
}

#[test]
fn what_a_replay_would_not_repeat_is_refused() {
    let check = |sql: &str, name: &str| {
        check(sql, &format!("`{name}()` gives something else each time, but a replay must give the same"));
    };
    check("SELECT random() FROM input", "random");
    check("SELECT dest FROM input WHERE delay > 10 * random()", "random");
    check("SELECT uuid() AS id, dest FROM input", "uuid");
    check("SELECT dest FROM input WHERE dest IN (SELECT uuid() FROM airports)", "uuid");
    check("SELECT input_file_name() AS file FROM input", "input_file_name");
    let config = Config { rules: vec![rule("some", "random() > 0.5", Side::Input)], ..config("SELECT * FROM input") };
    assert_eq!(
        bound(config).err().unwrap(),
        "rule `some`: `random()` gives something else each time, but a replay must give the same"
    );
}

#[test]
fn only_one_query_is_taken() {
    let statement =
        |name: &str| format!("`sql` is a query that starts with `SELECT` or `WITH`, not a statement `{name}`");
    for (sql, name) in [
        ("CREATE TABLE t AS SELECT 1", "CREATE"),
        ("DROP TABLE airports", "DROP"),
        ("INSERT INTO airports VALUES ('a', 'b')", "INSERT"),
        ("UPDATE airports SET name = ''", "UPDATE"),
        ("DELETE FROM airports", "DELETE"),
        ("COPY (SELECT 1) TO 'file.csv'", "COPY"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "CREATE"),
        ("SET datafusion.execution.batch_size = 1", "SET"),
        ("SHOW TABLES", "SHOW"),
        ("EXPLAIN SELECT * FROM input", "EXPLAIN"),
        ("DESCRIBE input", "DESCRIBE"),
        ("SELECT 1 INTO t", "CREATE"),
    ] {
        check(sql, &statement(name));
    }
    check("SELECT 1; SELECT 2", "`sql` is one query, not 2 statements");
    check(" ; ", "`sql` is empty\nhint: sql = \"SELECT * FROM input\"");
    check("SELEC 1", "sql parser error: Expected: an SQL statement, found: SELEC at Line: 1, Column: 1");
}

#[test]
fn unknown_names_list_the_known_ones() {
    check(
        "SELECT * FROM input JOIN planes ON true",
        "there is no table `planes`, only `input`, `airports`\nhint: add tables = [\"planes\"] to the step",
    );
    check(
        "SELECT * FROM information_schema.tables",
        "there is no table `information_schema.tables`, only `input`, `airports`\n\
         hint: add tables = [\"information_schema.tables\"] to the step",
    );
    check(
        "SELECT * FROM '/etc/passwd'",
        "there is no table `/etc/passwd`, only `input`, `airports`\nhint: add tables = [\"/etc/passwd\"] to the step",
    );
    check(
        "SELECT destt FROM input",
        "no field named destt. Did you mean 'input.dest'? Valid fields are input.dest, input.delay",
    );
    check("SELECT __row FROM input", "no field named __row. Valid fields are input.dest, input.delay");
    check("SELECT foo(dest) FROM input", "invalid function 'foo'. Did you mean 'cos'?");
    check("SELECT * FROM generate_series(1, 3)", "there is no table function `generate_series`");
}

#[test]
fn names_of_the_result_are_unique_and_not_taken() {
    check(
        "SELECT input.dest, other.dest FROM input JOIN (SELECT faa AS dest FROM airports) other ON true",
        "two columns of the result are `dest`\nhint: name one of them with `AS other_name`",
    );
    check("SELECT delay AS __row FROM input", "column `__row` of the result: names that begin with `__` are taken");
    check(
        "SELECT delay AS __check_0 FROM input",
        "column `__check_0` of the result: names that begin with `__` are taken",
    );
    check(
        "SELECT name FROM input JOIN (SELECT faa AS __row, name FROM airports) a ON true",
        "a column is named `__row`, which is taken\nhint: name it with `AS other_name`",
    );
    check(
        "SELECT x FROM (SELECT delay AS __row, dest AS x FROM input)",
        "a column is named `__row`, which is taken\nhint: name it with `AS other_name`",
    );
}

#[test]
fn predicates_are_about_one_row() {
    let check = |predicate: &str, on, expect: &str| {
        let config = Config { rules: vec![rule("r", predicate, on)], ..config("SELECT dest AS d FROM input") };
        assert_eq!(bound(config).err().as_deref(), Some(expect), "{predicate}");
    };
    let alone = " over `input`: with scope `row` each row stands alone\n\
                 hint: add scope = \"object\" to the step's config, or do it over a reference table in a subquery";
    check("delay > 0", Side::Output, "rule `r`: no field named delay. Valid fields are output.d");
    check("d = ''", Side::Input, "rule `r`: no field named d. Valid fields are input.dest, input.delay");
    check("length(d)", Side::Output, "rule `r`: `length(d)` is Int32, not Boolean");
    check("count(*) > 1", Side::Output, "rule `r`: a predicate is about one row, so it has no aggregate");
    check(
        "row_number() OVER () > 1",
        Side::Output,
        "rule `r`: a predicate is about one row, so it has no window function",
    );
    check("d = 'a' AS x", Side::Output, "rule `r`: a predicate has no `AS x`");
    check("d =", Side::Output, "rule `r`: sql parser error: Expected: an expression, found: EOF");
    check("dest IN (SELECT dest FROM input)", Side::Input, &format!("a subquery in an expression{alone}"));
}
