use serde_json::json;

use super::{Outcome, read, read_parts, two, with};

/// Reads an object in parts of every size: it must come to the same as the whole. How many parts there were at most.
fn in_parts(config: &serde_json::Value, object: &str) -> usize {
    let whole = read(config, object.as_bytes().to_vec());
    let mut most = 0;
    for size in 1..object.len() as u64 + 2 {
        let parts = read_parts(config, object.as_bytes(), size).unwrap();
        most = most.max(parts.batches.len());
        assert_eq!(Outcome { batches: whole.batches.clone(), ..parts }, whole, "parts of {size} bytes");
    }
    most
}

#[test]
fn parts_give_the_rows_of_the_whole_with_their_numbers() {
    for object in [
        "a,b\n1,x\n2,y\n\n3,z",
        "\u{feff}\"a\",b\n1,x\n2,y\n",
        "a,b\r\n1,x\r\n2,\"several\r\nlines, and \"\"quotes\"\"\"\r\n3,z\r\n",
        "b,a\nx,1\n\"a quote that is\nnot closed,2\n3,4\n",
        "a,b\n1,5\" disk\n2,\"3\" disk\n4,x\"\n5,y\n",
        "a,b\n1,too,many\nbad,x\n3,y\n",
        "a,b\r1,x\r2,y\n3,z\r\n4,\r\r\n5,\n",
    ] {
        in_parts(&two("csv"), object);
    }
    let most = in_parts(&two("csv"), "a,b\n1,x\n2,y\n3,z\n");
    assert_eq!(most, 3, "each row is a part of its own");
    let object = "# \"not\na,b\n# a,\"\n1,x\n#,\n2,\"\\\"#\n\"\n#\n3,y";
    in_parts(&with(two("csv"), json!({ "comment": "#", "escape": "\\" })), object);
    in_parts(&with(two("csv"), json!({ "quote": "none", "header": false })), "1,\"\n2,\"\n3,y\"\n");
    in_parts(&two("jsonl"), "{\"a\":1}\n\n{\"a\":2,\"b\":\"\\n\"}\r\n\r{\"a\":\n3}\n{\"b\":\"\\\"\"}");
}

#[test]
fn what_must_be_read_from_its_beginning_has_no_parts() {
    let parts = |config: &serde_json::Value, object: &[u8]| read_parts(config, object, 4).is_some();
    let csv = two("csv");
    assert!(parts(&csv, b"a,b\n1,x\n"));
    for object in [
        &b"\x1f\x8b\x08"[..],
        b"\x28\xb5\x2f\xfd",
        b"PK\x03\x04",
        b"\xff\xfea\0,\0b\0",
        b"a\0,\0b\0\n\0",
        b"",
        b"a,c\n",
    ] {
        assert!(!parts(&csv, object), "{object:?}");
    }
    for more in [json!({ "encoding": "latin1" }), json!({ "archive": "zip" }), json!({ "compression": "gzip" })] {
        assert!(!parts(&with(csv.clone(), more), b"a,b\n1,x\n"));
    }
    assert!(!parts(&two("json"), b"[{\"a\":1}]"));
    let columns = json!([{ "name": "a", "from": "l", "type": "int32" }]);
    assert!(!parts(&json!({ "format": "jsonl", "explode": "l", "columns": columns }), b"{\"l\":[1]}\n"));
}
