//! Why a query has no answer.

use crate::security::SecurityError;

/// Why a query has no answer. Each says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nothing is asked.
    #[error("the query asks for nothing\nhint: add `measures`; there are {known}")]
    Nothing {
        /// The measures.
        known: String,
    },
    /// A name that is not one of the model.
    #[error("there is no {kind} `{name}`\nhint: there are {known}")]
    Unknown {
        /// What it would be.
        kind: &'static str,
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// Something is asked twice.
    #[error("`{name}` is asked twice\nhint: remove one of them")]
    Twice {
        /// Its name.
        name: String,
    },
    /// The measure's rows would become several.
    #[error(
        "`{table}`, which has {measures}, cannot be given by `{dimension}`: no relationship leads from many of its rows to one of {sources}, so rows would count several times, or not at all\nhint: by {reachable} it can"
    )]
    Unreachable {
        /// The table that is aggregated.
        table: String,
        /// Its measures.
        measures: String,
        /// The dimension.
        dimension: String,
        /// Tables that have the dimension.
        sources: String,
        /// The dimensions that it can be given by.
        reachable: String,
    },
    /// A dimension could be several things of a table.
    #[error("`{dimension}` could be several values of `{table}`: {ways}\nhint: give the dimension a `via`")]
    Ambiguous {
        /// The table.
        table: String,
        /// The dimension.
        dimension: String,
        /// What it could be.
        ways: String,
    },
    /// Dimensions of several tables, without a measure that relates them.
    #[error("no table has all of {dimensions}\nhint: ask for a measure too, which says what relates them")]
    Unrelated {
        /// The dimensions.
        dimensions: String,
    },
    /// A measure of other periods, in a query that does not say of which.
    #[error("`{measure}` is computed along time, and the query does not say by which periods: {why}\nhint: {hint}")]
    Time {
        /// The measure.
        measure: String,
        /// What is missing.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A filter that makes no sense.
    #[error("the filter of `{name}` cannot be used: {why}\nhint: {hint}")]
    Filter {
        /// What is filtered.
        name: String,
        /// What is wrong.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A time range that makes no sense.
    #[error("the time range cannot be used: {why}\nhint: {hint}")]
    TimeRange {
        /// What is wrong.
        why: String,
        /// What to do.
        hint: String,
    },
    /// What a table's security needs is not known.
    #[error("table `{table}` cannot be read: {source}\nhint: its rows are for those who have {needs}")]
    Security {
        /// The table.
        table: String,
        /// What has to be known.
        needs: String,
        /// What is missing.
        source: SecurityError,
    },
    /// A measure that cannot be taken apart.
    #[error("a change of `{measure}` cannot be explained: {why}\nhint: {hint}")]
    NotAdditive {
        /// The measure.
        measure: String,
        /// Why not.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A measure that cannot be expanded; a model that was parsed has none.
    #[error("measure `{name}` cannot be computed\nhint: validate the model")]
    Measure {
        /// The measure.
        name: String,
    },
}
