//! Finds the rows on which a query fails, so that the others go on.

use arrow_array::RecordBatch;
use datafusion::error::DataFusionError;
use wasmill_sdk::{Failure, Rejects, RowNumbers};

use crate::text;

/// Runs for `rows`; if that fails, for halves of them, down to the rows that fail alone, which are
/// rejected. What came of the others is in the order of the rows.
///
/// Fails if the query does not fail because of a row.
pub fn run<T>(
    rows: RecordBatch,
    rejects: &mut Rejects,
    mut run: impl FnMut(RecordBatch) -> Result<T, DataFusionError>,
) -> Result<Vec<T>, Failure> {
    let mut answers = Vec::new();
    let mut checked = false;
    let mut rest = vec![rows];
    while let Some(rows) = rest.pop() {
        let err = match run(rows.clone()) {
            Ok(answer) => {
                answers.push(answer);
                continue;
            }
            Err(err) => err,
        };
        if !checked {
            if is_fault(&err) || run(rows.slice(0, 0)).is_err() {
                return Err(Failure::Other(text::error(&err)));
            }
            checked = true;
        }
        let half = rows.num_rows() / 2;
        if half > 0 {
            rest.push(rows.slice(half, rows.num_rows() - half));
            rest.push(rows.slice(0, half));
        } else {
            let raw = text::rows(&rows).into_iter().next().flatten();
            rejects.push(RowNumbers::of(&rows).get(0), text::error(&err), raw.as_deref());
        }
    }
    Ok(answers)
}

/// Whether the error is not about the data.
pub fn is_fault(err: &DataFusionError) -> bool {
    matches!(err.find_root(), DataFusionError::ResourcesExhausted(_) | DataFusionError::Internal(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_memory_is_a_fault_and_a_bad_value_is_not() {
        let check = |err: DataFusionError, expect| assert_eq!(is_fault(&err.context("while joining")), expect);
        check(DataFusionError::ResourcesExhausted("no memory".into()), true);
        check(DataFusionError::Internal("a bug".into()), true);
        check(DataFusionError::Execution("a bad value".into()), false);
        check(arrow_schema::ArrowError::DivideByZero.into(), false);
    }
}
