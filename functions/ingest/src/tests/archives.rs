use std::cell::Cell;
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use wasmill_sdk::{Failure, Source};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::packed::Failing;
use super::{Outcome, Slow, read, rejected, two, with};

const FILES: [(&str, &str); 5] = [
    ("2026/", ""),
    ("2026/one.csv", "a,b\n1,x\n2,y\n"),
    ("__MACOSX/2026/._one.csv", "\0\0"),
    ("2026/two.csv", "b,a\nz,3\nz,x\n"),
    ("readme.txt", "no rows"),
];

fn zip(files: &[(&str, &str)], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default().compression_method(method);
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_entry_type(if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
        builder.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn of_csv(object: Vec<u8>) -> Outcome {
    let config = with(two("csv"), json!({ "members": "*.csv" }));
    let outcome = read(&config, object.clone());
    assert_eq!(read(&config, Slow(object, 3)), outcome);
    outcome
}

#[test]
fn members_are_read_one_after_another_and_lines_are_numbered_on() {
    let long = format!("2026/{}.csv", "long".repeat(60));
    let mut files = FILES.to_vec();
    files.push((&long, "a,b\n4,w\n"));
    let stored = zip::CompressionMethod::Stored;
    let deflated = zip::CompressionMethod::Deflated;
    for object in [zip(&files, stored), zip(&files, deflated), tar(&files), gzip(&tar(&files))] {
        let outcome = of_csv(object);
        assert_eq!(outcome.failure, None);
        assert_eq!(outcome.rows, ["2: 1|x", "3: 2|y", "5: 3|z", "8: 4|w"]);
        assert_eq!(outcome.rejects, ["6: 2026/two.csv, line 3: column `a`: `x` is not an int32"]);
        assert_eq!(outcome.batches, [5]);
    }
}

#[test]
fn packed_members_are_unpacked() {
    let packed = gzip(b"a,b\n1,x\n");
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(packed.len() as u64);
    builder.append_data(&mut header, "one.csv.gz", packed.as_slice()).unwrap();
    assert_eq!(read(&two("csv"), builder.into_inner().unwrap()).rows, ["2: 1|x"]);
}

#[test]
fn an_archive_is_refused_as_a_whole_with_the_member_that_is_to_blame() {
    let bad = [("one.csv", "a,b\n1,x\n"), ("two.csv", "a,c\n1,x\n")];
    for object in [zip(&bad, zip::CompressionMethod::Deflated), tar(&bad)] {
        let outcome = of_csv(object);
        assert_eq!(outcome.rows, ["2: 1|x"]);
        let reason = "in the member `two.csv`: the header has no `b`: found `a`, `c`, expected `a`, `b`; hint: `from` names the header of a column";
        assert_eq!(outcome.failure, rejected(reason));
    }
    let none = [("one.txt", "")];
    for object in [zip(&none, zip::CompressionMethod::Stored), tar(&none)] {
        let reason = "none of the 1 members of the archive is like `*.csv`; hint: members = \"*\"";
        assert_eq!(of_csv(object).failure, rejected(reason));
    }
}

#[test]
fn cut_and_damaged_archives_are_refused() {
    let content: String = (0..5_000).map(|row: u32| format!("{row},{:x}\n", row.wrapping_mul(2_654_435_761))).collect();
    let files = [("one.csv", content.as_str()), ("two.csv", content.as_str())];
    let config = with(two("csv"), json!({ "header": false }));
    for object in
        [zip(&files, zip::CompressionMethod::Deflated), zip(&files, zip::CompressionMethod::Stored), tar(&files)]
    {
        let cut = read(&config, object[..object.len() * 2 / 3].to_vec());
        assert!(matches!(cut.failure, Some(Failure::Reject(_))), "{:?}", cut.failure);
    }
    let mut object = zip(&files, zip::CompressionMethod::Stored);
    let at = object.windows(6).position(|bytes| bytes == b"\n1000,").unwrap();
    object[at + 1] = b'7';
    let outcome = read(&config, object);
    assert_eq!(outcome.rows.len(), 5_000, "the checksum is at the end of the first member");
    let Some(Failure::Reject(reason)) = outcome.failure else { unreachable!() };
    assert!(reason.contains("a member is not of the length or checksum that it says"), "{reason}");
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    // 70 MB; unpacked a part at a time, so that making it is quick.
    let part = gzip("#".repeat(1_000_000).as_bytes());
    let bomb = part.repeat(70);
    let config = with(two("csv"), json!({ "header": false, "comment": "#" }));
    let limit =
        format!("the object unpacks to more than 200 times its {} bytes; hint: max_expansion = 400", bomb.len());
    assert_eq!(read(&config, bomb).failure, rejected(&limit));
    let many: Vec<(&str, &str)> = ["a", "b", "c"].map(|name| (name, "a,b\n")).to_vec();
    let config = with(two("csv"), json!({ "max_members": 2 }));
    for object in [zip(&many, zip::CompressionMethod::Stored), tar(&many)] {
        let reason = "the archive has more than 2 members; hint: max_members = 4";
        assert_eq!(read(&config, object).failure, rejected(reason));
    }
}

#[test]
fn a_declaration_is_kept() {
    for (archive, object, reason) in [
        ("zip", b"a,b\n".to_vec(), "the object is no zip archive: its first bytes are not; hint: archive = \"auto\""),
        (
            "none",
            zip(&FILES, zip::CompressionMethod::Stored),
            "the object is a zip archive, not text in UTF-8; hint: archive = \"auto\", once",
        ),
    ] {
        assert_eq!(read(&with(two("csv"), json!({ "archive": archive })), object).failure, rejected(reason));
    }
    let outcome = read(&with(two("csv"), json!({ "archive": "tar" })), b"a,b\n".to_vec());
    assert!(matches!(outcome.failure, Some(Failure::Reject(_))), "{:?}", outcome.failure);
}

#[test]
fn a_failure_of_the_source_stays_what_it_is() {
    for object in [zip(&FILES, zip::CompressionMethod::Deflated), tar(&FILES)] {
        for at in (0..object.len() as u64 - 9).step_by(7) {
            let outcome = read(&with(two("csv"), json!({ "members": "*.csv" })), Failing(object.clone(), at));
            assert_eq!(outcome.failure, Some(Failure::Retry("the store is away".into())), "{at}");
        }
    }
}

/// A source of which one read fails.
struct FailsOnce(Vec<u8>, Cell<u32>);

impl Source for FailsOnce {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        let left = self.1.get();
        self.1.set(left.wrapping_sub(1));
        if left == 0 { Err(Failure::Retry("the store is away".into())) } else { self.0.read(offset, len.min(9)) }
    }
}

#[test]
fn a_source_that_fails_once_is_not_taken_for_a_shorter_archive() {
    let config = with(two("csv"), json!({ "members": "*.csv" }));
    for object in [zip(&FILES, zip::CompressionMethod::Deflated), tar(&FILES)] {
        let whole = read(&config, object.clone());
        let (mut failed, mut at) = (0, 0);
        loop {
            let outcome = read(&config, FailsOnce(object.clone(), Cell::new(at)));
            if outcome == whole {
                break;
            }
            assert_eq!(outcome.failure, Some(Failure::Retry("the store is away".into())), "read {at}");
            (failed, at) = (failed + 1, at + 1);
        }
        assert!(failed > 20, "{failed} reads");
    }
}

#[test]
fn what_is_behind_the_members_is_checked_too() {
    // Packed without compression, so that changed bytes are only seen by the checksum at the end.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&tar(&[("a.csv", "a,b\n1,x\n")])).unwrap();
    let mut object = encoder.finish().unwrap();
    let at = object.windows(3).position(|bytes| bytes == b"1,x").unwrap();
    object[at] = b'7';
    let Some(Failure::Reject(reason)) = read(&two("csv"), object).failure else { unreachable!() };
    assert!(reason.contains("the gzip data is damaged"), "{reason}");

    // Two members of a block each; cut behind the first.
    let object = tar(&[("a.csv", "a,b\n1,x\n"), ("b.csv", "a,b\n2,y\n")]);
    let outcome = read(&two("csv"), object[..1024].to_vec());
    assert_eq!(outcome.rows, ["2: 1|x"]);
    assert!(matches!(outcome.failure, Some(Failure::Reject(_))), "{:?}", outcome.failure);
}

#[test]
fn a_zip_archive_needs_its_directory_and_names_that_differ() {
    let object = zip(&FILES, zip::CompressionMethod::Stored);
    let reason = "the zip archive has no directory at its end: was the object cut off?";
    assert_eq!(read(&two("csv"), object[..object.len() - 30].to_vec()).failure, rejected(reason));

    // The second member, with another name of the same length, is given that of the first.
    let mut object = zip(&[("one.csv", "a,b\n"), ("two.csv", "a,b\n")], zip::CompressionMethod::Stored);
    while let Some(at) = object.windows(3).position(|bytes| bytes == b"two") {
        object[at..at + 3].copy_from_slice(b"one");
    }
    let reason = "the zip archive has several members of one name: rename them, or pack them as tar";
    assert_eq!(read(&two("csv"), object).failure, rejected(reason));
}
