//! From a model's tensors to the columns of a request.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use wasmill_runtime::function::score::Tensor;

/// Up to so many values a row, a matrix is columns, which people know by name; with more, it is a column of lists.
const MOST_COLUMNS: usize = 64;

/// An input of a model, and what fills a row of it.
pub struct Input {
    /// As in the model's file.
    pub tensor: Tensor,
    /// What a step must be told of `inner`, if the file leaves some of it open.
    pub shape: Option<Vec<usize>>,
    /// The dimensions after the first.
    inner: Vec<usize>,
    /// Its columns, all of one type.
    pub columns: Vec<String>,
    /// The type of its values, as `ingest` calls it.
    pub kind: &'static str,
    /// How many values its only column has, if that is of lists.
    pub length: Option<usize>,
}

impl Input {
    /// A model's inputs. `shapes` has the dimensions after the first of those whose file leaves them open.
    pub fn of(tensors: &[Tensor], shapes: &[(String, Vec<usize>)]) -> Result<Vec<Self>> {
        let names: Vec<String> = tensors.iter().map(|tensor| format!("`{}`", tensor.name)).collect();
        if let Some((unknown, _)) = shapes.iter().find(|(name, _)| tensors.iter().all(|tensor| tensor.name != *name)) {
            bail!("--shape: the model has no input `{unknown}`\nhint: its inputs are {}", names.join(", "));
        }
        let shape =
            |tensor: &Tensor| shapes.iter().find(|(name, _)| *name == tensor.name).map(|(_, shape)| shape.clone());
        let is_open = |tensor: &&Tensor| shape(tensor).is_none() && tensor.shape.iter().skip(1).any(|size| *size < 0);
        let open: Vec<&Tensor> = tensors.iter().filter(is_open).collect();
        if !open.is_empty() {
            let shown =
                open.iter().map(|Tensor { name, datatype, shape, .. }| format!("`{name}`, {datatype} {shape:?}"));
            let sizes = open.iter().map(|Tensor { name, shape, .. }| format!("--shape {name}={}", example(shape)));
            bail!(
                "the model leaves open how many values a row has: {}\nhint: say it, for example {}",
                shown.collect::<Vec<_>>().join("; "),
                sizes.collect::<Vec<_>>().join(" ")
            );
        }
        // What numbers rows has a name of its own.
        let mut taken = BTreeSet::from(["__row".to_owned()]);
        tensors.iter().map(|tensor| Self::new(tensor, shape(tensor), &mut taken)).collect()
    }

    fn new(tensor: &Tensor, shape: Option<Vec<usize>>, taken: &mut BTreeSet<String>) -> Result<Self> {
        let Tensor { name, datatype, .. } = tensor;
        let Some(kind) = Self::kind(tensor) else {
            bail!("the model's input `{name}` is {datatype}, which no column is")
        };
        let declared = || tensor.shape.iter().skip(1).map(|size| usize::try_from(*size).unwrap_or(0)).collect();
        let inner: Vec<usize> = shape.clone().unwrap_or_else(declared);
        let values: usize = inner.iter().fold(1, |values, size| values.saturating_mul(*size));
        let base = column_name(name);
        let mut column = |mut column: String| {
            while !taken.insert(column.clone()) {
                column.push('_');
            }
            column
        };
        let is_list = values > 1 && (inner.len() > 1 || values > MOST_COLUMNS);
        let columns = match is_list || values == 1 {
            true => vec![column(base)],
            false => (0..values).map(|index| column(format!("{base}_{index}"))).collect(),
        };
        Ok(Self { tensor: tensor.clone(), shape, inner, columns, kind, length: is_list.then_some(values) })
    }

    /// How many values a row of it has.
    pub fn width(&self) -> usize {
        self.inner.iter().fold(1, |values, size| values.saturating_mul(*size))
    }

    /// Filled by these columns.
    pub fn filled_by(&mut self, columns: Vec<String>) {
        if columns.len() > 1 {
            self.length = None;
        }
        self.columns = columns;
    }

