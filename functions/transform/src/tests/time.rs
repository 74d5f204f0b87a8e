//! The time is the event's.

use super::*;

const SQL: &str = "SELECT now() AS a, current_timestamp AS b, current_date AS c, today() AS d, current_time AS e
    FROM input WHERE delay > 15";

#[test]
fn the_clock_shows_the_time_of_the_event() {
    let mut function = bound(config(SQL)).unwrap();
    let now = "2013-01-15T10:30:00.000005Z";
    assert_eq!(
        lines(&function.process(&ctx(), flights()).unwrap().batch),
        [format!("{now}|{now}|2013-01-15|2013-01-15|10:30:00.000005|3")]
    );
    let before = Context { event_time: -1, ..ctx() };
    let then = "1969-12-31T23:59:59.999999Z";
    assert_eq!(
        lines(&function.process(&before, flights()).unwrap().batch),
        [format!("{then}|{then}|1969-12-31|1969-12-31|23:59:59.999999|3")]
    );
}

#[test]
fn the_time_is_not_folded_into_any_part_of_the_plan() {
    for sql in [
        "SELECT dest FROM input WHERE now() > TIMESTAMP '2013-01-15T00:00:00Z'",
        "SELECT dest FROM input WHERE date_part('day', now()) = 15",
        "SELECT dest FROM input WHERE current_date - INTERVAL '1 day' = DATE '2013-01-14'",
        "SELECT dest FROM input WHERE EXISTS (SELECT 1 FROM airports WHERE now() > TIMESTAMP '2013-01-15')",
        "SELECT dest FROM input JOIN (SELECT faa, now() AS t FROM airports) ON t > TIMESTAMP '2013-01-15' AND faa = 'IAH'",
        "SELECT dest FROM input JOIN (SELECT extract(day FROM now()) AS n FROM airports LIMIT 1) ON n = 4 + length(trim(upper('eventually ')))  + delay - delay + 1 OR n = 15",
        "SELECT dest FROM input WHERE 15 = (SELECT date_part('day', now()))",
        "SELECT dest FROM input WHERE (SELECT max(now()) FROM airports) > TIMESTAMP '2013-01-15'",
        "SELECT dest FROM input LEFT JOIN (SELECT date_trunc('day', now()) AS t) ON true WHERE t >= '2013-01-15'",
    ] {
        let mut function = bound(config(sql)).unwrap();
        let mut rows =
            |event_time| function.process(&Context { event_time, ..ctx() }, flights()).unwrap().batch.num_rows();
        assert_eq!((rows(0), rows(TIME) > 0, rows(0), rows(TIME) > 0), (0, true, 0, true), "{sql}");
    }
}

#[test]
fn a_hash_table_that_depends_on_the_time_is_made_anew() {
    let sql =
        "SELECT dest FROM input JOIN (SELECT faa FROM airports WHERE now() > TIMESTAMP '2013-01-15') ON faa = dest";
    let mut function = bound(config(sql)).unwrap();
    let mut rows = |event_time| function.process(&Context { event_time, ..ctx() }, flights()).unwrap().batch.num_rows();
    assert_eq!((rows(0), rows(TIME), rows(0), rows(TIME)), (0, 2, 0, 2));
}

#[test]
fn text_does_not_name_the_clock() {
    for sql in [
        "SELECT CAST(concat('now', substr(dest, 1, 0)) AS TIMESTAMP) AS t FROM input WHERE dest = 'IAH'",
        "SELECT to_timestamp(concat('now', substr(dest, 1, 0))) AS t FROM input WHERE dest = 'IAH'",
        "SELECT CAST(concat('today', substr(dest, 1, 0)) AS DATE) AS t FROM input WHERE dest = 'IAH'",
    ] {
        let output = run(config(sql));
        assert_eq!((output.batch.num_rows(), output.rejects.len()), (0, 1), "{sql}");
    }
}
