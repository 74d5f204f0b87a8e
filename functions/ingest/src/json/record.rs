//! From a JSON object to a row, or to a row for each item of an array in it.

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::paths::{Fill, Paths, split};
use crate::column::Column;
use crate::rows::Rows;
use crate::schema::ColumnPlan;

/// How rows are read from an object.
#[derive(Debug, Clone)]
pub struct RecordPlan {
    paths: Paths,
    explode: Option<Explode>,
    columns: usize,
}

/// How rows are read from the items of an array.
#[derive(Debug, Clone)]
struct Explode {
    path: String,
    /// Columns in an item that is an object.
    paths: Paths,
    /// Columns that are the item.
    whole: Vec<usize>,
}

/// The values of the columns, as they stand in the text.
type Values<'a> = Vec<Option<&'a RawValue>>;

impl RecordPlan {
    /// The paths of columns. What is in the array of `explode` is in each of its items.
    pub fn new(columns: &[ColumnPlan], explode: Option<&str>) -> Result<Self, String> {
        let array = explode.map(split);
        let mut exploded =
            explode.map(|path| Explode { path: path.to_owned(), paths: Paths::default(), whole: vec![] });
        let mut paths = Paths::default();
        for (index, column) in columns.iter().enumerate() {
            let keys = column.path();
            let place = match (&mut exploded, array.as_ref().and_then(|array| keys.strip_prefix(array.as_slice()))) {
                (Some(explode), Some([])) => {
                    explode.whole.push(index);
                    Some(())
                }
                (Some(explode), Some(keys)) => explode.paths.insert(keys, index),
                _ => paths.insert(&keys, index),
            };
            place.ok_or_else(|| {
                let name = &column.name;
                format!("column `{name}`: its path and another column's cannot both lead to a value")
            })?;
        }
        if let (Some(array), Some(path)) = (array, explode) {
            paths
                .insert(&array, columns.len())
                .ok_or_else(|| format!("`explode` `{path}`: it and a column's path cannot both lead to a value"))?;
        }
        Ok(Self { paths, explode: exploded, columns: columns.len() })
    }

    /// Whether an object may be several rows.
    pub fn explodes(&self) -> bool {
        self.explode.is_some()
    }

    /// Adds the rows that an object is, but for the first `done`, or rejects it; `number` gives each its number. If the
    /// batch is full before all are added: how many are done then.
    pub fn read(&self, raw: &[u8], rows: &mut Rows, done: usize, mut number: impl FnMut() -> u64) -> Option<usize> {
        let (values, items) = match self.values(raw) {
            Ok(found) => found,
            Err(reason) => {
                rows.reject(number(), raw, &reason);
                return None;
            }
        };
        let Some(explode) = self.explode.as_ref().filter(|_| !items.is_empty()) else {
            rows.push(number(), raw, |columns| append(&values, columns));
            return None;
        };
        // What is beside the array becomes a part of every row.
        let beside: usize = values.iter().flatten().map(|value| value.get().len()).sum();
        let count = items.len();
        for (index, item) in items.into_iter().enumerate().skip(done) {
            let (number, raw) = (number(), item.get().as_bytes());
            let outcome = rows.try_push(number, beside + raw.len(), |columns| {
                let mut values = values.clone();
                explode.fill(item, &mut values)?;
                append(&values, columns)
            });
            if let Err(reason) = outcome {
                rows.reject(number, raw, &reason);
            }
            if rows.is_full() && index + 1 < count {
                return Some(index + 1);
            }
        }
        None
    }

    /// The columns that are in the object itself, and the items of the array that is taken apart. No items are as
    /// one without anything in it, so that the object is not lost.
    fn values<'a>(&self, raw: &'a [u8]) -> Result<(Values<'a>, Vec<&'a RawValue>), String> {
        let json = str::from_utf8(raw).map_err(|err| {
            format!("not text in the object's encoding at byte {} of the record", err.valid_up_to() + 1)
        })?;
        let mut values = vec![None; self.columns + usize::from(self.explodes())];
        let form = "not a JSON object of the columns' form";
        fill(json, &self.paths, &mut values).map_err(|err| explain(form, &err))?;
        let array = if self.explodes() { values.pop().flatten() } else { None };
        let items = match array.map(RawValue::get) {
            None | Some("null") => Vec::new(),
            Some(array) => serde_json::from_str(array).map_err(|_| {
                let path = self.explode.as_ref().map_or("", |explode| &explode.path);
                format!("`{path}` is not an array")
            })?,
        };
        Ok((values, items))
    }
}

impl Explode {
    fn fill<'a>(&self, item: &'a RawValue, values: &mut Values<'a>) -> Result<(), String> {
        for index in &self.whole {
            if let Some(value) = values.get_mut(*index) {
                *value = Some(item);
            }
        }
        if self.paths.is_empty() {
            return Ok(());
        }
        let form = format!("not an item of `{}` of the columns' form", self.path);
        fill(item.get(), &self.paths, values).map_err(|err| explain(&form, &err))
    }
}

fn fill<'a>(json: &'a str, paths: &Paths, values: &mut Values<'a>) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Fill { paths, values }.deserialize(&mut deserializer).and_then(|()| deserializer.end())
}

fn append(values: &Values<'_>, columns: &mut [Column]) -> Result<(), String> {
    columns.iter_mut().zip(values).try_for_each(|(column, value)| match value {
        Some(value) => column.append_json(value.get()),
        None => column.append_null(),
    })
}

/// An error of JSON, with the position in the record instead of one in the text.
fn explain(form: &str, err: &serde_json::Error) -> String {
    let text = err.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
    match err.line() {
        1 => format!("{form}: {problem} at byte {} of the line", err.column()),
        line => format!("{form}: {problem} at byte {} of its line {line}", err.column()),
    }
}
