//! Large objects are read in parts by all lanes, and come to the same as when they are read as a whole.

mod common;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use wasmill_runtime::event::Event;
use wasmill_runtime::run::{Progress, RunOptions};

use common::Case;

const MANIFEST: &str = r#"
version = 1
name = "parts"

[stores.landing]
url = "file:."

[stores.lake]
url = "file:lake"

[[step]]
id = "read"
component = "ingest"
[step.config]
format = "csv"
columns = [{ name = "id", type = "int64" }, { name = "text", type = "utf8" }]

[[sink]]
id = "all"
type = "delta"
store = "lake"
path = "all"
"#;

/// Lines of an object of some parts. Every hundredth record has two lines, every thousandth is bad.
const RECORDS: i64 = 600_000;

fn object() -> (String, Vec<(u64, i64)>, Vec<u64>) {
    let (mut text, mut rows, mut rejects, mut line) = ("id,text\n".to_owned(), Vec::new(), Vec::new(), 2);
    for id in 0..RECORDS {
        if id % 1000 == 7 {
            text.push_str("bad,a record that is rejected by its line\n");
            rejects.push(line);
        } else if id % 100 == 0 {
            text.push_str(&format!("{id},\"{id}\nis on two, lines\"\n"));
            rows.push((line, id));
            line += 1;
        } else {
            text.push_str(&format!("{id},{id} is the number of this row\n"));
            rows.push((line, id));
        }
        line += 1;
    }
    (text, rows, rejects)
}

#[test]
fn a_large_object_comes_to_the_same_in_parts() {
    let case = Case::new(MANIFEST);
    let pipeline = case.load().unwrap_or_else(|err| panic!("{err}"));
    let (text, rows, rejects) = object();
    assert!(text.len() > 20 << 20);
    let file = case.folder.path().join("large.csv");
    std::fs::write(&file, text).unwrap();
    let event = Event::of_file(&file).unwrap();
    let mut chunks = Vec::new();
    for (lanes, skip) in [(1, 0), (4, 0), (3, 2), (2, 1_000)] {
        let options = RunOptions { lanes: Some(lanes), skip, ..RunOptions::default() };
        let (mut found, mut bad, mut done) = (Vec::new(), Vec::new(), Vec::new());
        let report = pipeline.run(&event, &options, &Progress::default(), &mut |chunk| {
            done.push(found.len());
            for (_, sunk) in &chunk.sunk {
                let ids = sunk.batch.column(0).as_primitive::<Int64Type>();
                found.extend((0..sunk.len()).map(|row| (sunk.number(row), ids.value(row))));
            }
            bad.extend(chunk.rejects.iter().map(|(_, reject)| reject.row));
            Ok(())
        });
        report.unwrap_or_else(|err| panic!("{err}"));
        match skip {
            0 => {
                assert!(found == rows && bad == rejects, "with {lanes} lanes");
                // Of batches there would be several times as many; the last tells of the end.
                assert!((5..9).contains(&done.len()), "{} parts", done.len());
                chunks = done;
            }
            2 => assert!(found == rows[chunks[2]..], "after the first two parts"),
            _ => assert!(found.is_empty()),
        }
    }
}
