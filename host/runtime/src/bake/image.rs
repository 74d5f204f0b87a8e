//! What an instance's memory starts with, and whether wasmtime maps it.

use std::fmt;

use wasmparser::{DataKind, Operator, Parser, Payload};
use wasmtime::Result;

use crate::core_modules;

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
        let images = core_modules::all(component)?.into_iter().map(|module| Ok(Segments::of(module)?.image()));
        Ok(images.collect::<Result<Vec<_>>>()?.into_iter().max_by_key(|image| image.data).unwrap_or_default())
    }

    /// Whether wasmtime maps it.
    pub fn is_mapped(&self) -> bool {
        self.range < self.data.saturating_mul(2) || self.range < ALWAYS_MAPPED
    }
}

/// The data of a module that is in its memory from the start: where it begins, and it.
pub struct Segments<'a>(pub Vec<(u32, &'a [u8])>);

impl<'a> Segments<'a> {
    /// Of a module.
    pub fn of(module: &'a [u8]) -> Result<Self> {
        let mut segments = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            let Payload::DataSection(section) = payload? else { continue };
            for data in section {
                let data = data?;
                let DataKind::Active { offset_expr, .. } = data.kind else { continue };
                if let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? {
                    segments.push((value.cast_unsigned(), data.data));
                }
            }
        }
        segments.sort_unstable_by_key(|(start, _)| *start);
        Ok(Self(segments))
    }

    /// What wasmtime makes of it.
    pub fn image(&self) -> Image {
        let ends = self.0.iter().map(|(start, data)| u64::from(*start) + data.len() as u64);
        let first = self.0.first().map_or(0, |(start, _)| u64::from(*start));
        Image {
            range: ends.max().unwrap_or(first) - first,
            data: self.0.iter().map(|(_, data)| data.len() as u64).sum(),
        }
    }

    /// Where zeros between the data would make it dense enough to be mapped, and how many.
    pub fn zeros(&self) -> Vec<(u32, usize)> {
        let Image { range, data } = self.image();
        let mut missing = (range / 2 + 1).saturating_sub(data) as usize;
        let mut zeros = Vec::new();
        for pair in self.0.windows(2) {
            let [(start, data), (next, _)] = pair else { continue };
            let end = *start as usize + data.len();
            let length = (*next as usize).saturating_sub(end).min(missing);
            if let (Ok(end), 1..) = (u32::try_from(end), length) {
                zeros.push((end, length));
                missing -= length;
            }
        }
        zeros
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
