use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::json;
use wasmill_sdk::{Failure, Source};

use super::{Outcome, Slow, read, rejected, two, with};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

/// Rows that do not pack well, so that their damage is not at the beginning.
fn rows(count: u32) -> String {
    (0..count).map(|row| format!("{row},{:x}\n", row.wrapping_mul(2_654_435_761))).collect()
}

fn headless(object: Vec<u8>) -> Outcome {
    read(&with(two("csv"), json!({ "header": false })), object)
}

#[test]
fn what_is_packed_is_unpacked_also_in_parts() {
    let plain = headless(rows(2000).into_bytes());
    let (first, second) = (rows(2000)[..10_000].to_owned(), rows(2000)[10_000..].to_owned());
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for object in [
        gzip(&rows(2000)),
        [gzip(&first), gzip(""), gzip(&second)].concat(),
        zstd(&rows(2000)),
        [zstd(&first), skippable.clone(), zstd(&second)].concat(),
        [skippable, zstd(&first), zstd(&second)].concat(),
    ] {
        assert_eq!(headless(object.clone()), plain);
        assert_eq!(read(&with(two("csv"), json!({ "header": false })), Slow(object, 1)), plain);
    }
}

#[test]
fn rows_before_the_end_of_a_cut_object_are_given() {
    for (name, object) in [("gzip", gzip(&rows(200_000))), ("zstd", zstd(&rows(200_000)))] {
        for len in [object.len() - 1, object.len() / 2] {
            let outcome = headless(object[..len].to_vec());
            let reason = format!(
                "the {name} data ends at byte {len} of the object before it is complete: was the object cut off?"
            );
            assert_eq!(outcome.failure, rejected(&reason));
            assert!(outcome.rows.len() > 50_000, "{}", outcome.rows.len());
            assert_eq!(outcome.rejects, [""; 0]);
        }
    }
}

#[test]
fn rows_before_damage_near_the_beginning_are_given_too() {
    for (mut object, at) in [(gzip("1,x\n2,y\n"), 5), (zstd("1,x\n2,y\n"), 1)] {
        // The checksum at the end, behind all rows; the whole object is shorter than what is looked at first.
        let last = object.len() - at;
        object[last] ^= 0x55;
        for outcome in [headless(object.clone()), read(&with(two("csv"), json!({ "header": false })), Slow(object, 1))]
        {
            assert_eq!(outcome.rows, ["1: 1|x", "2: 2|y"]);
            assert!(matches!(outcome.failure, Some(Failure::Reject(_))), "{:?}", outcome.failure);
        }
    }
}

#[test]
fn damage_refuses_the_object_and_says_where() {
    for (name, object, garbage) in [
        ("gzip", gzip(&rows(50_000)), b"\x1f\x8b\x08garbage".to_vec()),
        ("zstd", zstd(&rows(50_000)), b"garbage".to_vec()),
    ] {
        let damaged = |at: usize| {
            let mut object = object.clone();
            object[at] ^= 0x55;
            object
        };
        // In the middle, in the last checksum, and behind the end.
        let (middle, end) = (damaged(object.len() / 2), damaged(object.len() - if name == "gzip" { 6 } else { 1 }));
        for object in [middle, end, [object.clone(), garbage].concat()] {
            let Some(Failure::Reject(reason)) = headless(object).failure else { unreachable!("{name}") };
            assert!(reason.starts_with(&format!("the {name} data is damaged before byte ")), "{reason}");
        }
    }
}

#[test]
fn a_declaration_is_kept() {
    for (compression, object, reason) in [
        (
            "gzip",
            b"a,b\n".to_vec(),
            "the object is not packed by gzip: its first bytes are not; hint: compression = \"auto\"",
        ),
        (
            "gzip",
            b"".to_vec(),
            "the object is not packed by gzip: its first bytes are not; hint: compression = \"auto\"",
        ),
        (
            "zstd",
            gzip("a,b\n"),
            "the object is not packed by zstd: its first bytes are not; hint: compression = \"auto\"",
        ),
        ("none", gzip("a,b\n"), "the object is packed by gzip, not text in UTF-8; hint: compression = \"auto\", once"),
    ] {
        let outcome = read(&with(two("csv"), json!({ "compression": compression })), object);
        assert_eq!(outcome.failure, rejected(reason));
    }
}

/// A source that fails at some byte.
pub struct Failing(pub Vec<u8>, pub u64);

impl Source for Failing {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        if offset >= self.1 { Err(Failure::Retry("the store is away".into())) } else { self.0.read(offset, len.min(9)) }
    }
}

#[test]
fn a_failure_of_the_source_stays_what_it_is() {
    for object in [rows(100).into_bytes(), gzip(&rows(100)), zstd(&rows(100))] {
        for at in [0, 3, 50, 200] {
            let config = with(two("csv"), json!({ "header": false, "batch_rows": 3 }));
            let outcome = read(&config, Failing(object.clone(), at));
            assert_eq!(outcome.failure, Some(Failure::Retry("the store is away".into())));
            // Whoever begins anew leaves out as many batches: none may be shorter than it will be then.
            assert!(outcome.batches.iter().all(|rows| *rows == 3), "{:?}", outcome.batches);
        }
    }
}
