//! What an instance's memory starts with, and whether wasmtime maps it.

use std::fmt;

use wasmparser::{DataKind, Operator, Parser, Payload};
use wasmtime::{Result, format_err};

/// Up to this many bytes from its first data to its last, a memory is mapped however sparse it is: wasmtime's
/// `memory_guaranteed_dense_image_size`, which hosts hardly ever change.
const ALWAYS_MAPPED: u64 = 16 << 20;

/// The initial memory of a component's largest module.
///
/// wasmtime maps it copy on write, so that an instance touches only what it uses, if its range is below 16 MiB or less
/// than twice its data (wasmtime-environ, `try_static_init`). Otherwise every instantiation copies all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Image {
    /// From the first byte of data to the last, in bytes.
    pub range: u64,
    /// The data, in bytes.
    pub data: u64,
}

impl Image {
    /// Of a component.
    pub fn of(component: &[u8]) -> Result<Self> {
        let mut images = Vec::new();
        let mut current: Option<(u64, u64, u64)> = None;
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(|err| format_err!("{err}"))? {
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data.map_err(|err| format_err!("{err}"))?;
                        let DataKind::Active { offset_expr, .. } = data.kind else { continue };
                        let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else {
                            continue;
                        };
                        let (start, len) = (u64::from(value.cast_unsigned()), data.data.len() as u64);
                        let (first, last, total) = current.unwrap_or((u64::MAX, 0, 0));
                        current = Some((first.min(start), last.max(start + len), total + len));
                    }
                }
                Payload::End(_) => {
                    images.extend(current.take().map(|(first, last, data)| Self { range: last - first, data }));
                }
                _ => {}
            }
        }
        Ok(images.into_iter().max_by_key(|image| image.data).unwrap_or_default())
    }

    /// Whether wasmtime maps it.
    pub fn is_mapped(&self) -> bool {
        self.range < self.data.saturating_mul(2) || self.range < ALWAYS_MAPPED
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_mapped() {
            "mapped copy on write"
        } else {
            "copied for every instance, because over 16 MiB must be half data"
        };
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(f, "{:.1} MiB of memory, {:.1} MiB of it data: {verdict}", mib(self.range), mib(self.data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_image_is_mapped_up_to_16_mib() {
        for (range, data, expect) in [
            (0, 0, true),
            ((16 << 20) - 1, 1, true),
            (16 << 20, 1, false),
            (16 << 20, 8 << 20, false),
            (16 << 20, (8 << 20) + 1, true),
            (1 << 30, 600 << 20, true),
        ] {
            assert_eq!(Image { range, data }.is_mapped(), expect, "{range} {data}");
        }
    }
}
