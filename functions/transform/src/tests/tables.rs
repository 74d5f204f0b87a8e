//! Reference tables, and their refresh.

use super::*;

const JOIN: &str = "SELECT dest, name FROM input LEFT JOIN airports ON faa = dest";

#[test]
fn a_refreshed_table_is_seen_by_the_next_batch() {
    let rules = vec![rule("known", "dest IS NULL OR dest <> 'IAH' OR dest IN (SELECT faa FROM airports)", Side::Input)];
    let mut function = bound(Config { rules, ..config(JOIN) }).unwrap();
    let mut names = || {
        let output = function.process(&ctx(), flights()).unwrap();
        (lines(&output.batch), output.rejects.len())
    };
    let before = ["IAH|Houston|2", "MIA|Miami|3", "null|null|5", "BQN|null|7"];
    assert_eq!(names(), (before.map(str::to_owned).to_vec(), 0));
    assert_eq!(names(), (before.map(str::to_owned).to_vec(), 0));
    let other = record_batch!(("faa", Utf8, ["BQN", "MIA"]), ("name", Utf8, ["Aguadilla", "Florida"])).unwrap();
    function.put_table("airports", other).unwrap();
    let output = function.process(&ctx(), flights()).unwrap();
    assert_eq!(lines(&output.batch), ["MIA|Florida|3", "null|null|5", "BQN|Aguadilla|7"]);
    assert_eq!(output.rejects.len(), 1);
}

#[test]
fn what_is_counted_in_a_table_is_not_folded_into_the_plan() {
    let mut function =
        bound(config("SELECT (SELECT count(*) FROM airports) AS n FROM input WHERE delay > 15")).unwrap();
    assert_eq!(lines(&function.process(&ctx(), flights()).unwrap().batch), ["3|3"]);
    function.put_table("airports", airports().slice(0, 1)).unwrap();
    assert_eq!(lines(&function.process(&ctx(), flights()).unwrap().batch), ["1|3"]);
    function.put_table("airports", airports().slice(0, 0)).unwrap();
    assert_eq!(lines(&function.process(&ctx(), flights()).unwrap().batch), ["0|3"]);
}

#[test]
fn a_refresh_with_another_schema_names_the_differences_and_keeps_the_rows() {
    let mut function = bound(config(JOIN)).unwrap();
    let other = record_batch!(("faa", Int32, [1]), ("city", Utf8, ["a"])).unwrap();
    assert_eq!(
        function.put_table("airports", other).unwrap_err(),
        "table `airports`: column `faa` is Int32, but was Utf8; column `name` is missing; column `city` is new"
    );
    let turned = airports().project(&[1, 0]).unwrap();
    assert_eq!(function.put_table("airports", turned).unwrap_err(), "table `airports`: the columns have another order");
    assert_eq!(lines(&function.process(&ctx(), flights()).unwrap().batch).len(), 4);
}

#[test]
fn a_table_that_no_query_can_use_is_refused() {
    let mut function = bound(config(JOIN)).unwrap();
    assert_eq!(
        function.put_table("planes", airports()).unwrap_err(),
        "table `planes`: it was not there in `bind`, so no query reads it"
    );
    let mut function = Sql::configure(config(JOIN)).unwrap();
    assert_eq!(
        function.put_table("input", airports()).unwrap_err(),
        "table `input`: that is the name of the table of the rows that come in"
    );
    assert_eq!(
        function.put_table("airports", flights()).unwrap_err(),
        "table `airports`: a column cannot be `__row`, which numbers the rows of `input`"
    );
}

#[test]
fn a_table_that_fails_the_query_fails_bind() {
    let sql = "SELECT dest FROM input JOIN (SELECT CAST(name AS INT) AS n FROM airports) ON n = delay";
    assert_eq!(
        bound(config(sql)).err().unwrap(),
        "the query fails without any row: cast error: Cannot cast string 'Houston' to value of Int32 type"
    );
}
