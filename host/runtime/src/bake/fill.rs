//! A memory whose data is too sparse to be mapped gets zeros as data as well: a larger file, but an instance that starts
//! at once, whatever the function left between what it keeps.

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{ConstExpr, DataSection, Module};
use wasmparser::{DataSectionReader, Parser};
use wasmtime::Result;

use crate::bake::image::{Image, Segments};
use crate::core_modules;

/// The component with memories that wasmtime maps.
pub fn fill(component: Vec<u8>) -> Result<Vec<u8>> {
    let modules = core_modules::all(&component)?.into_iter();
    let images = modules.map(|module| Ok(Segments::of(module)?.image())).collect::<Result<Vec<_>>>()?;
    if images.iter().all(Image::is_mapped) {
        return Ok(component);
    }
    core_modules::change(&component, |module| {
        let segments = Segments::of(module)?;
        if segments.image().is_mapped() {
            return Ok(None);
        }
        let mut filled = Module::new();
        let mut fill = Fill { zeros: segments.zeros() };
        fill.parse_core_module(&mut filled, Parser::new(0), module).map_err(wasmtime::Error::new)?;
        Ok(Some(filled.finish()))
    })
}

struct Fill {
    /// Where zeros go, in a module's memory.
    zeros: Vec<(u32, usize)>,
}

impl Reencode for Fill {
    type Error = std::convert::Infallible;

    fn data_count(&mut self, count: u32) -> Result<u32, Error> {
        Ok(count.saturating_add(u32::try_from(self.zeros.len()).unwrap_or(u32::MAX)))
    }

    fn parse_data_section(&mut self, data: &mut DataSection, section: DataSectionReader<'_>) -> Result<(), Error> {
        utils::parse_data_section(self, data, section)?;
        for (start, length) in &self.zeros {
            data.active(0, &ConstExpr::i32_const(start.cast_signed()), std::iter::repeat_n(0, *length));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{Component, DataCountSection, MemorySection, MemoryType, ModuleSection};

    #[test]
    fn a_sparse_memory_is_filled_until_it_is_mapped_and_is_the_same() {
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1 << 10,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut data = DataSection::new();
        let given = [(40 << 20, 3), (1 << 20, 1), (20 << 20, 2)];
        for (start, value) in given {
            data.active(0, &ConstExpr::i32_const(start), [value; 9]);
        }
        let mut module = Module::new();
        module.section(&memories).section(&DataCountSection { count: 3 }).section(&data);
        let mut component = Component::new();
        component.section(&ModuleSection(&module));
        let sparse = component.finish();
        assert!(!Image::of(&sparse).unwrap().is_mapped());

        let dense = fill(sparse.clone()).unwrap();
        wasmparser::validate(&dense).unwrap();
        let (before, after) = (Image::of(&sparse).unwrap(), Image::of(&dense).unwrap());
        assert!(after.is_mapped() && after.range == before.range, "{after}");
        assert!(dense.len() as u64 <= before.range / 2 + 1024, "{} bytes", dense.len());
        assert_eq!(memory(&dense), memory(&sparse));
        assert_eq!(fill(dense.clone()).unwrap(), dense);
    }

    /// The first 64 MiB, after each segment in turn was written there.
    fn memory(component: &[u8]) -> Vec<u8> {
        let mut memory = vec![0; 64 << 20];
        for (start, data) in
            core_modules::all(component).unwrap().into_iter().flat_map(|module| Segments::of(module).unwrap().0)
        {
            memory[start as usize..][..data.len()].copy_from_slice(data);
        }
        memory
    }
}
