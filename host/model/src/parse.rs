//! From a file's text to a model, with every problem at its place.

mod check;
mod measures;
mod reader;
mod tables;

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::Document;

use crate::model::Model;
use crate::problem::{Problem, Problems};
use crate::sql_text::is_name;
use reader::Section;

/// Where things were typed.
#[derive(Default)]
struct Places {
    tables: BTreeMap<String, Range<usize>>,
    relationships: Vec<Range<usize>>,
    dimensions: BTreeMap<String, Range<usize>>,
    measures: BTreeMap<String, Range<usize>>,
}

impl Model {
    /// Reads a model. All problems are returned, in the order of the text.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let problems = Problems::new(text);
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(err) => {
                problems.add(&err.span().unwrap_or(0..0), err.message(), "the file is TOML");
                return Err(problems.finish());
            }
        };
        let root = Section::new(document.as_table(), 0..0, "the model", &problems);
        if root.number("version").is_none_or(|version| version.value != 1) {
            root.problem("is of no version that is known", "add `version = 1` at its top");
        }
        let mut places = Places::default();
        let mut model = Self {
            name: root.required("name", "\"sales\"").map(|name| checked(name, &problems)).unwrap_or_default(),
            description: root.text("description").map(|text| text.value),
            ..Self::default()
        };
        tables::tables(&root, &mut model, &mut places, &problems);
        tables::relationships(&root, &mut model, &mut places, &problems);
        tables::dimensions(&root, &mut model, &mut places, &problems);
        measures::measures(&root, &mut model, &mut places, &problems);
        tables::hierarchies(&root, &mut model, &problems);
        root.finish();
        check::check(&model, &places, &problems);
        if problems.is_empty() { Ok(model) } else { Err(problems.finish()) }
    }
}

/// The model's name, which is a schema's.
fn checked(name: reader::Spanned<String>, problems: &Problems<'_>) -> String {
    if !is_name(&name.value) {
        let hint = "a name is of small letters, digits and `_`, and begins with a letter";
        problems.add(&name.span, format!("`{}` cannot be the name of a model", name.value), hint);
    }
    name.value
}

/// Reports a name that is not there.
fn unknown<'k>(
    kind: &str,
    name: &reader::Spanned<String>,
    known: impl IntoIterator<Item = &'k String>,
    problems: &Problems<'_>,
) {
    let known = crate::problem::list(known.into_iter().map(String::as_str));
    problems.add(&name.span, format!("there is no {kind} `{}`", name.value), format!("there are {known}"));
}
