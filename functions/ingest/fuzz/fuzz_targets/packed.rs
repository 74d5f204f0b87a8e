//! gzip, zstd, zip and tar, around `csv`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use wasmill_ingest_fuzz::check;

fuzz_target!(|data: &[u8]| {
    let Some(([options, piece], object)) = data.split_first_chunk() else { return };
    let config = json!({
        "format": "csv",
        "archive": if options & 1 == 0 { "auto" } else { "tar" },
        "header": false,
        "max_members": 100,
        "max_row_bytes": 1000,
        "columns": [{ "name": "a", "type": "utf8" }],
    });
    check(&config, object, *piece);
});
