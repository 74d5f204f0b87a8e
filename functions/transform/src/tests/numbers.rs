//! The hidden row number goes along.

use super::*;

#[test]
fn the_row_number_goes_along_whatever_the_query_does_with_each_row() {
    let check = |sql: &str, columns: &[&str], rows: &[u64]| {
        let output = run(config(sql));
        let schema = output.batch.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, [columns, &["__row"]].concat(), "{sql}");
        assert_eq!(row_numbers(&output.batch), rows, "{sql}");
    };
    let all = &[2, 3, 5, 7];
    check("SELECT * FROM input", &["dest", "delay"], all);
    check("SELECT delay + 1 AS later FROM input", &["later"], all);
    check("SELECT *, delay * 2 AS twice FROM input AS flight WHERE delay > 0", &["dest", "delay", "twice"], &[2, 3]);
    check("SELECT f.dest FROM (SELECT * FROM (SELECT dest FROM input)) AS f", &["dest"], all);
    check("WITH a AS (SELECT * FROM input), b(x, y) AS (SELECT * FROM a) SELECT y FROM b", &["y"], all);
    check("SELECT * FROM input JOIN airports ON faa = dest", &["dest", "delay", "faa", "name"], &[2, 3]);
    check("SELECT * FROM airports JOIN input ON faa = dest", &["faa", "name", "dest", "delay"], &[2, 3]);
    check("SELECT dest, name FROM input LEFT JOIN airports ON faa = dest", &["dest", "name"], all);
    check("SELECT dest, name FROM airports RIGHT JOIN input ON faa = dest", &["dest", "name"], all);
    check("SELECT dest FROM input LEFT SEMI JOIN airports ON faa = dest", &["dest"], &[2, 3]);
    check("SELECT dest FROM input LEFT ANTI JOIN airports ON faa = dest", &["dest"], &[5, 7]);
    check("SELECT dest FROM input WHERE dest IN (SELECT faa FROM airports)", &["dest"], &[2, 3]);
    check("SELECT dest FROM input WHERE dest NOT IN (SELECT faa FROM airports)", &["dest"], &[7]);
    check("SELECT dest FROM input i WHERE EXISTS (SELECT 1 FROM airports WHERE faa = i.dest)", &["dest"], &[2, 3]);
    check("SELECT (SELECT max(name) FROM airports WHERE faa = dest) AS name FROM input", &["name"], all);
    check("SELECT * FROM input, (SELECT count(*) AS airports FROM airports)", &["dest", "delay", "airports"], all);
    check(
        "SELECT dest FROM input UNION ALL SELECT name FROM input JOIN airports ON faa = dest",
        &["dest"],
        &[2, 2, 3, 3, 5, 7],
    );
    check(
        "SELECT delay AS a, dest AS b FROM input UNION ALL BY NAME SELECT dest AS b, delay AS a FROM input",
        &["a", "b"],
        &[2, 2, 3, 3, 5, 5, 7, 7],
    );
    check("SELECT unnest([delay, 1]) AS x FROM input WHERE delay > 0", &["x"], &[2, 2, 3, 3]);
    check(
        "SELECT i.dest, l.name FROM input i JOIN LATERAL (SELECT name FROM airports WHERE faa = i.dest) l ON true",
        &["dest", "name"],
        &[2, 3],
    );
    check("SELECT * FROM input WHERE false", &["dest", "delay"], &[]);
    check("SELECT * EXCEPT (delay) FROM input", &["dest"], all);
}

#[test]
fn a_union_keeps_each_number_with_its_row() {
    let output = run(config("SELECT delay FROM input UNION ALL SELECT delay + 1000 FROM input WHERE delay > 11"));
    assert_eq!(lines(&output.batch), ["11|2", "20|3", "null|5", "-18|7", "1020|3"]);
}

#[test]
fn rows_without_numbers_are_counted_from_nought() {
    let rows = flights().project(&[0, 1]).unwrap();
    let mut function = Sql::configure(config("SELECT delay FROM input WHERE delay > 11 OR delay < 0")).unwrap();
    function.bind(rows.schema()).unwrap();
    assert_eq!(lines(&function.process(&ctx(), rows).unwrap().batch), ["20|1", "-18|3"]);
}

#[test]
fn no_rows_give_no_rows() {
    let mut function = bound(Config {
        rules: vec![rule("a", "delay > 0", Side::Input), rule("b", "delay > 0", Side::Output)],
        routes: vec![route("late", "delay > 15")],
        ..config("SELECT * FROM input LEFT JOIN airports ON faa = dest")
    })
    .unwrap();
    let output = function.process(&ctx(), flights().slice(0, 0)).unwrap();
    assert_eq!((output.batch.num_rows(), output.batch.num_columns(), output.rejects.len()), (0, 5, 0));
    assert_eq!(output.routes.unwrap().num_columns(), 1);
}

#[test]
fn the_query_is_planned_once_and_gives_the_same_in_any_batches() {
    let sql =
        "SELECT dest, name, delay > (SELECT count(*) FROM airports) AS late FROM input JOIN airports ON faa = dest";
    let mut function = bound(config(sql)).unwrap();
    let whole = lines(&function.process(&ctx(), flights()).unwrap().batch);
    assert_eq!(whole, ["IAH|Houston|true|2", "MIA|Miami|true|3"]);
    for size in [1, 2, 3] {
        let mut parts = Vec::new();
        for start in (0..4).step_by(size) {
            let rows = flights().slice(start, size.min(4 - start));
            parts.extend(lines(&function.process(&ctx(), rows).unwrap().batch));
        }
        assert_eq!(parts, whole, "{size}");
    }
}
