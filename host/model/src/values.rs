//! What a measure is of: aggregates over windows of time, and arithmetic of them.
//!
//! A ratio of sums is not a sum of ratios, so what is done with a measure's time is done with the aggregates that it
//! ends at: the year to date of a ratio is the ratio of the years to date.

use crate::arithmetic::{Arithmetic, Operator};
use crate::model::{Computation, Model, Since};

/// Which periods are aggregated for a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Window {
    /// How many years earlier.
    pub(crate) years: u32,
    /// How many periods earlier, after that.
    pub(crate) periods: u32,
    /// Which of there on.
    pub(crate) span: Span,
}

/// Which periods, up to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Span {
    /// It alone.
    #[default]
    Period,
    /// From its year's first.
    YearToDate,
    /// So many.
    Rolling(u32),
}

impl Window {
    /// Whether it is the period itself, which needs no other rows than its own.
    pub(crate) fn is_period(self) -> bool {
        self == Self::default()
    }

    /// In words, for names in SQL.
    pub(crate) fn label(self) -> String {
        let mut label = match self.span {
            Span::Period => String::new(),
            Span::YearToDate => " to date".to_owned(),
            Span::Rolling(periods) => format!(" of {periods}"),
        };
        if self.years > 0 {
            label.push_str(&format!(" {} years before", self.years));
        }
        if self.periods > 0 {
            label.push_str(&format!(" {} before", self.periods));
        }
        label
    }
}

/// How a measure's value is computed of aggregates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// An aggregate measure, over a window.
    Leaf(String, Window),
    /// A number.
    Number(String),
    /// Two, and what is done with them.
    Binary(Box<Value>, Operator, Box<Value>),
}

impl Value {
    /// The aggregates it is of.
    pub(crate) fn leaves(&self) -> Vec<(&str, Window)> {
        match self {
            Self::Leaf(name, window) => vec![(name, *window)],
            Self::Number(_) => Vec::new(),
            Self::Binary(left, _, right) => [left.leaves(), right.leaves()].concat(),
        }
    }

    fn binary(left: Self, operator: Operator, right: Self) -> Self {
        Self::Binary(Box::new(left), operator, Box::new(right))
    }
}

/// Why a measure has no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExpandError {
    /// A measure that it is of is not there.
    Unknown,
    /// It is of itself, by these.
    Circle(Vec<String>),
    /// It is of more than a query may be of.
    TooLarge,
    /// A window would be of this one, which is earlier or a window itself.
    PeriodsOfPeriods(String),
}

/// The value of a measure over a window.
pub(crate) fn expand(model: &Model, name: &str, window: Window) -> Result<Value, ExpandError> {
    Expand { model, open: Vec::new(), leaves: 0 }.measure(name, window)
}

/// How many aggregates a measure may be of, each as often as it is named: measures of measures can double with each step.
const MAX_LEAVES: usize = 500;

/// How many measures one may be of, one of the other.
const MAX_DEPTH: usize = 50;

struct Expand<'m> {
    model: &'m Model,
    open: Vec<String>,
    leaves: usize,
}

impl Expand<'_> {
    fn measure(&mut self, name: &str, window: Window) -> Result<Value, ExpandError> {
        if self.open.iter().any(|open| open == name) {
            return Err(ExpandError::Circle(self.open.clone()));
        }
        self.leaves += 1;
        if self.leaves > MAX_LEAVES || self.open.len() > MAX_DEPTH {
            return Err(ExpandError::TooLarge);
        }
        self.open.push(name.to_owned());
        let measure = self.model.measures.get(name).ok_or(ExpandError::Unknown)?;
        // The periods earlier are of where a window ends; of its parts they would mean something else.
        if measure.computation.is_along_time() && window.span != Span::Period {
            return Err(ExpandError::PeriodsOfPeriods(name.to_owned()));
        }
        let value = match &measure.computation {
            Computation::Aggregate { .. } => Value::Leaf(name.to_owned(), window),
            Computation::Ratio { numerator, denominator } => {
                Value::binary(self.measure(numerator, window)?, Operator::Divide, self.measure(denominator, window)?)
            }
            Computation::Expression(arithmetic) => self.arithmetic(arithmetic, window)?,
            Computation::YearToDate(of) => self.measure(of, Window { span: Span::YearToDate, ..window })?,
            Computation::SamePeriodLastYear(of) => self.measure(of, Window { years: window.years + 1, ..window })?,
            Computation::Rolling { of, periods } => {
                self.measure(of, Window { span: Span::Rolling(*periods), ..window })?
            }
            Computation::Change { of, since, share } => {
                let now = self.measure(of, window)?;
                let before = self.measure(
                    of,
                    match since {
                        Since::Period => Window { periods: window.periods + 1, ..window },
                        Since::Year => Window { years: window.years + 1, ..window },
                    },
                )?;
                let difference = Value::binary(now, Operator::Subtract, before.clone());
                if *share { Value::binary(difference, Operator::Divide, before) } else { difference }
            }
        };
        self.open.pop();
        Ok(value)
    }

    fn arithmetic(&mut self, arithmetic: &Arithmetic, window: Window) -> Result<Value, ExpandError> {
        Ok(match arithmetic {
            Arithmetic::Number(number) => Value::Number(number.clone()),
            Arithmetic::Measure(name) => self.measure(name, window)?,
            Arithmetic::Binary(left, operator, right) => {
                Value::binary(self.arithmetic(left, window)?, *operator, self.arithmetic(right, window)?)
            }
        })
    }
}

impl Computation {
    /// Whether it is of other periods than the one it is asked for.
    pub fn is_along_time(&self) -> bool {
        match self {
            Self::Aggregate { .. } | Self::Ratio { .. } | Self::Expression(_) => false,
            Self::YearToDate(_) | Self::SamePeriodLastYear(_) | Self::Rolling { .. } | Self::Change { .. } => true,
        }
    }
}
