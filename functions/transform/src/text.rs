//! Errors and rows as text.

use arrow_array::RecordBatch;
use arrow_json::WriterBuilder;
use arrow_json::writer::LineDelimited;
use datafusion::error::DataFusionError;
use wasmill_sdk::ROW;

/// What an error of DataFusion says: its root, on one line but for the hint, in lower case.
pub fn error(err: &DataFusionError) -> String {
    let message = match err.find_root() {
        DataFusionError::SQL(err, _) => err.to_string(),
        DataFusionError::Internal(message) => message.clone(),
        root => root.message().into_owned(),
    };
    let message = message.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default();
    let mut text = String::with_capacity(message.len());
    for line in message.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !text.is_empty() {
            text.push(if line.starts_with("hint:") { '\n' } else { ' ' });
        }
        text.push_str(line);
    }
    lower_first(text.trim_end_matches('.'))
}

/// The text with a small first letter, unless it begins with an abbreviation.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// Each row as a JSON object, without its number. None for all if a column has no form in JSON.
pub fn rows(batch: &RecordBatch) -> Vec<Option<String>> {
    json_lines(batch)
        .map(|lines| lines.lines().map(|line| Some(line.to_owned())).collect())
        .unwrap_or_else(|| vec![None; batch.num_rows()])
}

fn json_lines(batch: &RecordBatch) -> Option<String> {
    let seen = batch.schema_ref().fields().iter().enumerate();
    let seen: Vec<usize> = seen.filter(|(_, field)| field.name() != ROW).map(|(index, _)| index).collect();
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(&batch.project(&seen).ok()?).ok()?;
    writer.finish().ok()?;
    String::from_utf8(writer.into_inner()).ok()
}
