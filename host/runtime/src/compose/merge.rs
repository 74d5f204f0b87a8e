//! Functions with the same code become one. Generic code is compiled once for each type, often to the same
//! instructions: of the functions in a scoring endpoint's tables about a seventh. A host sets memory aside for every
//! function in a table, in every instance, and `wasmtime serve` allows 1 MiB for that.
//!
//! Two functions that are one have the same address, and a program may tell its functions apart by that. Rust does not
//! promise that they differ, and C does; so only modules that Rust's bindings were made for are changed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{
    BinaryReader, CodeSectionReader, CustomSectionReader, FunctionBody, FunctionSectionReader, KnownCustom, Parser,
    Payload, TypeRef,
};
use wasmtime::Result;

use crate::core_modules;

/// How often a module is looked through at most: functions whose callees became one may be the same then.
const ROUNDS: usize = 8;

/// The same component, with less code.
pub fn identical_functions(component: &[u8]) -> Result<Vec<u8>> {
    core_modules::change(component, merge)
}

/// A module with less code, if it may be changed.
fn merge(module: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(functions) = Functions::read(module)? else { return Ok(None) };
    let mut merge = Merge::of(&functions);
    for _ in 0..ROUNDS {
        if !merge.find(&functions)? {
            break;
        }
    }
    merge.number();
    let mut merged = Module::new();
    merge.parse_core_module(&mut merged, Parser::new(0), module).map_err(wasmtime::Error::new)?;
    Ok(Some(merged.finish()))
}

/// The functions of a module that may be changed.
struct Functions<'a> {
    /// How many are imported; they have the first indices.
    imported: u32,
    /// The types of the others.
    types: Vec<u32>,
    /// Their code.
    code: CodeSectionReader<'a>,
}

impl<'a> Functions<'a> {
    fn read(module: &'a [u8]) -> Result<Option<Self>> {
        let (mut imported, mut types, mut code, mut is_rust) = (0, Vec::new(), None, false);
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                    }
                }
                Payload::FunctionSection(section) => types = section.into_iter().collect::<Result<_, _>>()?,
                Payload::CodeSectionStart { range, .. } => {
                    let bytes = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
                    let bytes = bytes.and_then(|(start, end)| module.get(start..end)).unwrap_or_default();
                    code = Some(CodeSectionReader::new(BinaryReader::new(bytes, range.start))?);
                }
                Payload::CustomSection(section) => is_rust |= is_of_rust(&section)?,
                _ => {}
            }
        }
        Ok(code.filter(|_| is_rust).map(|code| Self { imported, types, code }))
    }
}

/// Whether a section says that the module was written in Rust. A linker that strips a module leaves out the language,
/// and what made its bindings is added after that.
fn is_of_rust(section: &CustomSectionReader<'_>) -> Result<bool> {
    let KnownCustom::Producers(fields) = section.as_known() else { return Ok(false) };
    let mut is_of_rust = false;
    for field in fields {
        let field = field?;
        let values =
            field.values.into_iter().map(|value| value.map(|value| value.name)).collect::<Result<Vec<_>, _>>()?;
        match field.name {
            "language" if values != ["Rust"] => return Ok(false),
            "language" => is_of_rust = true,
            "processed-by" => is_of_rust |= values.contains(&"wit-bindgen-rust"),
            _ => {}
        }
    }
    Ok(is_of_rust)
}

/// What becomes of a module's functions.
struct Merge {
    imported: u32,
    /// For each function, the one in its place: itself or an earlier one.
    stands_for: Vec<u32>,
    /// For each function, its index in the new module.
    index: Vec<u32>,
}

impl Merge {
    fn of(functions: &Functions<'_>) -> Self {
        let all = functions.imported + functions.types.len() as u32;
        let itself: Vec<u32> = (0..all).collect();
        Self { imported: functions.imported, index: itself.clone(), stands_for: itself }
    }

    /// Finds functions that are the same but for what they call, which is the same by now; whether there were any.
    fn find(&mut self, functions: &Functions<'_>) -> Result<bool> {
        let mut first: HashMap<(u32, Vec<u8>), u32> = HashMap::with_capacity(functions.types.len());
        let mut found = Vec::new();
        self.index.clone_from(&self.stands_for);
        for ((function, ty), body) in (self.imported..).zip(&functions.types).zip(functions.code.clone()) {
            if self.is_gone(function) {
                continue;
            }
            let code = self.code(&body?).map_err(wasmtime::Error::new)?;
            match first.entry((*ty, code)) {
                Entry::Occupied(earlier) => found.push((function, *earlier.get())),
                Entry::Vacant(place) => {
                    place.insert(function);
                }
            }
        }
        let into: HashMap<u32, u32> = found.into_iter().collect();
        for target in &mut self.stands_for {
            *target = into.get(target).copied().unwrap_or(*target);
        }
        Ok(!into.is_empty())
    }

