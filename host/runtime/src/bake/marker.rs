//! What a baked component says of itself, in custom sections: `wasmill:baked` (JSON), and the schemas of the rows
//! it takes and gives, `wasmill:input` and `wasmill:output`, as Arrow IPC streams without a batch.

use arrow_schema::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use wasm_encoder::{Component, CustomSection};
use wasmparser::{Chunk, CustomSectionReader, Parser, Payload};
use wasmtime::{Result, format_err};

use crate::function::{Bound, Kind};
use crate::rows;

const BAKED: &str = "wasmill:baked";
const INPUT: &str = "wasmill:input";
const OUTPUT: &str = "wasmill:output";

/// The version of these sections.
const VERSION: u32 = 1;

/// What a baked component is.
#[derive(Debug, Clone)]
pub struct Marker {
    /// What its function is.
    pub kind: Kind,
    /// The schema of the rows it takes; empty for kind `ingest`.
    pub input: SchemaRef,
    /// What it said of its rows.
    pub bound: Bound,
}

/// The section `wasmill:baked`.
#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    kind: Kind,
    whole: bool,
    routes: Vec<String>,
}

impl Marker {
    /// The component with the marker at its end.
    pub fn write(&self, mut component: Vec<u8>) -> Result<Vec<u8>> {
        let Bound { schema, whole, routes } = &self.bound;
        let head = Head { version: VERSION, kind: self.kind, whole: *whole, routes: routes.clone() };
        append(&mut component, BAKED, &serde_json::to_vec(&head).map_err(|err| format_err!("{err}"))?);
        let encode = |schema: &Schema| rows::encode_schema(schema).map_err(|err| format_err!("{err}"));
        append(&mut component, INPUT, &encode(&self.input)?);
        if let Some(schema) = schema {
            append(&mut component, OUTPUT, &encode(schema)?);
        }
        Ok(component)
    }

    /// The marker of a component; none if it is not baked.
    pub fn read(component: &[u8]) -> Result<Option<Self>> {
        let (mut head, mut input, mut output) = (None, None, None);
        for section in custom_sections(component)? {
            match section.name() {
                BAKED => head = Some(section.data()),
                INPUT => input = Some(section.data()),
                OUTPUT => output = Some(section.data()),
                _ => {}
            }
        }
        let Some(head) = head else { return Ok(None) };
        let Head { version, kind, whole, routes } =
            serde_json::from_slice(head).map_err(|err| format_err!("the section `{BAKED}`: {err}"))?;
        if version != VERSION {
            return Err(format_err!(
                "it was baked in form {version}, this is a wasmill of form {VERSION}\nhint: bake it again"
            ));
        }
        let schema = |stream: &[u8]| rows::read_schema(stream.to_vec()).map_err(|err| format_err!("{err}"));
        let input = schema(input.ok_or_else(|| format_err!("it has no section `{INPUT}`"))?)?;
        let bound = Bound { schema: output.map(schema).transpose()?, whole, routes };
        Ok(Some(Self { kind, input, bound }))
    }
}

/// The component's own custom sections. What is nested in it is passed over: it takes long to read, and the markers of
/// a composition's parts say nothing of the whole.
fn custom_sections(component: &[u8]) -> Result<Vec<CustomSectionReader<'_>>> {
    let mut sections = Vec::new();
    let mut parser = Parser::new(0);
    let mut rest = component;
    loop {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).map_err(|err| format_err!("{err}"))? else {
            return Err(format_err!("it ends too early"));
        };
        rest = rest.get(consumed..).unwrap_or_default();
        match payload {
            Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
                let size = usize::try_from(unchecked_range.end - unchecked_range.start).ok();
                rest = size.and_then(|size| rest.get(size..)).ok_or_else(|| format_err!("it ends too early"))?;
            }
            Payload::CustomSection(section) => sections.push(section),
            Payload::End(_) => return Ok(sections),
            _ => {}
        }
    }
}

fn append(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut section = Component::new();
    section.section(&CustomSection { name: name.into(), data: data.into() });
    let header = Component::HEADER.len();
    component.extend_from_slice(section.as_slice().get(header..).unwrap_or_default());
}
