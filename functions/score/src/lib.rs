//! Scores rows with an ONNX model: columns go in as tensors, and the model's outputs come back as columns.
//!
//! # Configuration
//!
//! ```toml
//! inputs = [
//!     # One tensor [N,3] of three columns, in this order. A row with a null in them is rejected.
//!     { name = "features", columns = ["distance", "hour", "delay"] },
//!     # One tensor [N]; nulls are 0, and NaN goes to the model.
//!     { name = "speed", columns = ["wind_speed"], null = 0, nan = "pass" },
//! ]
//! outputs = [{ name = "probabilities", column = "risk", index = 1 }]
//! keep = ["carrier", "flight"]
//! ```
//!
//! - `inputs`: without it, each input of the model is filled from the column of the same name. All inputs of
//!   the model must be named, each with as many `columns` (default: its own name) as a row of the tensor has
//!   values: one for `[N]` and `[N,1]`, k for `[N,k]`, row-major for more dimensions.
//!   - `null`: `"reject"` (default) rejects the row, `"refuse"` the whole batch; `"nan"` and a number stand in.
//!   - `nan`: `"reject"` (default) rejects the row, `"pass"` gives NaN to the model; a number stands in. Pass
//!     it only to a model that was made for it: some kernels swallow it (a sigmoid of NaN is nearly 0 here), so
//!     that the score looks like any other.
//! - `outputs`: without it, every output, each in a column named like it. `column` defaults to the output's
//!   name. A row of `[N]` and `[N,1]` is one value; a row of `[N,m]` is a `FixedSizeList` of m values, unless
//!   `index` (from 0) picks one of them.
//! - `keep`: the input columns that pass on; all by default. `__row` always does, last.
//!
//! Columns are numbers, booleans or decimals and are cast to the tensor's type; a value that does not fit it
//! rejects its row. Floats and decimals into an integer or boolean tensor are refused, because a cast would
//! cut them: do it in a transform, where it can be seen. Tensors of strings are columns of texts.
//!
//! # What a model must be
//!
//! Rows stand alone: the first dimension of every input and output counts rows, and is any size or a fixed
//! one (then rows go in groups of that size, the last one filled up). Operators that draw random numbers are
//! refused, because a replay must give the same. Parts of the model that no chosen output needs are left
//! out, so an unsupported operator there does no harm.
//!
//! Operators that are not known are refused by their names, and so are those that would be taken for something else
//! (an LSTM that reads backwards). Of scikit-learn's, XGBoost's and LightGBM's operators (`ai.onnx.ml`) all are there
//! but those that take or give maps (`DictVectorizer`, `CastMap`); a `ZipMap` gives the scores of all classes, in the
//! order of their labels. What passes of the ONNX project's own cases is in `tests/operators/expected.txt`.
//!
//! # Layout
//! - [`config`]: the configuration.
//! - [`scorer`]: the function: load, bind, process.
//! - [`loaded`]: a loaded model, and batches on their way through it.
//! - [`graph`]: the model's file before it is compiled: what it declares, and what of it is asked for.
//! - [`model`]: the compiled model.
//! - [`operators`]: the operators that a model may have.
//! - [`ml`]: those of `ai.onnx.ml`; [`standard`]: those of ONNX itself that are ours.
//! - [`gather`]: a lookup that says which index is wrong instead of ending the sandbox.
//! - [`inputs`]: columns to tensors.
//! - [`outputs`]: tensors to columns.
//! - [`datatype`]: the types of tensors in ONNX, in Arrow and in the Open Inference Protocol.

pub mod config;
pub mod datatype;
pub mod gather;
pub mod graph;
pub mod inputs;
pub mod loaded;
pub mod ml;
pub mod model;
pub mod operators;
pub mod outputs;
pub mod scorer;
pub mod standard;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use scorer::Scorer;
