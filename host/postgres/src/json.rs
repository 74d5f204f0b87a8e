//! JSON as `jsonb` takes it.

use std::borrow::Cow;

/// JSON without the escape for a zero byte, for which `jsonb` has no place.
pub fn without_nul(json: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(json, b"\\u0000").is_none() {
        return Cow::Borrowed(json);
    }
    let (mut clean, mut rest) = (Vec::with_capacity(json.len()), json);
    loop {
        rest = match rest {
            [] => return Cow::Owned(clean),
            [b'\\', b'u', b'0', b'0', b'0', b'0', rest @ ..] => {
                clean.extend("\u{fffd}".as_bytes());
                rest
            }
            // Of a backslash that is escaped the second begins nothing.
            [b'\\', escaped, rest @ ..] => {
                clean.extend([b'\\', *escaped]);
                rest
            }
            [byte, rest @ ..] => {
                clean.push(*byte);
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_zero_byte() {
        for (json, expect) in [
            (r#"["a"]"#, r#"["a"]"#),
            (r#"["a\u0000b\n"]"#, "[\"a\u{fffd}b\\n\"]"),
            (r#"["\\u0000"]"#, r#"["\\u0000"]"#),
            (r#"["\\\u0000"]"#, "[\"\\\\\u{fffd}\"]"),
        ] {
            assert_eq!(String::from_utf8_lossy(&without_nul(json.as_bytes())), expect, "{json}");
        }
    }
}
