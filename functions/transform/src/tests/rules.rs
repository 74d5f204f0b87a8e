//! Rules reject, routes mark.

use super::*;

#[test]
fn a_row_that_fails_rules_is_rejected_with_all_of_them() {
    let output = run(Config {
        rules: vec![
            rule("known", "airport IS NOT NULL", Side::Output),
            rule("late", "output.delay > 15", Side::Output),
        ],
        ..config("SELECT dest, delay, name AS airport FROM input LEFT JOIN airports ON faa = dest")
    });
    assert_eq!(lines(&output.batch), ["MIA|20|Miami|3"]);
    assert_eq!(
        rejected(output),
        [
            r#"2|rule `late`: output.delay > 15|{"dest":"IAH","delay":11,"airport":"Houston"}"#,
            r#"5|rule `known`: airport IS NOT NULL; rule `late`: output.delay > 15|{"dest":null,"delay":null,"airport":null}"#,
            r#"7|rule `known`: airport IS NOT NULL; rule `late`: output.delay > 15|{"dest":"BQN","delay":-18,"airport":null}"#,
        ]
    );
}

#[test]
fn rules_on_input_come_before_the_query() {
    let output = run(Config {
        rules: vec![rule("positive", "delay > 0", Side::Input), rule("short", "ratio < 9", Side::Output)],
        ..config("SELECT 100 / delay AS ratio FROM input")
    });
    assert_eq!(lines(&output.batch), ["5|3"]);
    assert_eq!(
        rejected(output),
        [
            r#"5|rule `positive`: delay > 0|{"dest":null,"delay":null}"#,
            r#"7|rule `positive`: delay > 0|{"dest":"BQN","delay":-18}"#,
            r#"2|rule `short`: ratio < 9|{"ratio":9}"#,
        ]
    );
}

#[test]
fn predicates_may_look_into_reference_tables() {
    let output = run(Config {
        rules: vec![rule("known", "dest IN (SELECT faa FROM airports)", Side::Input)],
        routes: vec![route("miami", "EXISTS (SELECT 1 FROM airports WHERE faa = dest AND name = 'Miami')")],
        ..config("SELECT * FROM input")
    });
    assert_eq!(lines(&output.batch), ["IAH|11|2", "MIA|20|3"]);
    assert_eq!(lines(output.routes.as_ref().unwrap()), ["false", "true"]);
    assert_eq!(output.rejects.len(), 2);
}

#[test]
fn routes_are_columns_beside_the_rows_and_null_is_no() {
    let mut function = bound(Config {
        rules: vec![rule("known", "dest IS NOT NULL OR delay IS NULL", Side::Output)],
        routes: vec![route("late", "delay > 15"), route("south_east", "dest = 'MIA' OR dest = 'BQN'")],
        ..config("SELECT * FROM input")
    })
    .unwrap();
    assert_eq!(function.routes(), ["late", "south_east"]);
    let output = function.process(&ctx(), flights()).unwrap();
    let routes = output.routes.unwrap();
    assert_eq!(lines(&output.batch), ["IAH|11|2", "MIA|20|3", "null|null|5", "BQN|-18|7"]);
    assert_eq!(lines(&routes), ["false|false", "true|true", "false|false", "false|true"]);
    let schema = routes.schema();
    let fields: Vec<_> = schema.fields().iter().map(|f| (f.name().as_str(), f.is_nullable())).collect();
    assert_eq!(fields, [("late", false), ("south_east", false)]);
}

#[test]
fn subqueries_are_values_in_a_select_list_too() {
    let check = |expr: &str, expect: [&str; 4]| {
        let output = run(config(&format!("SELECT {expr} AS x FROM input")));
        let values = lines(&output.batch).into_iter().map(|line| line.split('|').next().unwrap().to_owned());
        assert_eq!(values.collect::<Vec<_>>(), expect, "{expr}");
    };
    let with_null = "(SELECT faa FROM airports UNION ALL SELECT NULL)";
    check("dest IN (SELECT faa FROM airports)", ["true", "true", "null", "false"]);
    check("dest NOT IN (SELECT faa FROM airports)", ["false", "false", "null", "true"]);
    check(&format!("dest IN {with_null}"), ["true", "true", "null", "null"]);
    check(&format!("dest NOT IN {with_null}"), ["false", "false", "null", "null"]);
    check("dest IN (SELECT faa FROM airports WHERE false)", ["false"; 4]);
    check("dest NOT IN (SELECT faa FROM airports WHERE false)", ["true"; 4]);
    check("lower(dest) IN (SELECT lower(faa) FROM airports) OR delay < 0", ["true", "true", "null", "true"]);
    check("EXISTS (SELECT 1 FROM airports WHERE faa = dest)", ["true", "true", "false", "false"]);
    check("NOT EXISTS (SELECT 1 FROM airports WHERE faa = dest)", ["false", "false", "true", "true"]);
    check("CASE WHEN EXISTS (SELECT 1 FROM airports) THEN delay END", ["11", "20", "null", "-18"]);
}
