//! Scope `object`: the query sees all rows of an event.

use super::*;

fn object(sql: &str) -> Config {
    Config { scope: Scope::Object, ..config(sql) }
}

fn event(id: &str) -> Context {
    Context { event_id: id.into(), ..ctx() }
}

#[test]
fn three_batches_are_one_input_and_the_next_event_starts_anew() {
    let mut function = bound(Config {
        rules: vec![rule("known", "dest IS NOT NULL", Side::Input)],
        ..object("SELECT count(*) AS n, sum(delay) AS delay, max(__row) AS last FROM input")
    })
    .unwrap();
    for ctx in [event("a"), event("b")] {
        for batch in [flights(), flights().slice(0, 0), flights().slice(1, 2)] {
            let rejects = batch.column(0).null_count();
            let output = function.process(&ctx, batch).unwrap();
            assert_eq!((output.batch.num_rows(), output.rejects.len()), (0, rejects));
        }
        assert_eq!(lines(&function.finish(&ctx).unwrap().batch), ["4|33|7"]);
    }
    assert_eq!(lines(&function.finish(&event("c")).unwrap().batch), ["0|null|null"]);
}

#[test]
fn an_event_that_was_given_up_leaves_nothing_behind() {
    let mut function = bound(object("SELECT count(*) AS n FROM input")).unwrap();
    function.process(&event("a"), flights()).unwrap();
    function.process(&event("b"), flights().slice(0, 1)).unwrap();
    assert_eq!(lines(&function.finish(&event("b")).unwrap().batch), ["1"]);
    function.process(&event("c"), flights()).unwrap();
    let again = Context { attempt: 2, ..event("c") };
    function.process(&again, flights().slice(0, 3)).unwrap();
    assert_eq!(lines(&function.finish(&again).unwrap().batch), ["3"]);
}

#[test]
fn whatever_needs_all_rows_may_be_done() {
    let check = |sql: &str, expect: &[&str]| {
        let mut function = bound(object(sql)).unwrap();
        function.process(&ctx(), flights().slice(0, 2)).unwrap();
        function.process(&ctx(), flights().slice(2, 2)).unwrap();
        assert_eq!(lines(&function.finish(&ctx()).unwrap().batch), expect, "{sql}");
    };
    check("SELECT * FROM input ORDER BY delay NULLS LAST LIMIT 2", &["BQN|-18|7", "IAH|11|2"]);
    check("SELECT __row, dest FROM input ORDER BY dest DESC NULLS LAST LIMIT 1", &["MIA|3"]);
    check("SELECT dest FROM input WHERE delay > (SELECT avg(delay) FROM input) ORDER BY dest", &["IAH", "MIA"]);
    check("SELECT a.dest FROM input a JOIN input b ON a.delay = b.delay + 9", &["MIA"]);
    check("SELECT name FROM airports LEFT JOIN input ON faa = dest WHERE dest IS NULL", &["New York"]);
    check("SELECT count(*) AS n, max(__row) AS __row FROM input WHERE false", &["0|0"]);
    check("SELECT dest, rank() OVER (ORDER BY delay) AS r FROM input WHERE delay > 0 ORDER BY r", &["IAH|1", "MIA|2"]);
}

#[test]
fn rules_on_output_name_the_row_or_the_position() {
    let reject = |sql: &str| {
        let rules = vec![rule("few", "n < 15", Side::Output)];
        let mut function = bound(Config { rules, ..object(sql) }).unwrap();
        function.process(&ctx(), flights()).unwrap();
        rejected(function.finish(&ctx()).unwrap())
    };
    let expect = |row| vec![format!(r#"{row}|rule `few`: n < 15|{{"n":20}}"#)];
    assert_eq!(reject("SELECT delay AS n FROM input WHERE delay > 0 ORDER BY n"), expect(1));
    assert_eq!(reject("SELECT delay AS n, __row FROM input WHERE delay > 0 ORDER BY n"), expect(3));
}

#[test]
fn rows_without_numbers_are_counted_over_the_event() {
    let rows = flights().project(&[0, 1]).unwrap();
    let mut function = Sql::configure(object("SELECT max(__row) AS last, min(__row) AS first FROM input")).unwrap();
    function.bind(rows.schema()).unwrap();
    for id in ["a", "b"] {
        function.process(&event(id), rows.clone()).unwrap();
        function.process(&event(id), rows.clone()).unwrap();
        assert_eq!(lines(&function.finish(&event(id)).unwrap().batch), ["7|0"]);
    }
}

#[test]
fn a_row_number_of_another_type_is_refused() {
    assert_eq!(
        bound(object("SELECT count(*) AS __row FROM input")).err().unwrap(),
        "column `__row` of the result is Int64, not UInt64"
    );
}
