//! Rows that go into tables of Delta Lake, as three readers that are not Wasmill's find them. `make test-full` runs this, with
//! the feature `warehouse`.
#![cfg(feature = "warehouse")]

mod common;
#[path = "common/lake.rs"]
mod lake;
#[path = "common/up.rs"]
mod up_folder;

use std::path::Path;

use common::{command, wasmill};
use lake::{each_once, pipeline, python, read, rows, tables, version, write};
use up_folder::{drain, land};

fn run(folder: &Path) -> String {
    let (code, stdout, stderr) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 0, "{stderr}");
    stdout
}

#[test]
fn rows_are_in_the_table_once_however_often_their_object_is_run() {
    let folder = pipeline("");
    let folder = folder.path();
    land(folder, "a.csv", &rows(0, 30_000, "mon"));
    land(folder, "b.csv", &rows(30_000, 10, "tue"));
    assert!(run(folder).contains("table of numbers: 30,000 rows"));
    assert_eq!(read(folder), each_once(30_010));
    let before = version(folder);
    run(folder);
    assert_eq!(drain(folder).0, 0);
    assert_eq!(version(folder), before, "rows were written once more");
    land(folder, "c.csv", &rows(30_010, 5, "tue"));
    assert_eq!(drain(folder).0, 0);
    assert_eq!(read(folder), each_once(30_015));

    // A backfill runs all objects once more, and only what was not written is.
    let (code, _, stderr) = wasmill(folder, &["backfill", "start", "."]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(drain(folder).0, 0);
    assert_eq!(read(folder), each_once(30_015));
}

#[test]
fn a_row_that_was_mended_is_added_when_its_event_is_replayed() {
    let folder = pipeline("");
    let folder = folder.path();
    land(folder, "a.csv", "id,value,day\n0,0,mon\n1,one,mon\n2,2,mon\n");
    assert_eq!(drain(folder).0, 1);
    assert_eq!(read(folder), (2, 2.0, 2));
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let manifest = manifest.replace("type = \"float64\" }", "type = \"float64\", nulls = [\"one\"] }");
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    let (code, _, stderr) = wasmill(folder, &["dead-letters", "replay", ".", "--all"]);
    assert_eq!(code, 0, "{stderr}");
    let (code, said) = drain(folder);
    assert_eq!(code, 0, "{said}");
    assert_eq!(read(folder), (3, 2.0, 3));
}

#[test]
fn what_a_whole_event_comes_to_is_added_once() {
    let folder = pipeline("");
    let folder = folder.path();
    let sums = "[[step]]\nid = \"sums\"\ncomponent = \"transform\"\n[step.config]\nscope = \"object\"
        sql = \"SELECT min(id) AS id, sum(value) AS value, day FROM input GROUP BY day\"\n\n[[sink]]";
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap().replace("[[sink]]", sums);
    std::fs::write(folder.join("pipeline.toml"), &manifest).unwrap();
    land(folder, "a.csv", "id,value,day\n1,1,mon\n2,two,tue\n3,3,wed\n");
    assert_eq!(drain(folder).0, 1);
    assert_eq!(read(folder), (2, 4.0, 2));
    // Of three days, the third is one of a known event.
    std::fs::write(folder.join("pipeline.toml"), manifest.replace("\"float64\" }", "\"float64\", nulls = [\"two\"] }"))
        .unwrap();
    assert_eq!(wasmill(folder, &["dead-letters", "replay", ".", "--all"]).0, 0);
    assert_eq!(drain(folder).0, 0);
    assert_eq!(read(folder), (2, 4.0, 2));
    land(folder, "b.csv", "id,value,day\n4,4,mon\n");
    assert_eq!(drain(folder).0, 0);
    assert_eq!(read(folder), (3, 8.0, 3));
}

#[test]
fn many_small_events_are_committed_together() {
    let folder = pipeline("");
    let folder = folder.path();
    for half in 0..2 {
        for object in 100 * half..100 * half + 100 {
            land(folder, &format!("{object}.csv"), &rows(object * 10, 10, "mon"));
        }
        assert_eq!(drain(folder).0, 0);
    }
    assert_eq!(read(folder), each_once(2_000));
    let table = &tables(folder, &["show", "lake/numbers"])[0];
    assert!((2..100).contains(&table["files"].as_u64().unwrap()), "{table}");

    let optimized = &tables(folder, &["optimize", "lake/numbers"])[0];
    assert_eq!(optimized["added"], 1, "{optimized}");
    assert_eq!(read(folder), each_once(2_000));
    // Those that were put together are kept for their readers.
    assert_eq!(tables(folder, &["vacuum", "lake/numbers", "--dry-run"])[0]["removed"].as_array().unwrap().len(), 0);
}

#[test]
fn many_small_objects_are_run_side_by_side_and_told_of_in_their_order() {
    let folder = pipeline("");
    let folder = folder.path();
    for object in 0..300 {
        let bad = format!("{}bad,0,mon\n", rows(object * 10, 10, "mon"));
        land(folder, &format!("{object:03}.csv"), &bad);
    }
    let (code, stdout, stderr) = wasmill(folder, &["run", "."]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("300 objects: 3,300 rows") && stdout.contains("table of numbers: 3,000 rows"), "{stdout}");
    assert_eq!(read(folder), each_once(3_000));
    let rejects = std::fs::read_to_string(folder.join(".wasmill/rejects.jsonl")).unwrap();
    let events: Vec<&str> = rejects.lines().map(|line| &line[..20]).collect();
    assert!(events.len() == 300 && events.is_sorted(), "{rejects}");
}

#[test]
fn a_merge_keeps_the_newest_row_of_each_key() {
    let folder = pipeline("mode = \"merge\"\nkey = [\"id\"]\nversion = \"day\"");
    let folder = folder.path();
    land(folder, "a.csv", "id,value,day\n1,10,b\n2,20,b\n2,21,c\n3,30,a\n");
    run(folder);
    assert_eq!(read(folder), (3, 61.0, 3));
    // Older, newer, another, and one without a key.
    land(folder, "b.csv", "id,value,day\n1,99,a\n3,31,b\n4,40,a\n,0,a\n");
    let (code, stdout, _) = wasmill(folder, &["run", "."]);
    assert!(code == 1 && stdout.contains("`id` is null, which is of the key of sink `numbers`"), "{stdout}");
    assert_eq!(read(folder), (4, 102.0, 4));
    // What is in it already changes nothing.
    let before = tables(folder, &["history", "lake/numbers"])[0]["metrics"].clone();
    wasmill(folder, &["run", "."]);
    assert_eq!(read(folder), (4, 102.0, 4), "{before}");
    // Many rows take another way, beside the table.
    land(folder, "c.csv", &rows(0, 30_000, "z"));
    wasmill(folder, &["run", "."]);
    assert_eq!(read(folder), each_once(30_000));
    assert_eq!(std::fs::read_dir(folder.join("lake/numbers/_wasmill")).unwrap().count(), 0);
}

#[test]
fn an_event_overwrites_the_partitions_that_its_rows_are_in() {
    let folder = pipeline("mode = \"overwrite\"\npartition_by = [\"day\"]\ncommit_rows = 20000");
    let folder = folder.path();
    land(folder, "a.csv", &(rows(0, 50_000, "mon") + &rows(50_000, 10, "tue").replace("id,value,day\n", "")));
    run(folder);
    assert_eq!(read(folder), each_once(50_010));
    land(folder, "a.csv", "id,value,day\n7,7,mon\n");
    run(folder);
    let tuesday: u64 = (50_000..50_010).sum();
    assert_eq!(read(folder), (11, tuesday as f64 + 7.0, 11));
}

#[test]
fn other_columns_are_refused_with_what_differs_or_added() {
    let folder = pipeline("");
    let folder = folder.path();
    land(folder, "a.csv", &rows(0, 3, "mon"));
    run(folder);
    let other = |columns: &str| {
        let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
        let manifest = manifest.replace("{ name = \"day\", type = \"utf8\" },", columns);
        std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    };
    other("{ name = \"day\", type = \"date\" }, { name = \"more\", type = \"bool\" },");
    let (code, _, stderr) = wasmill(folder, &["validate", "."]);
    assert_eq!(code, 2);
    for part in [
        "sink `numbers`: the table at `",
        "~ `day` is Date32, in the table Utf8",
        "+ `more` Boolean is not in the table",
    ] {
        assert!(stderr.contains(part), "{stderr}");
    }
    write(folder, "columns = \"evolve\"");
    other("{ name = \"day\", type = \"utf8\" }, { name = \"more\", type = \"bool\" },");
    land(folder, "b.csv", "id,value,day,more\n3,3,tue,true\n");
    land(folder, "a.csv", "id,value,day,more\n");
    run(folder);
    assert_eq!(read(folder), each_once(4));
    let columns = tables(folder, &["show", "lake/numbers"])[0]["columns"].clone();
    assert_eq!(columns[3], serde_json::json!(["more", "Boolean"]));
    // Rows of before can still come, without the column.
    write(folder, "");
    land(folder, "a.csv", &rows(4, 2, "wed"));
    std::fs::remove_file(folder.join("landing/b.csv")).unwrap();
    run(folder);
    assert_eq!(read(folder), each_once(6));
}

#[test]
fn what_ingest_can_read_can_be_written_and_read_by_all() {
    let folder = pipeline("partition_by = [\"flag\", \"date\"]");
    let folder = folder.path();
    let whole = ["int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"];
    let mut columns: Vec<String> = whole.iter().map(|of| format!("{{ name = \"{of}\", type = \"{of}\" }}")).collect();
    for (name, of) in [
        ("small", "\"float32\""),
        ("decimal", "\"decimal\", precision = 20, scale = 3"),
        ("flag", "\"bool\""),
        ("date", "\"date\""),
        ("json", "\"json\""),
        ("local", "\"timestamp\", format = \"%Y-%m-%d %H:%M:%S%.f\""),
        ("utc", "\"timestamp\", format = \"%Y-%m-%d %H:%M:%S%.f\", timezone = \"Europe/Berlin\""),
    ] {
        columns.push(format!("{{ name = \"{name}\", type = {of} }}"));
    }
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    let naive = "[[step]]\nid = \"naive\"\ncomponent = \"transform\"
        config = { sql = \"SELECT *, arrow_cast(local, 'Timestamp(Microsecond, None)') AS naive FROM input\" }\n\n[[sink]]";
    let manifest = manifest.replace("[[sink]]", naive);
    let manifest = manifest.replace("{ name = \"day\", type = \"utf8\" },", &columns.join(", "));
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    let head = "id,value,int8,int16,int32,uint8,uint16,uint32,uint64,small,decimal,flag,date,json,local,utc";
    let time = "2026-07-01 12:00:00.123456";
    let full = format!(
        "0,0,-128,-32768,-1,255,65535,4294967295,18446744073709551615,0.5,1234.567,true,2026-07-01,\"{{}}\",{time},{time}"
    );
    land(folder, "a.csv", &format!("{head}\n{full}\n1,1,,,,,,,,,,,,,,\n"));
    run(folder);
    assert_eq!(read(folder), each_once(2));
    let shown = "import polars
row = polars.read_delta(sys.argv[1]).filter(polars.col('id') == 0).row(0, named=True)
print(row['uint64'], row['uint32'], row['decimal'], row['flag'], row['date'], row['local'], row['utc'], row['naive'])";
    assert_eq!(
        python(&folder.join("lake/numbers"), shown).trim_end(),
        "18446744073709551615 4294967295 1234.567 True 2026-07-01 2026-07-01 12:00:00.123456+00:00 2026-07-01 10:00:00.123456+00:00 2026-07-01 12:00:00.123456"
    );
}

#[test]
fn rows_that_cannot_be_committed_are_kept_and_make_a_failure() {
    let folder = pipeline("");
    let folder = folder.path();
    land(folder, "a.csv", &rows(0, 3, "mon"));
    run(folder);
    // Somebody else changes what the table takes, between the rows and their commit.
    let log = folder.join("lake/numbers/_delta_log");
    let aside = folder.join("aside");
    land(folder, "b.csv", &rows(3, 2, "mon"));
    let manifest = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
    std::fs::rename(&log, &aside).unwrap();
    std::fs::write(&log, "no folder").unwrap();
    let (code, stdout, stderr) = wasmill(folder, &["run", "."]);
    assert!(
        code == 2 && stdout.contains("table of numbers: 2 rows") && stderr.contains("its rows are in the journal"),
        "{stderr}"
    );
    let (code, said) = drain(folder);
    assert!(code == 1 && said.contains("the next `wasmill up` commits them"), "{code} {said}");
    std::fs::remove_file(&log).unwrap();
    std::fs::rename(&aside, &log).unwrap();
    assert_eq!(tables(folder, &["list", "."])[0]["waiting"], 2);
    std::fs::write(folder.join("pipeline.toml"), manifest).unwrap();
    assert_eq!(drain(folder).0, 0);
    assert_eq!(read(folder), each_once(5));
}

#[test]
fn a_table_is_listed_and_restored() {
    let folder = pipeline("");
    let folder = folder.path();
    assert_eq!(tables(folder, &["list", "."])[0]["table"], serde_json::Value::Null);
    land(folder, "a.csv", &rows(0, 3, "mon"));
    run(folder);
    let first = version(folder);
    land(folder, "b.csv", &rows(3, 3, "mon"));
    run(folder);
    let listed = &tables(folder, &["list", "."])[0];
    assert_eq!(
        (&listed["sink"], &listed["table"]["rows"], &listed["waiting"]),
        (&"numbers".into(), &6.into(), &0.into())
    );
    let history = tables(folder, &["history", "lake/numbers"]);
    assert_eq!(history[0]["version"].as_u64(), Some(first + 1));
    assert_eq!(history.last().unwrap()["operation"], "CREATE TABLE");
    tables(folder, &["restore", "lake/numbers", &first.to_string()]);
    assert_eq!(read(folder), each_once(3));

    let (code, _, stderr) = wasmill(folder, &["tables", "show", "lake/others"]);
    assert!(code == 2 && stderr.contains("there is no table of Delta Lake at `"), "{stderr}");
}

#[test]
fn several_write_one_table_at_once() {
    let folder = pipeline("");
    let folder = folder.path();
    for part in 0..3 {
        let own = folder.join(format!("{part}"));
        std::fs::create_dir_all(own.join("landing")).unwrap();
        let manifest = lake::MANIFEST.replace("SINK", "commit_rows = 10").replace("file:lake", "file:../lake");
        std::fs::write(own.join("pipeline.toml"), manifest.replace("\"numbers\"\n\n", "\"part\"\n\n")).unwrap();
        for object in 0..10 {
            land(&own, &format!("{object}.csv"), &rows(part * 100 + object * 10, 10, "mon"));
        }
    }
    // All begin with the table that is there, or none would be made.
    land(folder, "a.csv", &rows(300, 1, "mon"));
    run(folder);
    let writers: Vec<_> = (0..3)
        .map(|part| {
            command(&folder.join(format!("{part}")), &["up", ".", "--addr", "127.0.0.1:0", "--drain"]).spawn().unwrap()
        })
        .collect();
    let append = "for i in range(301, 311):
    deltalake.write_deltalake(sys.argv[1], pa.table({'id': [i], 'value': [float(i)], 'day': ['mon']}), mode='append')";
    python(&folder.join("lake/numbers"), append);
    for mut writer in writers {
        assert_eq!(writer.wait().unwrap().code(), Some(0));
    }
    assert_eq!(read(folder), each_once(311));
}
