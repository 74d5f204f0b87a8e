//! Which write of a document wins, whatever their order: the one with the greater version; of one version and one pipeline
//! (a digest of what makes the rows) the one with the greater row; another pipeline's write of the same version replaces.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmill_sdk::{Document, Written};

/// The name of the property in which a document carries what it was written with.
pub const PROPERTY: &str = "_wasmill";

/// What a document that is there was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct There {
    version: i64,
    row: u64,
    pipeline: i64,
    /// Of its body; none if it was deleted.
    digest: Option<String>,
}

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

impl There {
    /// What a document is written with.
    pub fn of(document: &Document, pipeline: i64) -> Self {
        let digest = document.body.as_ref().map(|body| {
            let digest = Sha256::digest(body.as_bytes());
            // 128 bits: nobody gains anything by two bodies that are taken for one.
            digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
        });
        Self { version: document.version, row: document.row, pipeline, digest }
    }

    /// The value of the property, as JSON.
    pub fn to_json(&self) -> String {
        let Self { version, row, pipeline, digest } = self;
        let stored = Stored {
            version: version.to_string(),
            row: row.to_string(),
            pipeline: format!("{pipeline:016x}"),
            digest: digest.clone(),
            deleted: digest.is_none(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// What a document was written with, from the value of the property; none if something else wrote it.
    pub fn from_json(json: &serde_json::Value) -> Option<Self> {
        let Stored { version, row, pipeline, digest, .. } = Stored::deserialize(json).ok()?;
        let pipeline = u64::from_str_radix(&pipeline, 16).ok()?.cast_signed();
        Some(Self { version: version.parse().ok()?, row: row.parse().ok()?, pipeline, digest })
    }

    /// Whether the document was deleted.
    pub fn is_deleted(&self) -> bool {
        self.digest.is_none()
    }
}

/// What comes of several writes of one document.
#[derive(Debug, Default)]
pub struct Settled {
    /// The write that is left to do, by its place among them; none if what is there stays as it is.
    pub write: Option<usize>,
    /// What happened to each.
    pub written: Written,
}

/// What writes of one document come to, one after the other, if `there` is what it is now. A document that something else
/// wrote counts as older than any.
pub fn settle<'a>(
    there: Option<&There>,
    is_foreign: bool,
    documents: impl IntoIterator<Item = (usize, &'a Document)>,
    pipeline: i64,
) -> Settled {
    let mut settled = Settled::default();
    let mut there = there.cloned();
    let mut is_foreign = is_foreign;
    for (place, document) in documents {
        let new = There::of(document, pipeline);
        let written = &mut settled.written;
        let Some(old) = &there else {
            match (is_foreign, new.is_deleted()) {
                (true, true) => written.deleted += 1,
                (true, false) => written.replaced += 1,
                (false, true) => written.unchanged += 1,
                (false, false) => written.inserted += 1,
            }
            (there, is_foreign, settled.write) = (Some(new), false, Some(place));
            continue;
        };
        let is_of_one_run = (old.version, old.pipeline) == (new.version, new.pipeline);
        written.duplicates += u64::from(is_of_one_run && old.row != new.row);
        if new.version < old.version || is_of_one_run && new.row < old.row {
            written.stale += 1;
            continue;
        }
        match (old.is_deleted(), new.is_deleted()) {
            _ if old.digest == new.digest => written.unchanged += 1,
            (true, _) => written.inserted += 1,
            (false, true) => written.deleted += 1,
            (false, false) => written.replaced += 1,
        }
        if *old != new {
            (there, settled.write) = (Some(new), Some(place));
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(version: i64, row: u64, body: Option<&str>) -> Document {
        Document { id: "a".into(), partition_key: String::new(), version, row, body: body.map(str::to_owned) }
    }

    /// Inserted, replaced, deleted, unchanged, stale, duplicates.
    fn counts(written: &Written) -> [u64; 6] {
        let Written { inserted, replaced, deleted, unchanged, stale, duplicates, .. } = *written;
        [inserted, replaced, deleted, unchanged, stale, duplicates]
    }

    #[test]
    fn the_newest_write_wins_whatever_the_order() {
        let writes = [document(1, 2, Some("{}")), document(1, 1, Some("[]")), document(2, 1, Some("{\"n\":3}"))];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
            let mut there: Option<There> = None;
            for index in order {
                let settled = settle(there.as_ref(), false, [(0, &writes[index])], 7);
                if settled.write.is_some() {
                    there = Some(There::of(&writes[index], 7));
                }
            }
            assert_eq!(there, Some(There::of(&writes[2], 7)), "{order:?}");
            let again = settle(there.as_ref(), false, writes.iter().enumerate(), 7);
            assert_eq!((again.write, counts(&again.written)), (None, [0, 0, 0, 1, 2, 0]));
            // All of them at once come to the same.
            let at_once = settle(None, false, order.iter().map(|index| (*index, &writes[*index])), 7);
            assert_eq!(at_once.write, Some(2), "{order:?}");
        }
    }

    #[test]
    fn another_pipeline_replaces_what_has_the_same_version_whatever_the_rows() {
        let first = There::of(&document(1, 7, Some("{}")), 1);
        let write = |pipeline, row, body| settle(Some(&first), false, [(0, &document(1, row, Some(body)))], pipeline);
        let replaced = write(2, 3, "{\"n\":2}");
        assert_eq!((replaced.write, counts(&replaced.written)), (Some(0), [0, 1, 0, 0, 0, 0]));
        let stale = write(1, 3, "{\"n\":2}");
        assert_eq!((stale.write, counts(&stale.written)), (None, [0, 0, 0, 0, 1, 1]));
        // The body stays, and who wrote it last is noted.
        let same = write(2, 3, "{}");
        assert_eq!((same.write, counts(&same.written)), (Some(0), [0, 0, 0, 1, 0, 0]));
    }

    #[test]
    fn a_deletion_is_a_write_like_any_other() {
        let there = There::of(&document(5, 1, Some("{}")), 1);
        let deletion = document(6, 1, None);
        let gone = settle(Some(&there), false, [(0, &deletion)], 1);
        assert_eq!((gone.write, counts(&gone.written)), (Some(0), [0, 0, 1, 0, 0, 0]));
        let tombstone = There::of(&deletion, 1);
        assert!(tombstone.is_deleted());
        let late = settle(Some(&tombstone), false, [(0, &document(5, 9, Some("{}")))], 1);
        assert_eq!((late.write, counts(&late.written)), (None, [0, 0, 0, 0, 1, 0]));
        let back = settle(Some(&tombstone), false, [(0, &document(7, 1, Some("{}")))], 1);
        assert_eq!(counts(&back.written), [1, 0, 0, 0, 0, 0]);
        // What is not there has to be remembered all the same.
        let nothing = settle(None, false, [(0, &deletion)], 1);
        assert_eq!((nothing.write, counts(&nothing.written)), (Some(0), [0, 0, 0, 1, 0, 0]));
    }

    #[test]
    fn what_something_else_wrote_is_replaced() {
        let settled = settle(None, true, [(0, &document(i64::MIN, 0, Some("{}")))], 1);
        assert_eq!((settled.write, counts(&settled.written)), (Some(0), [0, 1, 0, 0, 0, 0]));
    }

    #[test]
    fn what_is_stored_is_what_is_read() {
        for (version, row, pipeline) in [(i64::MAX, u64::MAX, i64::MIN), (i64::MIN, 0, -1), (0, 1, i64::MAX)] {
            for body in [Some("{}"), None] {
                let there = There::of(&document(version, row, body), pipeline);
                let json = serde_json::from_str(&there.to_json()).unwrap();
                assert_eq!(There::from_json(&json), Some(there));
            }
        }
        assert_eq!(There::from_json(&serde_json::json!({"version": 7})), None);
    }
}
