//! How far a JSON value reaches in a text that is read a window at a time.

/// Finds the end of a value. Only brackets, strings and what separates values count; whether it is JSON otherwise is
/// seen when it is read.
#[derive(Debug, Clone, Default)]
pub struct Extent {
    depth: usize,
    in_string: bool,
    escaped: bool,
    in_scalar: bool,
}

impl Extent {
    /// The extent of what is left of so many open brackets.
    pub fn of_open(depth: usize) -> Self {
        Self { depth, ..Self::default() }
    }

    /// How many of the next bytes belong to the value, if it ends in them.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                    at += 1;
                    continue;
                }
                let rest = bytes.get(at..).unwrap_or_default();
                at += memchr::memchr2(b'"', b'\\', rest)? + 1;
                match bytes.get(at - 1) {
                    Some(b'\\') => self.escaped = true,
                    _ => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return Some(at);
                        }
                    }
                }
                continue;
            }
            match byte {
                b'"' | b'{' | b'[' if self.in_scalar => return Some(at),
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 0 => return Some(at),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 => return Some(at),
                _ => self.in_scalar = self.depth == 0,
            }
            at += 1;
        }
        None
    }

    /// Whether the value may end where the text does.
    pub fn may_end(&self) -> bool {
        self.in_scalar
    }
}
