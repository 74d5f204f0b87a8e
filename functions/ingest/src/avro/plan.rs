//! From a schema and the columns to what is read of a record, and what is passed over.

use std::borrow::Cow;

use super::datum::{Bytes, Outcome, Slot};
use super::types::{Index, Type, Types};
use crate::column::Value;
use crate::reason::unlike;
use crate::schema::{ColumnPlan, Kind, MOST_DEPTH};
use crate::typed::{Class, lacking};

/// How a record is read.
#[derive(Debug)]
pub struct Plan {
    types: Types,
    root: Step,
    /// The most items of a list that a column takes.
    most_items: usize,
}

/// What is done with a value.
#[derive(Debug)]
enum Step {
    /// It is passed over.
    Skip(Index),
    /// It is the value of columns.
    Take(Vec<usize>, Index),
    /// Its fields are looked at.
    Record(Vec<Step>),
    /// Whichever it is.
    Union(Vec<Step>),
}

/// A column, and the keys that are left on the way to it.
type Wanted<'a> = (usize, &'a [String]);

impl Plan {
    /// The plan for reading columns from records.
    pub fn new(types: Types, columns: &[ColumnPlan]) -> Result<Self, String> {
        let Some(Type::Record(fields)) = types.get(0) else {
            return Err("the Avro file holds no records but other values".to_owned());
        };
        let paths: Vec<Vec<String>> = columns.iter().map(ColumnPlan::path).collect();
        let wanted: Vec<Wanted<'_>> = paths.iter().enumerate().map(|(index, path)| (index, path.as_slice())).collect();
        let mut found = vec![None; columns.len()];
        let root = step(&types, 0, &wanted, &mut found, &mut 0, 0)?;
        let missing: Vec<&str> =
            columns.iter().zip(&found).filter(|(_, class)| class.is_none()).map(|(column, _)| column.from()).collect();
        if !missing.is_empty() {
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            return Err(lacking(&missing, &names));
        }
        for (column, class) in columns.iter().zip(found.into_iter().flatten()) {
            if !class.fits(&column.kind) {
                return Err(unlike(column, &format!("{class:?}").to_lowercase()));
            }
        }
        let lengths = columns.iter().filter_map(|column| match column.kind {
            Kind::List(_, length) => usize::try_from(length).ok(),
            _ => None,
        });
        let most_items = lengths.max().unwrap_or(0);
        Ok(Self { types, root, most_items })
    }

    /// Reads a record: `slots` has one for each column.
    pub fn read<'a>(&self, bytes: &mut Bytes<'a>, slots: &mut [Slot<'a>]) -> Outcome<()> {
        self.follow(&self.root, bytes, slots)
    }

    fn follow<'a>(&self, step: &Step, bytes: &mut Bytes<'a>, slots: &mut [Slot<'a>]) -> Outcome<()> {
        bytes.count()?;
        match step {
            Step::Skip(index) => self.skip(*index, bytes, 0),
            Step::Record(steps) => steps.iter().try_for_each(|step| self.follow(step, bytes, slots)),
            Step::Union(steps) => {
                let step = usize::try_from(bytes.long()?).ok().and_then(|branch| steps.get(branch));
                self.follow(step.ok_or(NO_BRANCH)?, bytes, slots)
            }
            Step::Take(columns, index) => {
                let slot = self.slot(*index, bytes)?;
                for column in columns {
                    if let Some(place) = slots.get_mut(*column) {
                        *place = slot.clone();
                    }
                }
                Ok(())
            }
        }
    }

