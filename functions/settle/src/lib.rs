//! Which write of a document wins, whatever their order, in every document database: the one with the greater version; of
//! one version and one pipeline (a digest of what makes the rows) the one with the greater row; another pipeline's write of
//! the same version replaces.
//!
//! And what a document is in the first place: [`problem`].

mod problem;

pub use problem::problem;

/// What a document is written with. `B` tells its body from others: the body itself, or a digest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp<B> {
    /// Orders writes.
    pub version: i64,
    /// The row of the event that it was made from; orders writes of one version.
    pub row: u64,
    /// A digest of what makes the rows.
    pub pipeline: i64,
    /// Its body; none if it is deleted.
    pub body: Option<B>,
}

/// What is in the database under a document's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There<B> {
    /// Nothing, nor does it remember a deletion.
    Nothing,
    /// A document that something else wrote. It counts as older than any.
    Foreign,
    /// A document, or the memory of one that was deleted.
    Written(Stamp<B>),
}

/// What happened to writes of documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Were not there.
    pub inserted: u64,
    /// Were there, and have a new body.
    pub replaced: u64,
    /// Were there, and are not any more.
    pub deleted: u64,
    /// Were there with the same body.
    pub unchanged: u64,
    /// Lost against a newer one.
    pub stale: u64,
    /// Of all these, those with the id of another row of the same version.
    pub duplicates: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.replaced += other.replaced;
        self.deleted += other.deleted;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.duplicates += other.duplicates;
    }
}

/// What comes of several writes of one document.
#[derive(Debug, Clone)]
pub struct Settled<B> {
    /// The write that is left to do, by its place among them, and what it is written with; none if what is there stays as it
    /// is.
    pub write: Option<(usize, Stamp<B>)>,
    /// Whether that changes what is to be read, and not only what is remembered beside it.
    pub is_change: bool,
    /// What happened to each.
    pub counts: Counts,
}

/// What writes of one document come to, one after the other, each with its place among those of a batch.
pub fn settle<B: PartialEq + Clone>(
    there: There<B>,
    writes: impl IntoIterator<Item = (usize, Stamp<B>)>,
) -> Settled<B> {
    let mut settled = Settled { write: None, is_change: false, counts: Counts::default() };
    let mut there = there;
    for (place, new) in writes {
        let counts = &mut settled.counts;
        let is_deletion = new.body.is_none();
        let (is_write, is_change) = match &there {
            There::Nothing if is_deletion => {
                // What is not there and is not to be is remembered all the same: an older write may be on its way.
                counts.unchanged += 1;
                (true, false)
            }
            There::Nothing => {
                counts.inserted += 1;
                (true, true)
            }
            There::Foreign => {
                *(if is_deletion { &mut counts.deleted } else { &mut counts.replaced }) += 1;
                (true, true)
            }
            There::Written(old) => {
                let is_of_one_run = (old.version, old.pipeline) == (new.version, new.pipeline);
                counts.duplicates += u64::from(is_of_one_run && old.row != new.row);
                if new.version < old.version || is_of_one_run && new.row < old.row {
                    counts.stale += 1;
                    continue;
                }
                let effect = match (&old.body, is_deletion) {
                    _ if old.body == new.body => &mut counts.unchanged,
                    (None, _) => &mut counts.inserted,
                    (Some(_), true) => &mut counts.deleted,
                    (Some(_), false) => &mut counts.replaced,
                };
                *effect += 1;
                (*old != new, old.body != new.body)
            }
        };
        settled.is_change |= is_change;
        if is_write {
            there = There::Written(new.clone());
            settled.write = Some((place, new));
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(version: i64, row: u64, pipeline: i64, body: Option<&'static str>) -> Stamp<&'static str> {
        Stamp { version, row, pipeline, body }
    }

    /// The write that is left, whether it is a change, and: inserted, replaced, deleted, unchanged, stale, duplicates.
    fn check(there: There<&'static str>, writes: &[Stamp<&'static str>], expect: (Option<usize>, bool, [u64; 6])) {
        let settled = settle(there.clone(), writes.iter().cloned().enumerate());
        let Counts { inserted, replaced, deleted, unchanged, stale, duplicates } = settled.counts;
        let counts = [inserted, replaced, deleted, unchanged, stale, duplicates];
        let write = settled.write.map(|(place, _)| place);
        assert_eq!((write, settled.is_change, counts), expect, "{there:?} {writes:?}");
    }

    #[test]
    fn the_newest_write_wins_whatever_the_order() {
        let writes = [stamp(1, 2, 7, Some("a")), stamp(1, 1, 7, Some("b")), stamp(2, 1, 7, Some("c"))];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
            let mut there = There::Nothing;
            for index in order {
                let settled = settle(there.clone(), [(0, writes[index].clone())]);
                if let Some((_, stamp)) = settled.write {
                    there = There::Written(stamp);
                }
            }
            assert_eq!(there, There::Written(writes[2].clone()), "{order:?}");
            check(there, &writes, (None, false, [0, 0, 0, 1, 2, 0]));
            // All of them at once come to the same.
            let at_once = settle(There::Nothing, order.iter().map(|index| (*index, writes[*index].clone())));
            assert_eq!(at_once.write.map(|(place, _)| place), Some(2), "{order:?}");
        }
    }

    #[test]
    fn another_pipeline_replaces_what_has_the_same_version_whatever_the_rows() {
        let there = There::Written(stamp(1, 7, 1, Some("a")));
        check(there.clone(), &[stamp(1, 3, 2, Some("b"))], (Some(0), true, [0, 1, 0, 0, 0, 0]));
        check(there.clone(), &[stamp(1, 3, 1, Some("b"))], (None, false, [0, 0, 0, 0, 1, 1]));
        // The body stays, and who wrote it last is noted.
        check(there, &[stamp(1, 3, 2, Some("a"))], (Some(0), false, [0, 0, 0, 1, 0, 0]));
    }

    #[test]
    fn a_deletion_is_a_write_like_any_other() {
        let there = There::Written(stamp(5, 1, 1, Some("a")));
        let deletion = stamp(6, 1, 1, None);
        check(there, std::slice::from_ref(&deletion), (Some(0), true, [0, 0, 1, 0, 0, 0]));
        let tombstone = There::Written(deletion.clone());
        check(tombstone.clone(), &[stamp(5, 9, 1, Some("a"))], (None, false, [0, 0, 0, 0, 1, 0]));
        check(tombstone, &[stamp(7, 1, 1, Some("a"))], (Some(0), true, [1, 0, 0, 0, 0, 0]));
        check(There::Nothing, &[deletion], (Some(0), false, [0, 0, 0, 1, 0, 0]));
    }

    #[test]
    fn what_something_else_wrote_is_replaced() {
        check(There::Foreign, &[stamp(i64::MIN, 0, 1, Some("a"))], (Some(0), true, [0, 1, 0, 0, 0, 0]));
        check(There::Foreign, &[stamp(i64::MIN, 0, 1, None)], (Some(0), true, [0, 0, 1, 0, 0, 0]));
    }
}
