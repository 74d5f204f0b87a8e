//! Text in the encodings of the WHATWG's list that differ most.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use wasmill_ingest_fuzz::check;

const ENCODINGS: [&str; 8] =
    ["auto", "utf-16le", "utf-16be", "latin1", "shift_jis", "gb18030", "iso-2022-jp", "big5"];

fuzz_target!(|data: &[u8]| {
    let Some(([encoding, piece], object)) = data.split_first_chunk() else { return };
    let config = json!({
        "format": "csv",
        "compression": "none",
        "archive": "none",
        "encoding": ENCODINGS[usize::from(*encoding) % ENCODINGS.len()],
        "header": false,
        "columns": [{ "name": "a", "type": "utf8" }],
    });
    check(&config, object, *piece);
});
