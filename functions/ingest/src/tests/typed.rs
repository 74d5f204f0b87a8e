use std::path::Path;

use serde_json::{Value, json};

use super::{Outcome, Slow, read, rejected, with};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name)).unwrap()
}

/// All columns of the fixtures, whose rows are in `tests/formats/make.py`.
fn all(format: &str) -> Value {
    json!({ "format": format, "columns": [
        { "name": "flag", "type": "bool", "nullable": false },
        { "name": "small", "type": "int8" },
        { "name": "large", "type": "int64" },
        { "name": "ratio", "type": "float64" },
        { "name": "price", "type": "decimal", "precision": 10, "scale": 3 },
        { "name": "day", "type": "date" },
        { "name": "instant", "type": "timestamp" },
        { "name": "clock", "type": "timestamp", "timezone": "Europe/Berlin" },
        { "name": "text", "type": "utf8" },
        { "name": "maybe", "type": "int64" },
        { "name": "city", "from": "place.city", "type": "utf8" },
        { "name": "code", "from": "place.zone.code", "type": "uint16" },
        { "name": "vector", "type": "float32", "length": 3 },
        { "name": "kind", "type": "utf8" },
    ]})
}

fn expected(row: usize) -> String {
    let maybe = if row.is_multiple_of(3) { "~".to_owned() } else { row.to_string() };
    let (city, code) =
        if row.is_multiple_of(5) { ("~".to_owned(), "~".to_owned()) } else { (format!("city {row}"), row.to_string()) };
    format!(
        "{}: {}|{}|{}|{}|{}.{:02}0|2026-01-{:02}|2026-01-31 12:00:{:02}.123456|2026-07-01 06:{:02}:00|é{row}|{maybe}|{city}|{code}|{},1,-1|{}",
        row + 1,
        row.is_multiple_of(2),
        row as i64 - 50,
        9_007_199_254_740_993_i64 + row as i64,
        row as f64 / 4.0,
        row * 101 / 100,
        row * 101 % 100,
        1 + row % 28,
        row % 60,
        row % 60,
        row as f64 / 2.0,
        ["red", "green"][row % 2],
    )
}

/// Every fixture of a format.
const FIXTURES: [(&str, &[&str]); 3] = [
    ("parquet", &["none.parquet", "snappy.parquet", "gzip.parquet", "zstd.parquet", "lz4.parquet", "brotli.parquet"]),
    ("arrow", &["none.arrow", "lz4.arrow", "zstd.arrow", "none.arrows", "lz4.arrows", "zstd.arrows"]),
    ("avro", &["null.avro", "deflate.avro", "snappy.avro", "zstandard.avro"]),
];

#[test]
fn what_other_tools_wrote_is_read_whatever_packs_it() {
    let rows: Vec<String> = (0..100).map(expected).collect();
    for (format, names) in FIXTURES {
        for name in names {
            for source in [Slow(fixture(name), u32::MAX), Slow(fixture(name), 700)] {
                let outcome = read(&all(format), source);
                assert_eq!((&outcome.failure, &outcome.rejects), (&None, &vec![]), "{name}");
                assert_eq!(outcome.rows, rows, "{name}");
            }
        }
    }
}

