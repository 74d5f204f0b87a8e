//! A journal in a file, against random workers.

#[path = "common/machine.rs"]
mod machine;

use proptest::prelude::*;
use wasmill_journal::Journal;
use wasmill_runtime::manifest::Id;
use wasmill_runtime::plan::JournalPlan;

proptest! {
    #[test]
    fn no_event_is_lost_and_no_chunk_counts_twice(acts in prop::collection::vec(machine::act(), 1..120)) {
        let folder = tempfile::tempdir().unwrap();
        let place = JournalPlan::Sqlite(folder.path().join("journal.db"));
        let pipeline = Id::try_from("machine".to_owned()).unwrap();
        machine::run(move || Journal::open(&place, &pipeline, Box::new(|| Ok(()))).unwrap(), &acts);
    }
}
