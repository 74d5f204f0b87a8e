//! Rows as they come in, and the leaves that they add up to.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, Float64Array, RecordBatch};
use arrow_cast::{can_cast_types, cast};
use arrow_schema::DataType;

use crate::config::{Config, list};
use crate::dimension::Dimension;
use crate::error::Error;
use crate::keys::Keys;

/// What is measured, column by column: actual and expected of a sum, or of a numerator and then of a denominator.
pub(crate) type Columns = Vec<Vec<f64>>;

/// Rows, with their dimensions as codes.
#[derive(Debug)]
pub(crate) struct Rows {
    pub dimensions: Vec<Dimension>,
    /// For each dimension a code for each row.
    pub codes: Vec<Vec<u32>>,
    pub measures: Columns,
    /// How many rows each stands for.
    counts: Vec<u32>,
    /// How many rows were left out, because a number of theirs is none.
    pub skipped: u64,
}

/// One for each combination of values that occurs.
#[derive(Debug, Clone)]
pub(crate) struct Leaves {
    /// For each dimension a code for each leaf.
    pub codes: Vec<Vec<u32>>,
    /// For each dimension how many values it has.
    pub sizes: Vec<u32>,
    pub measures: Columns,
    /// How many rows each leaf is made of.
    pub rows: Vec<u32>,
}

impl Rows {
    pub fn new(config: &Config, measures: usize) -> Self {
        Self {
            dimensions: config.dimensions.iter().map(|name| Dimension::new(name)).collect(),
            codes: vec![Vec::new(); config.dimensions.len()],
            measures: vec![Vec::new(); measures],
            counts: Vec::new(),
            skipped: 0,
        }
    }

