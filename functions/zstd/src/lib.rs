//! Stands in for the crate `zstd`, which builds C. DataFusion turns on arrow-ipc's `zstd` feature for its
//! spill files and Flight; a function has neither, but the code is linked. This is the part of the API that
//! arrow-ipc calls, on the pure Rust crate `ruzstd`: slower, and the same format.

/// The compression levels there are: one, called by zstd's default number.
pub fn compression_level_range() -> std::ops::RangeInclusive<zstd_safe::CompressionLevel> {
    3..=3
}

/// Names that the crate `zstd` takes from zstd-safe.
pub mod zstd_safe {
    /// A compression level.
    pub type CompressionLevel = i32;
}

/// Whole buffers at a time.
pub mod bulk {
    use std::io::{self, Read};
    use std::marker::PhantomData;

    use ruzstd::decoding::StreamingDecoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    /// Compresses buffers.
    #[derive(Default)]
    pub struct Compressor<'a>(PhantomData<&'a ()>);

    impl Compressor<'static> {
        /// A compressor; there is one level here, whatever `level` asks for.
        pub fn new(_level: i32) -> io::Result<Self> {
            Ok(Self::default())
        }
    }

    impl Compressor<'_> {
        /// The compressed form of `data`.
        pub fn compress(&mut self, data: &[u8]) -> io::Result<Vec<u8>> {
            Ok(compress_to_vec(data, CompressionLevel::Fastest))
        }
    }

    /// Decompresses buffers.
    #[derive(Default)]
    pub struct Decompressor<'a>(PhantomData<&'a ()>);

    impl Decompressor<'static> {
        /// A decompressor.
        pub fn new() -> io::Result<Self> {
            Ok(Self::default())
        }
    }

    impl Decompressor<'_> {
        /// The content of `data`, an error if it is longer than `capacity` bytes.
        pub fn decompress(&mut self, data: &[u8], capacity: usize) -> io::Result<Vec<u8>> {
            let decoder = StreamingDecoder::new(data).map_err(io::Error::other)?;
            let mut content = Vec::new();
            decoder.take(capacity as u64 + 1).read_to_end(&mut content)?;
            if content.len() > capacity {
                return Err(io::Error::other(format!("content is longer than {capacity} bytes")));
            }
            Ok(content)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_was_compressed_comes_back() {
            let data = b"wasmill ".repeat(1000);
            let packed = Compressor::new(3).unwrap().compress(&data).unwrap();
            assert!(packed.len() < data.len());
            assert_eq!(Decompressor::new().unwrap().decompress(&packed, data.len()).unwrap(), data);
            assert!(Decompressor::new().unwrap().decompress(&packed, data.len() - 1).is_err());
        }
    }
}
