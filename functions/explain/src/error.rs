//! What can be wrong with a configuration or with rows.

use arrow_schema::{ArrowError, DataType};

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to look along.
    #[error(
        "`dimensions` is empty: there is nothing to explain a change by; hint: dimensions = [\"region\", \"product\"]"
    )]
    NoDimensions,
    /// More dimensions than a cause can be told by.
    #[error("{found} dimensions are more than {limit}; hint: leave out those that cannot be a cause")]
    TooManyDimensions {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A column has two roles.
    #[error("the column `{name}` is named twice, as {first} and as {second}")]
    NamedTwice {
        /// The column.
        name: String,
        /// Its one role.
        first: &'static str,
        /// Its other role.
        second: &'static str,
    },
    /// Half a ratio, or a ratio and a sum.
    #[error(
        "{reason}; hint: numerator = {{ actual = \"late\", expected = \"late_before\" }}, denominator = {{ actual = \"flights\", expected = \"flights_before\" }}"
    )]
    Measure {
        /// What does not fit together.
        reason: &'static str,
    },
    /// A column that is kept has the name of one that comes out.
    #[error("`keep` has `{name}`, which is a column of the causes; hint: give it another name before")]
    Kept {
        /// The column.
        name: String,
    },
    /// A number that cannot be.
    #[error("`{key}` is {found}, but must be {expected}")]
    OutOfRange {
        /// The configuration's key.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// An excluded cause names something that is no dimension.
    #[error("`exclude[{index}]` names `{name}`, which is not a dimension; known: {known}")]
    UnknownDimension {
        /// Which of the excluded causes, from 0.
        index: usize,
        /// What it names.
        name: String,
        /// The dimensions.
        known: String,
    },
    /// An excluded cause that would exclude everything.
    #[error("`exclude[{index}]` names no dimension, which would leave nothing")]
    EmptyExclude {
        /// Which of the excluded causes, from 0.
        index: usize,
    },
    /// A column that is not there.
    #[error("there is no column `{name}` for {role}; known: {known}")]
    NoColumn {
        /// The column.
        name: String,
        /// What it is for.
        role: &'static str,
        /// The columns that there are.
        known: String,
    },
    /// A column of a type that cannot be used so.
    #[error("the column `{name}` is {found}, which cannot be {role}")]
    ColumnType {
        /// The column.
        name: String,
        /// Its type.
        found: DataType,
        /// What it should be.
        role: &'static str,
    },
    /// More rows than can be numbered.
    #[error("more than {limit} rows; hint: aggregate them by the dimensions first")]
    TooManyRows {
        /// How many there may be.
        limit: u32,
    },
    /// Arrow could not do what was asked.
    #[error("the columns could not be read or written")]
    Arrow(#[from] ArrowError),
}