#[test]
fn a_value_that_does_not_fit_rejects_its_row_and_says_what_it_was() {
    for (format, names) in FIXTURES {
        let config = json!({ "format": format, "batch_rows": 7, "columns": [
            { "name": "small", "type": "uint8" },
            { "name": "maybe", "type": "int8", "nullable": false },
        ]});
        let outcome = read(&config, fixture(names[0]));
        assert_eq!(outcome.failure, None);
        // -50 to -1 are no uint8; of the others, every third is null.
        assert_eq!(outcome.rows.len(), 33);
        assert_eq!(outcome.rows[0], "51: 0|50");
        assert_eq!(outcome.rejects.len(), 67);
        assert_eq!(outcome.rejects[1], "2: column `small`: `-49` is not a uint8");
        assert_eq!(outcome.raw[1], r#"{"small":-49,"maybe":1}"#);
        assert_eq!(outcome.rejects[50], "52: column `maybe`: null, and it is not nullable");
        assert_eq!(outcome.raw[50], r#"{"small":1,"maybe":null}"#);
        assert!(outcome.batches.iter().all(|rows| *rows <= 7));
    }
}

#[test]
fn an_object_without_the_columns_is_refused() {
    let config = |format: &str, column: Value| json!({ "format": format, "columns": [column] });
    for (format, names) in FIXTURES {
        let failure = read(&config(format, json!({ "name": "ratoi", "type": "float64" })), fixture(names[0])).failure;
        let Some(wasmill_sdk::Failure::Reject(reason)) = failure else { unreachable!("{failure:?}") };
        assert!(reason.starts_with("the object has no column `ratoi`: found `flag`, `small`, `large`"), "{reason}");
        for (name, kind) in
            [("text", "bool"), ("flag", "int8"), ("price", "date"), ("place", "utf8"), ("vector", "float32")]
        {
            let kind = if kind == "bool" {
                json!({ "name": "flag", "from": "small", "type": "bool" })
            } else {
                json!({ "name": name, "type": kind })
            };
            let failure = read(&config(format, kind), fixture(names[0])).failure;
            let Some(wasmill_sdk::Failure::Reject(reason)) = failure else { unreachable!("{name}: {failure:?}") };
            assert!(reason.contains(": the object has ") && reason.contains(", which is never "), "{reason}");
        }
    }
    for (format, reason) in [
        ("arrow", "the Arrow data is damaged or cut off: "),
        ("avro", "the object is no Avro file: its first bytes are not `Obj1`"),
        ("parquet", "the object is no Parquet file, or damaged, or uses what is not supported: "),
    ] {
        let outcome = read(&config(format, json!({ "name": "a", "type": "int8" })), b"a,b\n1,2\n12345678".to_vec());
        let Some(wasmill_sdk::Failure::Reject(said)) = outcome.failure else { unreachable!() };
        assert!(said.starts_with(reason), "{said}");
    }
}

#[test]
fn a_cut_object_is_refused_and_no_row_is_invented() {
    let rows: Vec<String> = (0..100).map(expected).collect();
    for (format, names) in FIXTURES {
        let whole = fixture(names[0]);
        for part in 1..40 {
            let outcome: Outcome = read(&all(format), whole[..whole.len() * part / 40].to_vec());
            assert!(rows.starts_with(&outcome.rows), "{format} {part}");
            // A stream may end behind any message, and a file's footer is not needed.
            let whole = outcome.rows.len() == 100 || (format == "arrow" && outcome.rows.len().is_multiple_of(40));
            assert!(outcome.failure.is_some() || whole, "{format} {part}");
        }
    }
}

/// Parquet's and Arrow's decoders check much, but assert some, and allocate what they are told to: what is damaged may
/// then be a fault of the sandbox, see `hostile.rs` of the host's tests.
#[test]
fn damaged_avro_is_refused_or_seen_as_other_values() {
    for name in FIXTURES[2].1 {
        let whole = fixture(name);
        for at in (0..whole.len()).step_by(7) {
            let mut object = whole.clone();
            object[at] ^= 0x41;
            read(&all("avro"), object);
        }
    }
}

/// An Avro file of a schema, with blocks as they are given.
fn avro(schema: &str, blocks: &[(u8, &[u8])]) -> Vec<u8> {
    let mut file = b"Obj\x01\x02\x16avro.schema".to_vec();
    let mut len = 2 * schema.len();
    while len >= 0x80 {
        file.push(len as u8 | 0x80);
        len >>= 7;
    }
    file.push(len as u8);
    file.extend(schema.as_bytes());
    file.extend([0; 17]);
    for (rows, data) in blocks {
        assert!(data.len() < 64);
        file.extend([rows * 2, data.len() as u8 * 2]);
        file.extend(*data);
        file.extend([0; 16]);
    }
    file
}

#[test]
fn avro_costs_what_the_object_is_long() {
    let config = json!({ "format": "avro", "columns": [{ "name": "v", "type": "int32" }] });
    let link =
        r#"{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","L"]}]}"#;
    let outcome = read(&config, avro(link, &[(1, &[6, 2, 8, 0])]));
    assert_eq!((outcome.rows, outcome.failure), (vec!["1: 3".to_owned()], None));
    let deep: Vec<u8> = [2, 2].repeat(30);
    let outcome = read(&config, avro(link, &[(1, &deep[..60])]));
    assert_eq!(outcome.failure, rejected("the Avro file is damaged: record 1: it ends before it is complete"));

    let nulls = r#"{"type":"record","name":"N","fields":[{"name":"v","type":"null"}]}"#;
    let outcome = read(&config, avro(nulls, &[(60, &[])]));
    assert_eq!(outcome.failure, rejected("the Avro file has records without any data"));

    let list = r#"{"type":"record","name":"A","fields":[{"name":"a","type":{"type":"array","items":"null"}},{"name":"v","type":"int"}]}"#;
    let many = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    let outcome = read(&config, avro(list, &[(1, &many)]));
    assert_eq!(outcome.failure, rejected("the Avro file is damaged: record 1: there are items without any data"));

    let mut long = avro(link, &[]);
    long.extend([2, 0xfe, 0xff, 0xff, 0xff, 0x0f]);
    let outcome = read(&config, long);
    assert_eq!(
        outcome.failure,
        rejected("the Avro file has a block of more than 67108864 bytes: write it with smaller ones")
    );
}

#[test]
fn parquet_names_may_have_dots_and_old_times_are_not_cut() {
    let config = json!({ "format": "parquet", "columns": [
        { "name": "name", "from": r"user\.name", "type": "utf8" },
        { "name": "user.name", "type": "utf8" },
        { "name": "until", "type": "timestamp" },
    ]});
    let outcome = read(&config, fixture("odd.parquet"));
    assert_eq!(outcome.failure, None);
    assert_eq!(outcome.rows, ["1: x|x|9999-12-31 00:00:00", "2: y|y|1500-01-01 12:00:00"]);
}

#[test]
fn avro_types_that_are_used_again_and_again_cost_little() {
    let mut types = vec![
        r#"{"name":"v","type":"int"}"#.to_owned(),
        r#"{"name":"r0","type":{"type":"record","name":"R0","fields":[]}}"#.to_owned(),
    ];
    for number in 1..60 {
        let before = number - 1;
        types.push(format!(
            r#"{{"name":"r{number}","type":{{"type":"record","name":"R{number}","fields":[{{"name":"a","type":"R{before}"}},{{"name":"b","type":"R{before}"}}]}}}}"#
        ));
    }
    let schema = format!(r#"{{"type":"record","name":"T","fields":[{}]}}"#, types.join(","));
    let config = json!({ "format": "avro", "columns": [{ "name": "v", "type": "int32" }] });
    let outcome = read(&config, avro(&schema, &[(1, &[2])]));
    assert_eq!(outcome.failure, rejected("the Avro file is damaged: record 1: it has more values than data"));
    assert!(crate::infer::infer(Box::new(avro(&schema, &[(1, &[2])]))).is_ok());
}

#[test]
fn values_of_a_union_that_do_not_fit_reject_their_row() {
    let schema = r#"{"type":"record","name":"T","fields":[{"name":"v","type":["string",{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}]}]}"#;
    let config = json!({ "format": "avro", "columns": [{ "name": "v", "type": "utf8" }] });
    let outcome = read(&config, avro(schema, &[(2, &[0, 2, b'x', 2, 4])]));
    assert_eq!(outcome.rows, ["1: x"]);
    assert_eq!(outcome.rejects, ["2: column `v`: `a value with parts` is not text"]);
}

/// An Arrow stream of one column `v`.
fn arrow(values: arrow_array::ArrayRef) -> Vec<u8> {
    let batch = arrow_array::RecordBatch::try_from_iter([("v", values)]).unwrap();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn values_at_the_edges_are_exact_or_reject_their_row() {
    use std::sync::Arc;

    use arrow_array::{
        BinaryArray, Date32Array, Date64Array, Float64Array, TimestampNanosecondArray, TimestampSecondArray,
    };
    let column = |kind: &str| json!({ "format": "arrow", "columns": [{ "name": "v", "type": kind }] });
    let cases: [(&str, arrow_array::ArrayRef, &[&str], &[&str]); 6] = [
        ("timestamp", Arc::new(TimestampNanosecondArray::from(vec![-1])), &["1: 1969-12-31 23:59:59.999999"], &[]),
        ("date", Arc::new(Date64Array::from(vec![-1])), &["1: 1969-12-31"], &[]),
        (
            "timestamp",
            Arc::new(Date32Array::from(vec![213_503_983, 0])),
            &["2: 1970-01-01 00:00:00"],
            &["1: column `v`: `day 213503983` is not a timestamp"],
        ),
        ("float32", Arc::new(Float64Array::from(vec![1e300, f64::INFINITY])), &["2: inf"], &["1: column `v`: `1"]),
        (
            "utf8",
            Arc::new(BinaryArray::from_opt_vec(vec![Some(b"x"), Some(b"\xff"), None])),
            &["1: x", "3: ~"],
            &["2: column `v`: `a value that is not text, or out of bounds` is not text"],
        ),
        (
            "timestamp",
            Arc::new(TimestampSecondArray::from(vec![i64::MAX, 0])),
            &["2: 1970-01-01 00:00:00"],
            &["1: column `v`: `a value that is not text, or out of bounds` is not a timestamp"],
        ),
    ];
    for (kind, values, rows, rejects) in cases {
        let outcome = read(&column(kind), arrow(values));
        assert_eq!((outcome.rows, outcome.failure), (rows.iter().map(|row| (*row).to_owned()).collect(), None));
        assert_eq!(outcome.rejects.len(), rejects.len());
        assert!(
            outcome.rejects.iter().zip(rejects).all(|(said, start)| said.starts_with(start)),
            "{:?}",
            outcome.rejects
        );
    }
    let outcome = read(&column("utf8"), arrow(Arc::new(arrow_array::NullArray::new(50_000_000))));
    assert_eq!(outcome.failure, rejected("there are 50000000 rows from 1 on without data"));
}

#[test]
fn options_of_text_have_no_meaning() {
    for (format, key, value) in [
        ("parquet", "compression", json!("gzip")),
        ("parquet", "members", json!("*")),
        ("arrow", "encoding", json!("latin1")),
        ("avro", "delimiter", json!(";")),
        ("avro", "records", json!("a")),
        ("csv", "explode", json!("a")),
        ("jsonl", "records", json!("a")),
    ] {
        let config = with(super::two(format), json!({ key: value }));
        let said = super::configure(&config).err();
        assert_eq!(said, Some(format!("`{key}` has no meaning for {format}: leave it out")));
    }
}
