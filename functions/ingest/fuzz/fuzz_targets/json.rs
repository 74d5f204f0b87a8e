//! `json` and `jsonl`: the first three bytes choose the options.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use wasmill_ingest_fuzz::{check, columns};

fuzz_target!(|data: &[u8]| {
    let Some(([options, size, piece], object)) = data.split_first_chunk() else { return };
    let set = |bit: u8| options & (1 << bit) != 0;
    let config = json!({
        "format": if set(0) { "jsonl" } else { "json" },
        "compression": "none",
        "archive": "none",
        "encoding": "utf-8",
        "records": if set(1) && !set(0) { json!("r.q") } else { Value::Null },
        "explode": if set(2) { json!("r") } else { Value::Null },
        "max_row_bytes": 1 + usize::from(*size),
        "batch_rows": 3,
        "columns": columns(),
    });
    check(&config, object, *piece);
});
