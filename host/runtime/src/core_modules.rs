//! The core modules of a component that is not made of components.

use wasm_encoder::{Component, ComponentSectionId, Module, RawSection};
use wasmparser::BinaryReader;
use wasmtime::Result;

/// Each of them, as it is in the component.
pub fn all(component: &[u8]) -> Result<Vec<&[u8]>> {
    Ok(sections(component)?.into_iter().filter(is_module).map(|(_, module)| module).collect())
}

/// The component with what `change` makes of each of them; none: the module as it is.
pub fn change(component: &[u8], change: impl Fn(&[u8]) -> Result<Option<Vec<u8>>>) -> Result<Vec<u8>> {
    let mut changed = Component::new();
    for section in sections(component)? {
        let (id, data) = section;
        let module = if is_module(&section) { change(data)? } else { None };
        changed.section(&RawSection { id, data: module.as_deref().unwrap_or(data) });
    }
    Ok(changed.finish())
}

fn is_module((id, _): &(u8, &[u8])) -> bool {
    *id == ComponentSectionId::CoreModule as u8
}

/// The sections of a component: what kind each is, and what it holds.
fn sections(component: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let mut reader = BinaryReader::new(component, 0);
    // The magic number and the version.
    reader.read_bytes(Module::HEADER.len())?;
    let mut sections = Vec::new();
    while !reader.eof() {
        let (id, size) = (reader.read_u8()?, reader.read_var_u32()?);
        sections.push((id, reader.read_bytes(size as usize)?));
    }
    Ok(sections)
}