    /// Takes in a batch. A null among the measures is 0; a row whose measures are all null, or not finite, is left out.
    pub fn push(
        &mut self,
        batch: &RecordBatch,
        columns: &[(&str, &'static str)],
        count: Option<&str>,
    ) -> Result<(), Error> {
        let before = self.measures.first().map_or(0, Vec::len);
        if before.saturating_add(batch.num_rows()) >= u32::MAX as usize {
            return Err(Error::TooManyRows { limit: u32::MAX - 1 });
        }
        let measures: Vec<Float64Array> =
            columns.iter().map(|(name, role)| numbers(batch, name, role)).collect::<Result<_, _>>()?;
        let counts = count.map(|name| numbers(batch, name, "how many rows it stands for")).transpose()?;
        let mut codes = vec![Vec::new(); self.dimensions.len()];
        for (dimension, codes) in self.dimensions.iter_mut().zip(&mut codes) {
            let name = dimension.name().to_owned();
            let array = batch.column_by_name(&name).ok_or_else(|| missing(batch, &name, "a dimension"))?;
            dimension.encode(array, codes)?;
        }
        let good: Vec<bool> = (0..batch.num_rows()).map(|row| is_good(&measures, row)).collect();
        self.skipped += good.iter().filter(|good| !**good).count() as u64;
        for (all, new) in self.codes.iter_mut().zip(codes) {
            all.extend(new.into_iter().zip(&good).filter(|(_, good)| **good).map(|(code, _)| code));
        }
        let stands_for = |row: usize| match &counts {
            // What is negative or no number is none, and what is too large is as large as it can be.
            Some(counts) if counts.is_valid(row) => counts.value(row) as u32,
            Some(_) => 0,
            None => 1,
        };
        let rows = good.iter().enumerate().filter(|(_, good)| **good);
        self.counts.extend(rows.map(|(row, _)| stands_for(row)));
        for (all, new) in self.measures.iter_mut().zip(&measures) {
            all.extend(new.iter().zip(&good).filter(|(_, good)| **good).map(|(value, _)| value.unwrap_or(0.0)));
        }
        Ok(())
    }

    /// Adds up the rows that have the same values, and leaves out the excluded ones.
    pub fn leaves(self, exclude: &[BTreeMap<String, Option<String>>]) -> (Vec<Dimension>, Leaves) {
        let sizes: Vec<u32> = self.dimensions.iter().map(Dimension::len).collect();
        let mut leaves = Leaves { codes: self.codes, sizes, measures: self.measures, rows: self.counts };
        leaves.leave_out(&self.dimensions, exclude);
        (self.dimensions, leaves.merged())
    }
}

impl Leaves {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The numbers of all leaves.
    pub fn all(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    /// The code of a leaf in a dimension.
    pub fn code(&self, dimension: usize, leaf: u32) -> u32 {
        self.codes.get(dimension).and_then(|codes| codes.get(leaf as usize)).copied().unwrap_or(0)
    }

    /// The leaves that have these values.
    pub fn members(&self, values: &[(usize, u32)]) -> Vec<u32> {
        let Some(((dimension, value), others)) = values.split_first() else { return Vec::new() };
        let first = self.codes.get(*dimension).map_or(&[] as &[u32], Vec::as_slice);
        let mut members: Vec<u32> =
            first.iter().zip(0..).filter(|(code, _)| *code == value).map(|(_, at)| at).collect();
        for (dimension, value) in others {
            members.retain(|leaf| self.code(*dimension, *leaf) == *value);
        }
        members
    }

    fn leave_out(&mut self, dimensions: &[Dimension], exclude: &[BTreeMap<String, Option<String>>]) {
        let mut keep = vec![true; self.len()];
        for cause in exclude {
            let value = |(at, dimension): (usize, &Dimension)| {
                cause.get(dimension.name()).map(|value| dimension.code(value).map(|code| (at, code)))
            };
            // A value that does not occur excludes nothing.
            let values: Option<Vec<(usize, u32)>> = dimensions.iter().enumerate().filter_map(value).collect();
            for leaf in self.members(&values.unwrap_or_default()) {
                if let Some(keep) = keep.get_mut(leaf as usize) {
                    *keep = false;
                }
            }
        }
        if keep.contains(&false) {
            let kept: Vec<u32> = keep.iter().zip(0..).filter(|(keep, _)| **keep).map(|(_, leaf)| leaf).collect();
            *self = self.take(&kept);
        }
    }

    fn take(&self, leaves: &[u32]) -> Self {
        Self {
            codes: self.codes.iter().map(|column| gather(column, leaves)).collect(),
            sizes: self.sizes.clone(),
            measures: self.measures.iter().map(|column| gather(column, leaves)).collect(),
            rows: gather(&self.rows, leaves),
        }
    }

    /// Leaves of the same values made one. Whoever has aggregated already keeps the order of the rows.
    fn merged(self) -> Self {
        let mut keys = Keys::whole(self.len());
        for (column, values) in self.codes.iter().zip(&self.sizes) {
            keys = keys.split(column.iter().copied(), *values);
        }
        let order = keys.order();
        let repeats = |pair: &[(u32, u32)]| matches!(pair, [a, b] if a.0 == b.0);
        if !order.windows(2).any(repeats) {
            return self;
        }
        let groups: Vec<&[(u32, u32)]> = order.chunk_by(|a, b| a.0 == b.0).collect();
        let firsts: Vec<u32> = groups.iter().filter_map(|group| group.first().map(|(_, row)| *row)).collect();
        let mut merged = self.take(&firsts);
        for (to, from) in merged.measures.iter_mut().zip(&self.measures) {
            let sum = |group: &&[(u32, u32)]| group.iter().filter_map(|(_, row)| from.get(*row as usize)).sum();
            *to = groups.iter().map(sum).collect();
        }
        let rows = |group: &&[(u32, u32)]| {
            let each = group.iter().filter_map(|(_, row)| self.rows.get(*row as usize));
            each.fold(0_u32, |sum, rows| sum.saturating_add(*rows))
        };
        merged.rows = groups.iter().map(rows).collect();
        merged
    }
}

fn gather<T: Copy>(column: &[T], leaves: &[u32]) -> Vec<T> {
    leaves.iter().filter_map(|leaf| column.get(*leaf as usize)).copied().collect()
}

fn is_good(measures: &[Float64Array], row: usize) -> bool {
    let valid = |column: &&Float64Array| column.is_valid(row);
    measures.iter().any(|column| valid(&column))
        && measures.iter().filter(valid).all(|column| column.value(row).is_finite())
}

fn missing(batch: &RecordBatch, name: &str, role: &'static str) -> Error {
    let schema = batch.schema();
    let known: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    Error::NoColumn { name: name.to_owned(), role, known: list(&known) }
}

fn numbers(batch: &RecordBatch, name: &str, role: &'static str) -> Result<Float64Array, Error> {
    let array = batch.column_by_name(name).ok_or_else(|| missing(batch, name, role))?;
    let found = array.data_type();
    let number = found.is_numeric() || matches!(found, DataType::Boolean | DataType::Null);
    if !number || !can_cast_types(found, &DataType::Float64) {
        return Err(Error::ColumnType {
            name: name.to_owned(),
            found: found.clone(),
            role: "a measure; hint: take numbers",
        });
    }
    Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}
