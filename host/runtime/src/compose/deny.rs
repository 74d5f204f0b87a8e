//! A component in the place of what a composition is not granted. It is made of the composition's own imports, so it
//! fits whatever versions its parts were built with.
//!
//! What can be answered with nothing is: there is no environment variable, no argument, no folder, no terminal, no
//! setting. Everything else traps: nothing calls it, but it is imported, because a language's standard library is
//! linked as a whole.

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module, TypeSection,
    ValType,
};
use wasmtime::{Result, bail};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WasmExport, WasmExportKind, WorldId, WorldItem, WorldKey};

/// What the world `wasi:http/proxy` of WASI 0.2 gives, but for requests of one's own: an endpoint is granted none.
const GRANTED: [&str; 9] = [
    "wasi:http/types",
    "wasi:io/",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasmill:pipeline/types",
];

/// What is answered with nothing: an empty list, none, or zeros.
const EMPTY: [&str; 5] = [
    "wasi:cli/environment",
    "wasi:cli/terminal-std",
    "wasi:filesystem/preopens",
    "wasi:random/insecure-seed",
    "wasmill:pipeline/settings",
];

/// Where the zeros are that an answer of nothing points to: past null, in memory that nothing writes to.
const ZEROS: i32 = 1024;

/// A component that denies.
pub struct Denying {
    /// It.
    pub component: Vec<u8>,
    /// The interfaces that it exports.
    pub interfaces: Vec<String>,
}

/// The component for what `composed` imports and is not granted; none if there is no such import. Besides what every
/// composition is granted, `kept` are: interfaces by their names, or how those begin.
pub fn component(composed: &[u8], kept: &[&str]) -> Result<Option<Denying>> {
    let decoded = wit_component::decode(composed).map_err(wasmtime::Error::from_anyhow)?;
    let DecodedWasm::Component(mut resolve, world) = decoded else { bail!("it is no component") };
    let interfaces = deny_imports(&mut resolve, world, kept);
    if interfaces.is_empty() {
        return Ok(None);
    }
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = stubs(&resolve, world, mangling);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(wasmtime::Error::from_anyhow)?;
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder.module(&module).and_then(|encoder| encoder.encode());
    let component = encoded.map_err(wasmtime::Error::from_anyhow)?;
    Ok(Some(Denying { component, interfaces }))
}

/// Makes of a world the one that exports what it was not granted as imports; which that is.
fn deny_imports(resolve: &mut Resolve, id: WorldId, kept: &[&str]) -> Vec<String> {
    let imports: Vec<(WorldKey, WorldItem)> =
        resolve.worlds.get_mut(id).map(|world| std::mem::take(&mut world.imports)).into_iter().flatten().collect();
    let (mut granted, mut denied, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (key, item) in imports {
        let name = resolve.name_world_key(&key);
        let is_granted = GRANTED.iter().chain(kept).any(|granted| name.starts_with(granted));
        if is_granted {
            granted.push((key, item));
        } else {
            denied.push((key, item));
            names.push(name);
        }
    }
    if let Some(world) = resolve.worlds.get_mut(id) {
        world.imports = granted.into_iter().collect();
        world.exports = denied.into_iter().collect();
    }
    names
}

/// A module with every function that the world exports.
fn stubs(resolve: &Resolve, world: WorldId, mangling: ManglingAndAbi) -> Vec<u8> {
    let (mut types, mut functions, mut exports, mut code) =
        (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
    let mut add = |name: String, params: Vec<ValType>, results: Vec<ValType>, body: Option<Vec<i32>>| {
        let index = types.len();
        types.ty().function(params, results);
        functions.function(index);
        exports.export(&name, ExportKind::Func, index);
        let mut function = Function::new([]);
        let mut instructions = function.instructions();
        match body {
            Some(values) => values.into_iter().for_each(|value| {
                instructions.i32_const(value);
            }),
            None => {
                instructions.unreachable();
            }
        }
        instructions.end();
        code.function(&function);
    };
    let items = resolve.worlds.get(world).into_iter().flat_map(|world| &world.exports);
    for (key, item) in items {
        let WorldItem::Interface { id, .. } = item else { continue };
        let name = resolve.name_world_key(key);
        let is_empty = EMPTY.iter().any(|empty| name.starts_with(empty));
        for function in resolve.interfaces.get(*id).into_iter().flat_map(|interface| interface.functions.values()) {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let export = WasmExport::Func { interface: Some(key), func: function, kind: WasmExportKind::Normal };
            let all = |list: &[WasmType]| list.iter().copied().map(core_type).collect::<Vec<_>>();
            let results = all(&signature.results);
            let answer = if signature.retptr { ZEROS } else { 0 };
            let body =
                (is_empty && results.iter().all(|result| *result == ValType::I32)).then(|| vec![answer; results.len()]);
            add(resolve.wasm_export_name(mangling, export), all(&signature.params), results, body);
        }
    }
    let realloc = resolve.wasm_export_name(mangling, WasmExport::Realloc);
    add(realloc, vec![ValType::I32; 4], vec![ValType::I32], None);
    let memory_name = resolve.wasm_export_name(mangling, WasmExport::Memory);
    exports.export(&memory_name, ExportKind::Memory, 0);
    let mut memory = MemorySection::new();
    memory.memory(MemoryType { minimum: 1, maximum: Some(1), memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memory).section(&exports).section(&code);
    module.finish()
}

fn core_type(wasm: WasmType) -> ValType {
    match wasm {
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
    }
}
