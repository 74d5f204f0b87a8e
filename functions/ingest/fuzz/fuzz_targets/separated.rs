//! `csv` and `tsv`: the first three bytes choose the options.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use wasmill_ingest_fuzz::{check, columns};

fuzz_target!(|data: &[u8]| {
    let Some(([options, size, piece], object)) = data.split_first_chunk() else { return };
    let set = |bit: u8| options & (1 << bit) != 0;
    let config = json!({
        "format": if set(0) { "tsv" } else { "csv" },
        "compression": "none",
        "archive": "none",
        "encoding": "utf-8",
        "header": set(1),
        "quote": if set(2) { "none" } else { "\"" },
        "escape": if set(3) { "\\" } else { "none" },
        "comment": if set(4) { "#" } else { "none" },
        "trim": set(5),
        "max_row_bytes": 1 + usize::from(*size),
        "batch_rows": 3,
        "columns": columns(),
    });
    check(&config, object, *piece);
});
