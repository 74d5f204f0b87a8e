//! Standard streams that a function opened while it was set up. A language's library opens one at the first use and
//! keeps the handle; a handle does not outlive its sandbox, so the baked component opens the same streams in the same
//! order when it starts, which gives the same handles.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection, ComponentExportKind, EntityType,
    ExportKind, Function, FunctionSection, ImportSection, InstanceSection, Module, ModuleArg, ModuleSection,
    StartSection, TypeSection, ValType,
};
use wasmparser::{ComponentAlias, ComponentTypeRef, Parser, Payload, Validator, WasmFeatures};
use wasmtime::{Result, format_err};

use crate::capability::output::Stream;

/// The component, with these streams opened when it starts.
pub fn reopen(mut component: Vec<u8>, opened: &[Stream]) -> Result<Vec<u8>> {
    if opened.is_empty() {
        return Ok(component);
    }
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let types = validator.validate_all(&component).map_err(|err| format_err!("{err}"))?;
    let types = types.as_ref();
    let mut aliases = ComponentAliasSection::new();
    let mut lowered = CanonicalFunctionSection::new();
    let mut names = Vec::new();
    for (index, stream) in (0..).zip(opened) {
        let instance = imported(&component, stream.interface())?;
        aliases.alias(Alias::InstanceExport { instance, kind: ComponentExportKind::Func, name: stream.function() });
        lowered.lower(types.component_function_count() + index, []);
        names.push((index.to_string(), ExportKind::Func, types.function_count() + index));
    }
    let mut instances = InstanceSection::new();
    instances.export_items(names.iter().map(|(name, kind, index)| (name.as_str(), *kind, *index)));
    instances.instantiate(types.module_count(), [("", ModuleArg::Instance(types.core_instance_count()))]);

    let mut sections = Component::new();
    sections.section(&aliases).section(&lowered).section(&ModuleSection(&opener(opened.len()))).section(&instances);
    component.extend_from_slice(sections.as_slice().get(Component::HEADER.len()..).unwrap_or_default());
    Ok(component)
}

/// A module that calls its imports, in order, when it starts.
fn opener(count: usize) -> Module {
    let count = u32::try_from(count).unwrap_or(0);
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    let mut start = Function::new([]);
    for index in 0..count {
        imports.import("", &index.to_string(), EntityType::Function(0));
        start.instructions().call(index).drop();
    }
    start.instructions().end();
    let mut functions = FunctionSection::new();
    functions.function(1);
    let mut code = CodeSection::new();
    code.function(&start);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions);
    module.section(&StartSection { function_index: count }).section(&code);
    module
}

/// The position, among a component's instances, of the import whose name begins so.
fn imported(component: &[u8], name: &str) -> Result<u32> {
    let mut count = 0;
    let mut nested = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|err| format_err!("{err}"))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => nested += 1,
            Payload::End(_) => nested -= 1,
            Payload::ComponentImportSection(section) if nested == 0 => {
                for import in section {
                    let import = import.map_err(|err| format_err!("{err}"))?;
                    if matches!(import.ty, ComponentTypeRef::Instance(_)) {
                        if import.name.name.starts_with(name) {
                            return Ok(count);
                        }
                        count += 1;
                    }
                }
            }
            Payload::ComponentInstanceSection(section) if nested == 0 => count += section.count(),
            Payload::ComponentAliasSection(section) if nested == 0 => {
                for alias in section {
                    let alias = alias.map_err(|err| format_err!("{err}"))?;
                    if let ComponentAlias::InstanceExport {
                        kind: wasmparser::ComponentExternalKind::Instance, ..
                    } = alias
                    {
                        count += 1;
                    }
                }
            }
            _ => {}
        }
    }
    Err(format_err!("it opened `{name}`, which it does not import"))
}
