//! What a document was written with, as it stands in the document itself: [`wasmill_settle`] decides by it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmill_sdk::{Document, Written};
use wasmill_settle::Counts;

/// The name of the property in which a document carries what it was written with.
pub const PROPERTY: &str = "_wasmill";

/// What a document is written with; of its body a digest.
pub type Stamp = wasmill_settle::Stamp<String>;

/// The same as it is stored. Numbers of a JSON database are floats, in which not all of these fit, so they are texts.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: String,
    row: String,
    pipeline: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// For whoever reads without this crate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

/// What a document is written with.
pub fn stamp(document: &Document, pipeline: i64) -> Stamp {
    let body = document.body.as_ref().map(|body| {
        let digest = Sha256::digest(body.as_bytes());
        // 128 bits: nobody gains anything by two bodies that are taken for one.
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    });
    Stamp { version: document.version, row: document.row, pipeline, body }
}

/// The value of the property, as JSON.
pub fn to_json(stamp: &Stamp) -> String {
    let Stamp { version, row, pipeline, body } = stamp;
    let stored = Stored {
        version: version.to_string(),
        row: row.to_string(),
        pipeline: format!("{pipeline:016x}"),
        digest: body.clone(),
        deleted: body.is_none(),
    };
    serde_json::to_string(&stored).unwrap_or_default()
}

/// What a document was written with, from the value of the property; none if something else wrote it.
pub fn from_json(json: &serde_json::Value) -> Option<Stamp> {
    let Stored { version, row, pipeline, digest, .. } = Stored::deserialize(json).ok()?;
    let pipeline = u64::from_str_radix(&pipeline, 16).ok()?.cast_signed();
    Some(Stamp { version: version.parse().ok()?, row: row.parse().ok()?, pipeline, body: digest })
}

/// What happened to documents, as functions are told it.
pub fn written(counts: Counts, charge: f64) -> Written {
    let Counts { inserted, replaced, deleted, unchanged, stale, duplicates } = counts;
    Written { inserted, replaced, deleted, unchanged, stale, duplicates, charge }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_what_is_read() {
        for (version, row, pipeline) in [(i64::MAX, u64::MAX, i64::MIN), (i64::MIN, 0, -1), (0, 1, i64::MAX)] {
            for body in [Some("{}".to_owned()), None] {
                let document = Document { id: "a".into(), partition_key: String::new(), version, row, body };
                let stamp = stamp(&document, pipeline);
                let json = serde_json::from_str(&to_json(&stamp)).unwrap();
                assert_eq!(from_json(&json), Some(stamp));
            }
        }
        assert_eq!(from_json(&serde_json::json!({"version": 7})), None);
    }
}
