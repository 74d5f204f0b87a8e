//! What the fuzz targets share: a function reads an object, in one piece and in small ones.

use arrow_array::RecordBatch;
use serde_json::{Value, json};
use wasmill_ingest::Function;
use wasmill_sdk::{Context, Decoder, Failure, Ingest, Output, Source};

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
    let shown = |batches: &[Output]| batches.iter().map(|output| format!("{output:?}")).collect::<Vec<_>>();
    assert_eq!(whole_end.is_some(), pieces_end.is_some(), "{whole_end:?} {pieces_end:?}");
    let damaged = |end: &Option<String>| end.as_ref().is_some_and(|end| end.contains(" data ") || end.contains("archive"));
    if !(damaged(&whole_end) || damaged(&pieces_end)) {
        assert_eq!((shown(&whole), &whole_end), (shown(&pieces), &pieces_end));
    }
    if let Some((parts, parts_end)) = read_parts(config, object, u64::from(piece)) {
        // Batches may be others.
        assert_eq!((apart(whole), whole_end), (apart(parts), parts_end), "in parts");
    }
}

/// All rows, and all rejects, of whatever batch.
fn apart(batches: Vec<Output>) -> (Vec<String>, Vec<String>) {
    let show = |rows: RecordBatch| (0..rows.num_rows()).map(move |row| format!("{:?}", rows.slice(row, 1)));
    let (rows, rejects): (Vec<_>, Vec<_>) =
        batches.into_iter().map(|output| (output.batch, output.rejects.finish().expect("rejects"))).unzip();
    (rows.into_iter().flat_map(show).collect(), rejects.into_iter().flat_map(show).collect())
}

/// What came of an object: its batches, and how it ended (but for how far it was read by then).
fn read(config: &Value, source: Pieces) -> (Vec<Output>, Option<String>) {
    let function = function(config);
    let mut batches = Vec::new();
    let end = match function.open(&context(), Box::new(source)) {
        Ok(mut decoder) => read_on(&mut *decoder, &mut batches),
        Err(failure) => Some(ended(&failure)),
    };
    (batches, end)
}

/// The same in parts of `size` bytes, if it has any.
fn read_parts(config: &Value, object: &[u8], size: u64) -> Option<(Vec<Output>, Option<String>)> {
    let function = function(config);
    let mut splitter = function.split(Box::new(object.to_vec()), size).ok()??;
    let mut batches = Vec::new();
    while let Some(part) = splitter.next().expect("a part") {
        let decoder = function.open_part(&context(), Box::new(object.to_vec()), part);
        let end = read_on(&mut *decoder.expect("a part that can be read"), &mut batches);
        if end.is_some() {
            return Some((batches, end));
        }
    }
    Some((batches, None))
}

fn read_on(decoder: &mut dyn Decoder, batches: &mut Vec<Output>) -> Option<String> {
    loop {
        match decoder.next() {
            Ok(None) => return None,
            Err(failure) => return Some(ended(&failure)),
            Ok(Some(output)) => {
                assert!(output.batch.num_rows() + output.rejects.len() > 0, "an empty batch");
                batches.push(output);
            }
        }
    }
}

fn ended(failure: &Failure) -> String {
    failure.to_string().split(" before byte ").next().unwrap_or_default().to_owned()
}

fn function(config: &Value) -> Function {
    let config = wasmill_sdk::config::parse(&config.to_string()).expect("a configuration");
    Function::configure(config).expect("a configuration that fits")
}

fn context() -> Context {
    Context { event_id: "fuzz".to_owned(), event_time: 0, attempt: 1 }
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
