//! `avro`, the columns of the tests' fixtures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use wasmill_ingest_fuzz::check;

fuzz_target!(|data: &[u8]| {
    let Some(([piece], object)) = data.split_first_chunk() else { return };
    let config = json!({
        "format": "avro",
        "compression": "none",
        "archive": "none",
        "batch_rows": 3,
        "columns": [
            { "name": "small", "type": "int8" },
            { "name": "price", "type": "decimal", "precision": 10, "scale": 3 },
            { "name": "clock", "type": "timestamp", "timezone": "Europe/Berlin" },
            { "name": "text", "type": "utf8" },
            { "name": "code", "from": "place.zone.code", "type": "uint16" },
            { "name": "vector", "type": "float32", "length": 3 },
            { "name": "kind", "type": "utf8" },
        ],
    });
    check(&config, object, *piece);
});
