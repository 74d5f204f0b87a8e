//! What is asked of documents, as databases of SQL have it. A database says how it finds a field ([`Place`]) and how it takes a
//! value; what is compared with what, and in which order, is the same in all of them.

use serde_json::Value;

use super::query::{Condition, Operator, Position, Query, beginning, kind};

/// A field as SQL has it: as it is ordered, and as it is. Indexes are over the same texts.
pub struct Place {
    /// The kind of its value, an integer of [`kind`].
    pub kind: String,
    /// Its number, if it is one or a truth value; or else 0.
    pub number: String,
    /// Its beginning, if it is a text; or else an empty one.
    pub text: String,
    /// All of it, as text.
    pub value: String,
}

/// A value that a statement is given.
pub enum Literal {
    /// A small integer.
    Integer(i32),
    /// A number, in decimal digits.
    Number(String),
    /// A text.
    Text(String),
}

/// A condition. `bind` takes a value, and gives what stands for it in the text.
pub fn condition(place: &Place, condition: &Condition, mut bind: impl FnMut(Literal) -> String) -> String {
    let Place { kind, number, text, value } = place;
    // What is of another kind is only unequal.
    let (operator, is_negated) = match condition.operator {
        Operator::NotEqual => (Operator::Equal, true),
        operator => (operator, false),
    };
    let sql = operator.sql();
    let compared = match &condition.value {
        Value::Bool(wanted) => {
            let wanted = bind(Literal::Integer(i32::from(*wanted)));
            format!("({kind} = {} AND {number} {sql} {wanted})", kind::BOOLEAN)
        }
        Value::Number(wanted) => {
            let wanted = bind(Literal::Number(wanted.to_string()));
            format!("({kind} = {} AND {number} {sql} {wanted})", kind::NUMBER)
        }
        Value::String(wanted) => {
            let (begins, whole) = (bind(Literal::Text(beginning(wanted))), bind(Literal::Text(wanted.clone())));
            let of_beginnings = operator.of_beginnings().sql();
            format!("({kind} = {} AND {text} {of_beginnings} {begins} AND {value} {sql} {whole})", kind::TEXT)
        }
        // Nothing is less than nothing.
        _ if matches!(operator, Operator::Less | Operator::Greater) => "1 = 0".to_owned(),
        _ => format!("{kind} = {}", kind::NONE),
    };
    if is_negated { format!("NOT ({compared})") } else { compared }
}

/// What comes after `ORDER BY`.
pub fn order_by(order: Option<&Place>, descending: bool) -> String {
    let direction = if descending { "DESC" } else { "ASC" };
    columns(order).map(|column| format!("{column} {direction}")).collect::<Vec<_>>().join(", ")
}

/// That a document comes after the position of a query, if that has one.
pub fn after(order: Option<&Place>, query: &Query, bind: impl FnMut(Literal) -> String) -> Option<String> {
    let Position { value, key } = query.after.clone()?;
    let sorted = [Literal::Integer(value.kind.into()), Literal::Number(value.number), Literal::Text(value.text)];
    let key = [Literal::Text(key.partition_key), Literal::Text(key.id)];
    let values: Vec<String> = sorted.into_iter().filter(|_| order.is_some()).chain(key).map(bind).collect();
    let columns: Vec<&str> = columns(order).collect();
    let comes_after = if query.descending { "<" } else { ">" };
    Some(format!("({}) {comes_after} ({})", columns.join(", "), values.join(", ")))
}

/// What documents are ordered by, one after the other.
fn columns(order: Option<&Place>) -> impl Iterator<Item = &str> {
    let sorted = order.map(|Place { kind, number, text, .. }| [kind.as_str(), number, text]);
    sorted.into_iter().flatten().chain(["partition_key", "id"])
}
