//! What the fuzz targets share: a function reads an object, in one piece and in small ones.

use serde_json::{Value, json};
use wasmill_ingest::Function;
use wasmill_sdk::{Context, Failure, Ingest, Source};

/// A source that gives at most so many bytes at a time.
struct Pieces(Vec<u8>, u32);

impl Source for Pieces {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
        self.0.read(offset, len.min(self.1))
    }
}

/// Reads an object by a configuration, whole and in pieces of `piece` bytes. However it is read, the same must come of
/// it, and nothing may panic. Of what is packed and damaged, only that it is refused: how many rows come before the damage,
/// and what else may be found fault with in them, is as the bytes come.
pub fn check(config: &Value, object: &[u8], piece: u8) {
    let (whole, whole_end) = read(config, Pieces(object.to_vec(), u32::MAX));
    let (pieces, pieces_end) = read(config, Pieces(object.to_vec(), u32::from(piece).max(1)));
    assert_eq!(whole_end.is_some(), pieces_end.is_some(), "{whole_end:?} {pieces_end:?}");
    let damaged = |end: &Option<String>| end.as_ref().is_some_and(|end| end.contains(" data ") || end.contains("archive"));
    if !(damaged(&whole_end) || damaged(&pieces_end)) {
        assert_eq!((whole, whole_end), (pieces, pieces_end));
    }
}

/// What came of an object: its batches, shown, and how it ended (but for how far it was read by then).
fn read(config: &Value, source: Pieces) -> (Vec<String>, Option<String>) {
    let ended = |failure: Failure| failure.to_string().split(" before byte ").next().unwrap_or_default().to_owned();
    let config = config.to_string();
    let function = Function::configure(wasmill_sdk::config::parse(&config).expect("a configuration"))
        .expect("a configuration that fits");
    let context = Context { event_id: "fuzz".to_owned(), event_time: 0, attempt: 1 };
    let mut batches = Vec::new();
    let mut decoder = match function.open(&context, Box::new(source)) {
        Ok(decoder) => decoder,
        Err(failure) => return (batches, Some(ended(failure))),
    };
    loop {
        match decoder.next() {
            Ok(None) => return (batches, None),
            Err(failure) => return (batches, Some(ended(failure))),
            Ok(Some(output)) => {
                let rows = output.batch.num_rows() + output.rejects.len();
                assert!(rows > 0, "an empty batch");
                batches.push(format!("{:?} {:?}", output.batch, output.rejects.finish().expect("rejects")));
            }
        }
    }
}

/// Columns of every type, of the names `a` to `k`.
pub fn columns() -> Value {
    json!([
        { "name": "a", "type": "int32" },
        { "name": "b", "type": "utf8", "nullable": false },
        { "name": "c", "type": "timestamp", "timezone": "Europe/Berlin" },
        { "name": "d", "type": "decimal", "precision": 12, "scale": 2 },
        { "name": "e", "type": "float64" },
        { "name": "f", "type": "bool" },
        { "name": "g", "type": "date" },
        { "name": "h", "type": "json" },
        { "name": "i", "type": "float32", "length": 2 },
        { "name": "j", "from": "r.x", "type": "uint64" },
        { "name": "k", "type": "timestamp", "format": "unix_ms" },
    ])
}
