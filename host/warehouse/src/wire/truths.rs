//! Truths that are compared with texts: PostgreSQL takes a text by itself as whatever it is compared with.

use arrow_schema::DataType;
use deltalake_core::datafusion::common::{DFSchema, Result, ScalarValue};
use deltalake_core::datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use deltalake_core::datafusion::logical_expr::{Expr, ExprSchemable};

/// Plans comparisons of truths with texts.
#[derive(Debug)]
pub struct Truths;

impl ExprPlanner for Truths {
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_truth = |expr: &Expr| matches!(expr.get_type(schema), Ok(DataType::Boolean));
        if is_truth(&expr.left) {
            read(&mut expr.right);
        } else if is_truth(&expr.right) {
            read(&mut expr.left);
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// Makes a truth of a text that is one (<https://www.postgresql.org/docs/16/datatype-boolean.html>).
fn read(expr: &mut Expr) {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) = expr else { return };
    let truth = match text.trim().to_lowercase().as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => true,
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => false,
        _ => return,
    };
    *expr = Expr::Literal(ScalarValue::Boolean(Some(truth)), metadata.take());
}
