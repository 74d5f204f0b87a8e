use serde_json::{Value, json};

use super::{Outcome, Slow, read, rejected, two, with};

/// Reads in one block and byte by byte; both must give the same.
fn both(config: &Value, object: &[u8]) -> Outcome {
    let outcome = read(config, object.to_vec());
    for size in [1, 2, 7] {
        assert_eq!(read(config, Slow(object.to_vec(), size)), outcome, "{size} bytes at a time");
    }
    outcome
}

fn check(config: &Value, object: impl AsRef<[u8]>, rows: &[&str], rejects: &[&str]) {
    let outcome = both(config, object.as_ref());
    assert_eq!(
        (outcome.rows.as_slice(), outcome.rejects.as_slice(), outcome.failure),
        (&*owned(rows), &*owned(rejects), None)
    );
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn nasty_but_valid_records_are_rows() {
    for (object, rows) in [
        ("a,b\n1,x\n", &["2: 1|x"][..]),
        ("a,b\n1,x", &["2: 1|x"]),
        ("a,b\r\n1,x\r\n2,y\r\n", &["2: 1|x", "3: 2|y"]),
        ("a,b\r1,x\r2,y", &["2: 1|x", "3: 2|y"]),
        ("\u{feff}a,b\n1,x\n", &["2: 1|x"]),
        ("\u{feff}\"a\",b\n1,x\n", &["2: 1|x"]),
        ("b,extra,a\nx,?,1\n", &["2: 1|x"]),
        ("\n\na,b\n\n\r\n1,x\n\n\n2,y\n\n", &["6: 1|x", "9: 2|y"]),
        ("a,b\n1,\"x, y\"\n", &["2: 1|x, y"]),
        ("a,b\n\"1\",\"say \"\"hi\"\"\"\n", &["2: 1|say \"hi\""]),
        ("a,b\n1,\"one\ntwo\r\nthree\"\n2,y\n", &["2: 1|one\ntwo\r\nthree", "5: 2|y"]),
        ("a,b\n1,\"x\"", &["2: 1|x"]),
        ("a,b\n1,it\"s\n2,\"x\"y\n", &["2: 1|it\"s", "3: 2|xy"]),
        ("a,b\n1,\n,x\n1,\"\"\n", &["2: 1|~", "3: ~|x", "4: 1|~"]),
        ("a,b\n1, x \n", &["2: 1| x "]),
        ("a,b\n1,#x\n", &["2: 1|#x"]),
        ("a,b\n", &[]),
        ("a,b", &[]),
    ] {
        check(&two("csv"), object, rows, &[]);
    }
}

#[test]
fn options_change_the_dialect() {
    for (options, object, rows) in [
        (json!({ "format": "tsv" }), "a\tb\n1\tx,y\n", &["2: 1|x,y"][..]),
        (json!({ "delimiter": ";" }), "a;b\n1;x,y\n", &["2: 1|x,y"]),
        (json!({ "quote": "'" }), "a,b\n1,'x,\"y'\n", &["2: 1|x,\"y"]),
        (json!({ "quote": "none" }), "a,b\n1,\"x\n2,y\"\n", &["2: 1|\"x", "3: 2|y\""]),
        (json!({ "escape": "\\" }), "a,b\n1,\"x\\\",\"\n2,\\y\n", &["2: 1|x\",", "3: 2|\\y"]),
        (json!({ "escape": "\"" }), "a,b\n1,\"x\"\"\"\n", &["2: 1|x\""]),
        (json!({ "comment": "#" }), "# \"q\na,b\n#1,x\n2,#y\n#end", &["4: 2|#y"]),
        (json!({ "header": false }), "1,x\n2,y\n", &["1: 1|x", "2: 2|y"]),
        (json!({ "header": false }), "", &[]),
        (json!({ "trim": true }), " a ,\tb\n 1 ,  \n 2,\" y \"\n", &["2: 1|~", "3: 2|y"]),
        (json!({ "nulls": ["NA", "-"] }), "a,b\nNA,-\n1,\n", &["2: ~|~", "3: 1|"]),
    ] {
        check(&with(two("csv"), options), object, rows, &[]);
    }
}

#[test]
fn a_bad_row_is_rejected_with_its_line_and_reason_and_the_next_goes_on() {
    let cases: [(&[u8], &str); 10] = [
        (b"12x,y", "2: column `a`: `12x` is not an int32"),
        (b"\"1\n2\",y", "2: column `a`: `1\u{fffd}2` is not an int32"),
        (b" 1,y", "2: column `a`: ` 1` is not an int32; hint: trim = true"),
        (b"1", "2: expected 2 fields, found 1"),
        (b"1,y,z", "2: expected 2 fields, found 3"),
        (b"1,\"y\",z", "2: expected 2 fields, found 3"),
        (b"1,x\0y", "2: column `b`: `x\u{fffd}y` holds a NUL byte"),
        (
            b"1,caf\xe9",
            "2: column `b`: `caf\u{fffd}` is not text in the object's encoding; hint: encoding = \"latin1\"",
        ),
        (b"\xff,y", "2: column `a`: `\u{fffd}` is not an int32"),
        (b"99999999999,y", "2: column `a`: `99999999999` is not an int32"),
    ];
    for (row, reject) in cases {
        let object = [b"a,b\n", row, b"\n7,good\n"].concat();
        let line = if row.starts_with(b"\"1\n") { "4: 7|good" } else { "3: 7|good" };
        check(&two("csv"), object, &[line], &[reject]);
    }
    let required = json!({ "format": "csv", "columns": [{ "name": "a", "type": "utf8", "nullable": false }] });
    check(&required, "a,b\n,1\nx,1\n", &["3: x"], &["2: column `a`: null, and it is not nullable"]);
}

#[test]
fn a_reject_keeps_the_row_as_text() {
    let outcome = both(&two("csv"), b"a,b\n\"1\n2\",\"y\"\r\nx,\0\xff\n");
    assert_eq!(outcome.raw, ["\"1\n2\",\"y\"", "x,\u{fffd}\u{fffd}"]);
    let object = format!("a,b\nx,{}\n", "é".repeat(5000));
    let raw = both(&two("csv"), object.as_bytes()).raw;
    assert_eq!((raw[0].len(), raw[0].contains('\u{fffd}')), (4096, false));
}

#[test]
fn bytes_that_are_no_text_matter_only_in_columns_that_are_read() {
    check(&two("csv"), b"a,b,c\n1,x,\xff\0\n", &["2: 1|x"], &[]);
}

#[test]
fn a_record_that_is_too_long_is_left_behind_without_being_held() {
    let field = "x".repeat(10_000_000);
    for object in [format!("a,b\n1,{field}\n2,y\n"), format!("a,b\r\n1,\"{field}\"\r\n2,y\r\n")] {
        let outcome = read(&two("csv"), object.into_bytes());
        assert_eq!(outcome.rows, ["3: 2|y"]);
        assert_eq!(
            outcome.rejects,
            ["2: longer than 1048576 bytes: is a quote left open? hint: max_row_bytes = 2097152"]
        );
        assert_eq!(outcome.raw[0].len(), 4096);
    }
    let small = with(two("csv"), json!({ "max_row_bytes": 8 }));
    let long = "longer than 8 bytes: is a quote left open? hint: max_row_bytes = 16";
    check(
        &small,
        "a,b\n1,345678\n1,3456789\n2,\"4567\"\n2,\"45678\"\n",
        &["2: 1|345678", "4: 2|4567"],
        &[&format!("3: {long}"), &format!("5: {long}")],
    );
    let open = "2: longer than 8 bytes (lines 2 to 4): is a quote left open? hint: max_row_bytes = 16";
    check(&small, "a,b\n1,\"x\n2,y\n3,zzzz", &[], &[open]);
}

#[test]
fn a_quote_that_is_left_open_is_said() {
    check(&two("csv"), "a,b\n1,x\n2,\"y\n3,z\n", &["2: 1|x"], &["3: a quote is left open (lines 3 to 5)"]);
    check(&two("csv"), "a,b\n2,\"", &[], &["2: a quote is left open"]);
}

#[test]
fn a_wrong_header_refuses_the_object() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "the object is empty: expected a header"),
        (b"\xef\xbb\xbf\n\n", "the object is empty: expected a header"),
        (
            b"a,c\n1,2\n",
            "the header has no `b`: found `a`, `c`, expected `a`, `b`; hint: `from` names the header of a column",
        ),
        (b"a,b,a\n1,2,3\n", "the header has `a` twice"),
        (b"a,b,caf\xe9\n", "the header is not text in UTF-8: `caf\u{fffd}`"),
        (b"a,\"b\n", "the header: a quote is left open (lines 1 to 2)"),
        (b"\xff\xfe\0\0a\0\0\0", "the object is UTF-32, not text in UTF-8; hint: iconv -f UTF-32 -t UTF-8"),
        (b"a,b\0\n", "the header is not text in UTF-8: `b\u{fffd}`"),
        (b"PK\x03\x04...", "the zip archive has no directory at its end: was the object cut off?"),
    ];
    for (object, reason) in cases {
        assert_eq!(both(&two("csv"), object).failure, rejected(reason));
    }
}

#[test]
fn a_batch_is_cut_by_rows_and_by_bytes() {
    let config = with(two("csv"), json!({ "batch_rows": 3, "header": false }));
    assert_eq!(both(&config, b"1,x\nbad,x\n3,x\n4,x\n").batches, [3, 1]);
    let row = format!("1,{}\n", "x".repeat(1_000_000));
    let config = with(two("csv"), json!({ "header": false }));
    assert_eq!(read(&config, row.repeat(20).into_bytes()).batches, [9, 9, 2]);
}
