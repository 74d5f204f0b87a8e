//! Totals whose ledger is in a file.

#[path = "common/totals.rs"]
mod totals;

use proptest::prelude::*;
use wasmill_journal::Journal;
use wasmill_runtime::manifest::Id;
use wasmill_runtime::plan::JournalPlan;

proptest! {
    #[test]
    fn totals_are_of_what_is_newest_whatever_happens(acts in prop::collection::vec(totals::act(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let place = JournalPlan::Sqlite(folder.path().join("journal.db"));
        let pipeline = Id::try_from("totals".to_owned()).unwrap();
        totals::run(move || Journal::open(&place, &pipeline, Box::new(|| Ok(()))).unwrap(), &acts);
    }
}
