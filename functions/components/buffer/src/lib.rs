//! The component `buffer`: objects of bytes in memory, for a gateway and the function that reads them.

#[cfg(target_family = "wasm")]
mod wasm {
    use exports::wasmill::pipeline::{buffer, objects};
    use wasmill::pipeline::types::Failure;

    wit_bindgen::generate!({ world: "object-buffer", path: "../../../wit" });

    struct Buffer;

    export!(Buffer);

    /// The resource `source`.
    struct Bytes(Vec<u8>);

    impl objects::Guest for Buffer {
        type Source = Bytes;
    }

    impl objects::GuestSource for Bytes {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, Failure> {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
            let end = start.saturating_add(len as usize).min(self.0.len());
            Ok(self.0.get(start..end).unwrap_or_default().to_vec())
        }
    }

    impl buffer::Guest for Buffer {
        fn wrap(bytes: Vec<u8>) -> objects::Source {
            objects::Source::new(Bytes(bytes))
        }
    }
}