    /// The type of a tensor's values as `ingest` calls it; none if no column has it.
    pub fn kind(tensor: &Tensor) -> Option<&'static str> {
        Some(match tensor.datatype.as_str() {
            "BOOL" => "bool",
            "INT8" => "int8",
            "INT16" => "int16",
            "INT32" => "int32",
            "INT64" => "int64",
            "UINT8" => "uint8",
            "UINT16" => "uint16",
            "UINT32" => "uint32",
            "UINT64" => "uint64",
            "FP16" | "FP32" => "float32",
            "FP64" => "float64",
            "BYTES" => "utf8",
            _ => return None,
        })
    }

    /// Its entry in a score step's `inputs`.
    pub fn config(&self) -> Value {
        let mut config = json!({ "name": self.tensor.name, "columns": self.columns });
        if let (Some(shape), Some(config)) = (&self.shape, config.as_object_mut()) {
            config.insert("shape".to_owned(), json!(shape));
        }
        config
    }

    /// Made-up values of a row: 0.5, 1.0, 1.5 and so on in columns, where a wrong order shows; 0.5 in lists.
    pub fn values(&self) -> Vec<Value> {
        let value = |index: usize| match self.kind {
            "utf8" => json!("text"),
            "bool" => json!(false),
            "float32" | "float64" if self.length.is_some() => json!(0.5),
            "float32" | "float64" => json!((index + 1) as f64 / 2.0),
            // Often a place in a table, and the first one is always there.
            _ => json!(0),
        };
        (0..self.length.unwrap_or(self.columns.len())).map(value).collect()
    }

    /// The shape of one row of it.
    pub fn row_shape(&self) -> Vec<usize> {
        [1].into_iter().chain(self.inner.iter().copied()).collect()
    }
}

/// Sizes for those that a shape leaves open, as an example.
fn example(shape: &[i64]) -> String {
    let sizes = shape.iter().skip(1).map(|size| if *size < 0 { "16".to_owned() } else { size.to_string() });
    sizes.collect::<Vec<_>>().join(",")
}

/// A tensor's name as SQL takes it without quotes: exporters like `input.1` and `dense/BiasAdd:0`.
fn column_name(tensor: &str) -> String {
    let name: String = tensor.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }).collect();
    match name.to_ascii_lowercase() {
        name if name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_') => name,
        name => format!("x{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, datatype: &str, shape: &[i64]) -> Tensor {
        Tensor { name: name.to_owned(), datatype: datatype.to_owned(), shape: shape.to_vec(), columns: Vec::new() }
    }

    #[test]
    fn a_small_matrix_is_columns_and_anything_larger_a_column_of_lists() {
        let check = |shape: &[i64], columns: &[&str], length: Option<usize>| {
            let inputs = Input::of(&[tensor("In.1", "FP32", shape)], &[]).unwrap();
            assert_eq!(
                (inputs[0].columns.iter().map(String::as_str).collect(), inputs[0].length),
                (columns.to_vec(), length)
            );
        };
        check(&[-1], &["in_1"], None);
        check(&[-1, 1], &["in_1"], None);
        check(&[-1, 1, 1], &["in_1"], None);
        check(&[8, 3], &["in_1_0", "in_1_1", "in_1_2"], None);
        check(&[-1, 65], &["in_1"], Some(65));
        check(&[-1, 3, 32, 32], &["in_1"], Some(3072));
    }

    #[test]
    fn names_are_for_sql_and_there_is_one_of_each() {
        let tensors = [tensor("x", "FP32", &[-1, 2]), tensor("x_0", "INT64", &[-1]), tensor("0", "BYTES", &[-1])];
        let inputs = Input::of(&tensors, &[]).unwrap();
        let columns: Vec<&str> = inputs.iter().flat_map(|input| &input.columns).map(String::as_str).collect();
        assert_eq!(columns, ["x_0", "x_1", "x_0_", "x0"]);
        assert_eq!(Input::of(&[tensor("__ROW", "FP32", &[-1])], &[]).unwrap()[0].columns, ["__row_"]);
    }

    #[test]
    fn what_a_model_leaves_open_is_asked_for() {
        let tensors = [tensor("ids", "INT64", &[-1, -1]), tensor("image", "FP32", &[-1, 3, -1, -1])];
        let err = Input::of(&tensors, &[("ids".to_owned(), vec![128])]).err().unwrap().to_string();
        assert_eq!(
            err,
            "the model leaves open how many values a row has: `image`, FP32 [-1, 3, -1, -1]\n\
             hint: say it, for example --shape image=3,16,16"
        );
        let shapes = [("ids".to_owned(), vec![128]), ("image".to_owned(), vec![3, 8, 8])];
        let inputs = Input::of(&tensors, &shapes).unwrap();
        assert_eq!((inputs[0].length, inputs[1].row_shape()), (Some(128), vec![1, 3, 8, 8]));
        assert_eq!(inputs[0].config(), json!({ "name": "ids", "columns": ["ids"], "shape": [128] }));
        assert!(Input::of(&tensors, &[("idz".to_owned(), vec![1])]).is_err());
    }
}