    /// A function's code, of which the callees are known by what stands for them.
    fn code(&mut self, body: &FunctionBody<'_>) -> Result<Vec<u8>, Error> {
        let mut function = self.new_function_with_parsed_locals(body)?;
        let mut instructions = body.get_operators_reader()?;
        while !instructions.eof() {
            function.instruction(&self.parse_instruction(&mut instructions)?);
        }
        Ok(function.into_raw_body())
    }

    /// Numbers the functions that are left.
    fn number(&mut self) {
        let mut left = 0;
        for (function, target) in self.stands_for.iter().enumerate() {
            // An earlier one has its number already.
            let index = match self.index.get(*target as usize) {
                Some(index) if *target as usize != function => *index,
                _ => {
                    left += 1;
                    left - 1
                }
            };
            if let Some(place) = self.index.get_mut(function) {
                *place = index;
            }
        }
    }

    /// Whether another one stands for it.
    fn is_gone(&self, function: u32) -> bool {
        self.stands_for.get(function as usize).is_some_and(|target| *target != function)
    }
}

impl Reencode for Merge {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(self.index.get(function as usize).copied().unwrap_or(function))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        for (function, ty) in (self.imported..).zip(section) {
            let ty = ty?;
            if !self.is_gone(function) {
                functions.function(ty);
            }
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), Error> {
        for (function, body) in (self.imported..).zip(section) {
            let body = body?;
            if !self.is_gone(function) {
                self.parse_function_body(code, body)?;
            }
        }
        Ok(())
    }

    /// The names of functions would be of other ones; everything else is as it was.
    fn parse_custom_section(&mut self, module: &mut Module, section: CustomSectionReader<'_>) -> Result<(), Error> {
        if matches!(section.as_known(), KnownCustom::Name(_)) {
            Ok(())
        } else {
            utils::parse_custom_section(self, module, section)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        ConstExpr, ElementSection, Elements, Function, ProducersField, ProducersSection, RefType, TableSection,
        TableType, TypeSection,
    };

    /// A table of five functions: two that do nothing, one that traps, and two that each call one of the first two.
    fn module(field: &str, value: &str) -> Vec<u8> {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        let mut add = |fill: &dyn Fn(&mut Function)| {
            let mut function = Function::new([]);
            fill(&mut function);
            function.instructions().end();
            functions.function(0);
            code.function(&function);
        };
        add(&|_| {});
        add(&|_| {});
        add(&|function| {
            function.instructions().unreachable();
        });
        add(&|function| {
            function.instructions().call(0);
        });
        add(&|function| {
            function.instructions().call(1);
        });
        let mut tables = TableSection::new();
        let five =
            TableType { element_type: RefType::FUNCREF, table64: false, minimum: 5, maximum: None, shared: false };
        tables.table(five);
        let mut elements = ElementSection::new();
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions([0, 1, 2, 3, 4][..].into()));
        let mut producers = ProducersSection::new();
        producers.field(field, ProducersField::new().value(value, ""));
        module.section(&types).section(&functions).section(&tables).section(&elements).section(&code);
        module.section(&producers);
        module.finish()
    }

    /// How many functions a module has, and what is in its table.
    fn look(module: &[u8]) -> (u32, Vec<u32>) {
        wasmparser::validate(module).unwrap();
        let (mut functions, mut table) = (0, Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload.unwrap() {
                Payload::FunctionSection(section) => functions = section.count(),
                Payload::ElementSection(section) => {
                    for element in section {
                        let wasmparser::ElementItems::Functions(items) = element.unwrap().items else { continue };
                        table.extend(items.into_iter().map(Result::unwrap));
                    }
                }
                _ => {}
            }
        }
        (functions, table)
    }

    #[test]
    fn functions_with_the_same_code_are_one_also_when_they_call_such() {
        for (field, value) in [("language", "Rust"), ("processed-by", "wit-bindgen-rust")] {
            let module = module(field, value);
            assert_eq!(look(&module), (5, vec![0, 1, 2, 3, 4]));
            assert_eq!(look(&merge(&module).unwrap().unwrap()), (3, vec![0, 0, 1, 2, 2]));
        }
    }

    #[test]
    fn only_modules_of_rust_are_changed() {
        assert_eq!(merge(&module("language", "C")).unwrap(), None);
    }
}
