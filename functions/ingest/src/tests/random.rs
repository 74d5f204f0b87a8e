use serde_json::json;

use super::{Outcome, Slow, read, read_parts, two, with};

/// A small generator with a fixed beginning, so that a failure comes again: xorshift64* (Vigna 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    /// Bytes of which most mean something.
    fn object(&mut self, alphabet: &[&[u8]]) -> Vec<u8> {
        let len = self.below(60);
        (0..len).flat_map(|_| alphabet[self.below(alphabet.len() as u64) as usize].to_vec()).collect()
    }
}

#[test]
fn arbitrary_separated_values_never_panic_and_all_is_accounted_for() {
    let alphabet: [&[u8]; 14] =
        [b",", b",", b"\"", b"\n", b"\n", b"\r", b"\r\n", b"1", b"2", b"x", b"#", b"\\", b"\0", b"\xff"];
    let mut random = Random(1);
    for round in 0..3_000 {
        let object = random.object(&alphabet);
        let options = json!({
            "encoding": "utf-8",
            "header": round % 5 == 0,
            "comment": if round % 3 == 0 { "#" } else { "none" },
            "escape": if round % 2 == 0 { "\\" } else { "none" },
            "quote": if round % 7 == 0 { "none" } else { "\"" },
            "max_row_bytes": 1 + random.below(40),
            "batch_rows": 1 + random.below(4),
        });
        let config = with(two("csv"), options);
        let outcome = read(&config, object.clone());
        assert_eq!(read(&config, Slow(object.clone(), 1)), outcome, "{object:?} {config}");
        let parts = read_parts(&config, &object, 1 + random.below(12));
        // Only batches are others.
        let parts = parts.map(|parts| Outcome { batches: outcome.batches.clone(), ..parts });
        assert!(parts.is_none_or(|parts| parts == outcome), "{object:?} {config}");
        let records = outcome.rows.len() + outcome.rejects.len();
        assert_eq!(outcome.batches.iter().sum::<usize>(), records);
        if config["quote"] == "none" && config["comment"] == "none" && config["header"] == false {
            let lines = object.split(|byte| b"\r\n".contains(byte)).filter(|line| !line.is_empty()).count();
            assert_eq!(records, lines, "{object:?}");
        }
    }
}

#[test]
fn a_record_is_the_same_with_quotes_or_without() {
    let alphabet: [&[u8]; 5] = [b",", b"\n", b"\r\n", b"1", b"x"];
    let mut random = Random(2);
    let config = with(two("csv"), json!({ "header": false }));
    for _ in 0..2_000 {
        let object = random.object(&alphabet);
        let quoted: Vec<Vec<u8>> = object
            .split(|byte| *byte == b'\n')
            .map(|line| {
                let (line, end) = match line {
                    [line @ .., b'\r'] => (line, &b"\r"[..]),
                    line => (line, &b""[..]),
                };
                let fields: Vec<Vec<u8>> = line.split(|b| *b == b',').map(|f| [b"\"", f, b"\""].concat()).collect();
                if line.is_empty() { end.to_vec() } else { [&fields.join(&b","[..]), end].concat() }
            })
            .collect();
        let (plain, quoted) = (read(&config, object), read(&config, quoted.join(&b"\n"[..])));
        assert_eq!((plain.rows, plain.rejects), (quoted.rows, quoted.rejects));
    }
}

#[test]
fn arbitrary_json_lines_never_panic_and_all_is_accounted_for() {
    let alphabet: [&[u8]; 14] = [
        b"{\"a\":1}",
        b"{\"b\":\"x\"}",
        b"\n",
        b"\n",
        b"{",
        b"}",
        b"\"a\"",
        b":",
        b"1",
        b"\"",
        b",",
        b"\\u12",
        b"\xff",
        b"[",
    ];
    let mut random = Random(3);
    for _ in 0..3_000 {
        let object = random.object(&alphabet);
        let config = with(two("jsonl"), json!({ "max_row_bytes": 1 + random.below(60) }));
        let outcome = read(&config, object.clone());
        assert_eq!(read(&config, Slow(object.clone(), 1)), outcome, "{object:?}");
        let lines = object.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        assert_eq!(outcome.rows.len() + outcome.rejects.len(), lines);
    }
}

#[test]
fn arbitrary_bytes_behind_a_magic_number_never_panic() {
    let mut random = Random(4);
    let magic: [&[u8]; 4] = [b"", b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\x24\x20"];
    for round in 0..3_000 {
        let mut object = magic[round % 4].to_vec();
        object.extend((0..random.below(200)).map(|_| random.below(256) as u8));
        read(&with(two("csv"), json!({ "header": false })), object);
    }
}
