//! The event's time in SQL: `now()` and its relatives, which DataFusion takes from the machine's clock.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// When the event that is worked for happened, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Default)]
pub struct EventTime(Arc<AtomicI64>);

impl EventTime {
    /// Says when the event happened.
    pub fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::Relaxed);
    }

    fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The functions that tell the time. They replace DataFusion's of the same names.
pub fn functions(time: &EventTime) -> Vec<Arc<ScalarUDF>> {
    let clock = |name, alias: Option<&str>, unit| {
        Arc::new(ScalarUDF::from(Clock {
            name,
            aliases: alias.into_iter().map(str::to_owned).collect(),
            unit,
            time: time.clone(),
            // Volatile, or the optimiser would fold the time of planning into the plan.
            signature: Signature::nullary(Volatility::Volatile),
        }))
    };
    vec![
        clock("now", Some("current_timestamp"), Unit::Timestamp),
        clock("current_date", Some("today"), Unit::Date),
        clock("current_time", None, Unit::Time),
    ]
}

/// Whether a function is one of [`functions`].
pub fn is_clock(function: &ScalarUDF) -> bool {
    let function: &dyn Any = function.inner().as_ref();
    function.is::<Clock>()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Timestamp,
    Date,
    Time,
}

#[derive(Debug)]
struct Clock {
    name: &'static str,
    aliases: Vec<String>,
    unit: Unit,
    time: EventTime,
    signature: Signature,
}

impl PartialEq for Clock {
    fn eq(&self, other: &Self) -> bool {
        self.unit == other.unit && Arc::ptr_eq(&self.time.0, &other.time.0)
    }
}

impl Eq for Clock {}

impl Hash for Clock {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.unit.hash(state);
    }
}

impl ScalarUDFImpl for Clock {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.unit {
            Unit::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Unit::Date => DataType::Date32,
            Unit::Time => DataType::Time64(TimeUnit::Microsecond),
        })
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name, self.return_type(&[])?, false)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let micros = self.time.get();
        Ok(ColumnarValue::Scalar(match self.unit {
            Unit::Timestamp => ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())),
            // Days of any i64 of microseconds fit an i32.
            Unit::Date => ScalarValue::Date32(i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()),
            Unit::Time => ScalarValue::Time64Microsecond(Some(micros.rem_euclid(MICROS_PER_DAY))),
        }))
    }
}
