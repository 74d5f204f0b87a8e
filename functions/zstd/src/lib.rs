//! Stands in for the crate `zstd`, which builds C. DataFusion turns on arrow-ipc's `zstd` feature for its
//! spill files and Flight; a function has neither, but the code is linked. This is the part of the API that
//! arrow-ipc and parquet call, on the pure Rust crate `ruzstd`: slower, and the same format.

/// The compression levels there are: one, called by zstd's default number.
pub fn compression_level_range() -> std::ops::RangeInclusive<zstd_safe::CompressionLevel> {
    3..=3
}

/// Names that the crate `zstd` takes from zstd-safe.
pub mod zstd_safe {
    use std::convert::Infallible;

    /// A compression level.
    pub type CompressionLevel = i32;

    /// How long the content of a frame is, if that is known: here it never is.
    pub fn get_frame_content_size(_frame: &[u8]) -> Result<Option<u64>, Infallible> {
        Ok(None)
    }

    /// How long `len` bytes may be when they are compressed: no block is stored with more than three bytes around it.
    pub fn compress_bound(len: usize) -> usize {
        len + len / 128 + 64
    }
}

/// Whole buffers at a time.
pub mod bulk {
    use std::io::{self, Cursor, Read, Write};
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

        /// The compressed form of `data`, from the position of `out` on; how long it is.
        pub fn compress_to_buffer(&mut self, data: &[u8], out: &mut Cursor<&mut Vec<u8>>) -> io::Result<usize> {
            let packed = compress_to_vec(data, CompressionLevel::Fastest);
            out.write_all(&packed)?;
            Ok(packed.len())
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

        /// The content of `data`, from the position of `out` on and within its capacity; how long it is.
        pub fn decompress_to_buffer(&mut self, data: &[u8], out: &mut Cursor<&mut Vec<u8>>) -> io::Result<usize> {
            let start = usize::try_from(out.position()).unwrap_or(usize::MAX);
            let content = self.decompress(data, out.get_ref().capacity().saturating_sub(start))?;
            out.write_all(&content)?;
            Ok(content.len())
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