    fn slot<'a>(&self, index: Index, bytes: &mut Bytes<'a>) -> Outcome<Slot<'a>> {
        let Some(Type::Array(item)) = self.types.get(index) else {
            return Ok(Slot::Value(self.value(index, bytes, 0)?));
        };
        let mut values = Vec::new();
        loop {
            let (count, _) = bytes.items()?;
            if count == 0 {
                return Ok(Slot::List(values));
            }
            for _ in 0..count {
                let before = bytes.len();
                // One more than a column takes is enough to see that there are too many.
                if values.len() > self.most_items {
                    self.skip(*item, bytes, 0)?;
                } else {
                    values.push(self.value(*item, bytes, 0)?);
                }
                if bytes.len() == before {
                    return Err(NO_DATA);
                }
            }
        }
    }

    /// Decodes a value; what no column has as a value is passed over.
    fn value<'a>(&self, index: Index, bytes: &mut Bytes<'a>, depth: usize) -> Outcome<Value<'a>> {
        if depth > MOST_DEPTH {
            return Err(TOO_DEEP);
        }
        bytes.count()?;
        Ok(match self.types.get(index).ok_or(UNKNOWN)? {
            Type::Null => Value::Null,
            Type::Boolean => match bytes.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err("a boolean is neither 0 nor 1"),
            },
            Type::Int => Value::Integer(bytes.int()?.into()),
            Type::Long => Value::Integer(bytes.long()?.into()),
            Type::Float => Value::Float(f32::from_le_bytes(bytes.array()?).into()),
            Type::Double => Value::Float(f64::from_le_bytes(bytes.array()?)),
            Type::Bytes | Type::String => text(bytes.bytes()?),
            Type::Fixed(len) => text(bytes.take(*len)?),
            Type::Enum(symbols) => {
                let symbol = usize::try_from(bytes.int()?).ok().and_then(|index| symbols.get(index));
                Value::Text(Cow::Owned(symbol.ok_or("an enum has no such symbol")?.clone()))
            }
            Type::Union(branches) => {
                let branch = usize::try_from(bytes.long()?).ok().and_then(|branch| branches.get(branch));
                self.value(*branch.ok_or(NO_BRANCH)?, bytes, depth + 1)?
            }
            Type::Decimal(len, scale) => {
                let digits = match len {
                    Some(len) => bytes.take(*len)?,
                    None => bytes.bytes()?,
                };
                integer(digits)
                    .map_or(Value::Other("a decimal of more than 128 bits"), |value| Value::Decimal(value, *scale))
            }
            Type::Date => Value::Date(bytes.int()?),
            Type::Timestamp(scale, is_utc) => {
                let value = bytes.long()?;
                let micros = if *scale < 0 { Some(value.div_euclid(-scale)) } else { value.checked_mul(*scale) };
                Value::Time { micros: micros.ok_or("a time is out of bounds")?, is_utc: *is_utc }
            }
            Type::Other(inner, name) => {
                self.skip(*inner, bytes, depth + 1)?;
                Value::Other(name)
            }
            Type::Array(_) | Type::Map(_) | Type::Record(_) => {
                self.skip(index, bytes, depth)?;
                Value::Other("a value with parts")
            }
            Type::Pending => return Err(UNKNOWN),
        })
    }

    /// Passes over a value.
    fn skip(&self, index: Index, bytes: &mut Bytes<'_>, depth: usize) -> Outcome<()> {
        if depth > MOST_DEPTH {
            return Err(TOO_DEEP);
        }
        bytes.count()?;
        match self.types.get(index).ok_or(UNKNOWN)? {
            Type::Record(fields) => fields.iter().try_for_each(|(_, field)| self.skip(*field, bytes, depth + 1)),
            Type::Array(item) => self.skip_items(bytes, |bytes| self.skip(*item, bytes, depth + 1)),
            Type::Map(value) => self.skip_items(bytes, |bytes| {
                bytes.bytes()?;
                self.skip(*value, bytes, depth + 1)
            }),
            Type::Union(branches) => {
                let branch = usize::try_from(bytes.long()?).ok().and_then(|branch| branches.get(branch));
                self.skip(*branch.ok_or(NO_BRANCH)?, bytes, depth + 1)
            }
            Type::Other(inner, _) => self.skip(*inner, bytes, depth + 1),
            _ => self.value(index, bytes, depth).map(drop),
        }
    }

    fn skip_items(&self, bytes: &mut Bytes<'_>, skip: impl Fn(&mut Bytes<'_>) -> Outcome<()>) -> Outcome<()> {
        loop {
            match bytes.items()? {
                (0, _) => return Ok(()),
                (_, Some(len)) => {
                    bytes.take(len)?;
                }
                (count, None) => {
                    for _ in 0..count {
                        let before = bytes.len();
                        skip(bytes)?;
                        if bytes.len() == before {
                            return Err(NO_DATA);
                        }
                    }
                }
            }
        }
    }
}

/// The most types that are looked at for the columns; one that is named may be found on many ways.
const MOST_STEPS: usize = 100_000;

const NO_BRANCH: &str = "a union has no such branch";
const NO_DATA: &str = "there are items without any data";
const TOO_DEEP: &str = "it is nested too deep";
const UNKNOWN: &str = "its schema refers to a type that is not in it";

/// Text; bytes that are none are text in no encoding.
fn text(bytes: &[u8]) -> Value<'_> {
    match str::from_utf8(bytes) {
        Ok(text) => Value::Text(Cow::Borrowed(text)),
        Err(_) => Value::Other("bytes that are not UTF-8"),
    }
}

/// A whole number in two's complement, the highest byte first.
fn integer(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let filler = if negative { 0xff } else { 0 };
    let (extra, digits) = bytes.split_at(bytes.len().saturating_sub(16));
    let fits = extra.iter().all(|byte| *byte == filler)
        && (extra.is_empty() || digits.first().is_some_and(|byte| (*byte >= 0x80) == negative));
    let start = if negative { -1_i128 } else { 0 };
    fits.then(|| digits.iter().fold(start, |value, byte| (value << 8) | i128::from(*byte)))
}

/// What is done with a value of a type that leads to the wanted columns.
fn step(
    types: &Types,
    index: Index,
    wanted: &[Wanted<'_>],
    found: &mut [Option<Class>],
    count: &mut usize,
    depth: usize,
) -> Result<Step, String> {
    *count += 1;
    if *count > MOST_STEPS {
        return Err(format!("the Avro file's schema has more than {MOST_STEPS} types on the way to the columns"));
    }
    if wanted.is_empty() || depth > MOST_DEPTH {
        return Ok(Step::Skip(index));
    }
    if let Some(Type::Union(branches)) = types.get(index) {
        let steps = branches.iter().map(|branch| step(types, *branch, wanted, found, count, depth + 1));
        return Ok(Step::Union(steps.collect::<Result<_, _>>()?));
    }
    let here: Vec<usize> = wanted.iter().filter(|(_, keys)| keys.is_empty()).map(|(column, _)| *column).collect();
    for column in &here {
        let Some(class) = found.get_mut(*column) else { continue };
        // Of the branches of a union, whichever says most.
        if matches!(class, None | Some(Class::Null)) {
            *class = Some(types.class(index));
        }
    }
    match types.get(index) {
        Some(Type::Record(fields)) if here.is_empty() => {
            let steps = fields.iter().map(|(name, field)| {
                let inside: Vec<Wanted<'_>> = wanted
                    .iter()
                    .filter_map(|(column, keys)| match keys.split_first() {
                        Some((key, rest)) if key == name => Some((*column, rest)),
                        _ => None,
                    })
                    .collect();
                step(types, *field, &inside, found, count, depth + 1)
            });
            Ok(Step::Record(steps.collect::<Result<_, _>>()?))
        }
        _ if here.is_empty() => Ok(Step::Skip(index)),
        _ => Ok(Step::Take(here, index)),
    }
}
