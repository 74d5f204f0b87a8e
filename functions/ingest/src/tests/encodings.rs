use serde_json::json;

use super::{Slow, configure, read, rejected, two, with};

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

fn check(encoding: &str, object: Vec<u8>, rows: &[&str]) {
    let config = with(two("csv"), json!({ "encoding": encoding }));
    for size in [u32::MAX, 1, 3] {
        let outcome = read(&config, Slow(object.clone(), size));
        assert_eq!((&outcome.rejects, &outcome.failure), (&vec![], &None));
        assert_eq!(outcome.rows, rows);
    }
}

#[test]
fn text_in_other_encodings_is_read() {
    let text = "a,b\r\n1,é𝄞\r\n2,ü\r\n";
    let rows = ["2: 1|é𝄞", "3: 2|ü"];
    for big in [false, true] {
        let marked = utf16(&format!("\u{feff}{text}"), big);
        check("auto", marked.clone(), &rows);
        check("utf-16", marked, &rows);
        check(if big { "utf-16be" } else { "utf-16le" }, utf16(text, big), &rows);
    }
    check("latin1", b"a,b\n1,\xe9\x80\n".to_vec(), &["2: 1|é€"]);
    check("shift_jis", b"a,b\n1,\x93\xfa\n".to_vec(), &["2: 1|日"]);
    check("utf-8", "\u{feff}a,b\n1,é\n".into(), &["2: 1|é"]);
    let long: String = (0..20_000).map(|row| format!("{row},日本語\n")).collect();
    let outcome = read(&with(two("csv"), json!({ "header": false, "encoding": "utf-16le" })), utf16(&long, false));
    assert_eq!((outcome.rows.len(), outcome.rejects.len()), (20_000, 0));
}

#[test]
fn what_is_not_text_rejects_its_row_only() {
    let mut object = utf16("a,b\n1,", false);
    object.extend([0x00, 0xd8]);
    object.extend(utf16("\n2,x\n", false));
    let outcome = read(&with(two("csv"), json!({ "encoding": "utf-16le" })), object);
    assert_eq!(outcome.rows, ["3: 2|x"]);
    assert_eq!(
        outcome.rejects,
        ["2: column `b`: `\u{fffd}` is not text in the object's encoding; hint: encoding = \"latin1\""]
    );
}

#[test]
fn utf16_without_a_mark_is_told_from_text() {
    for (big, name) in [(false, "utf-16le"), (true, "utf-16be")] {
        let reason =
            format!("the object is UTF-16 without a byte order mark, not text in UTF-8; hint: encoding = \"{name}\"");
        assert_eq!(read(&two("csv"), utf16("a,b\n1,x\n", big)).failure, rejected(&reason));
    }
    let said = configure(&with(two("csv"), json!({ "encoding": "utf-7" }))).err();
    let expect = "`encoding`: `utf-7` is not an encoding of the WHATWG's list; hint: \"auto\", \"utf-16le\", \"latin1\" or \"windows-1252\"";
    assert_eq!(said.as_deref(), Some(expect));
}
