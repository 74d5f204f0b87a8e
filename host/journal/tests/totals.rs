//! Totals whose ledger is in a file.

#[path = "common/totals.rs"]
mod totals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;
use wasmill_journal::Journal;
use wasmill_journal::totals::WithTotals;
use wasmill_runtime::documents::query::Query;
use wasmill_runtime::documents::totals::Totals;
use wasmill_runtime::documents::{Database, Document, Documents, Origin};
use wasmill_runtime::manifest::{Id, OwnTotal, Total};
use wasmill_runtime::plan::JournalPlan;

proptest! {
    // Each opens files a few times, which takes long.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn totals_are_of_what_is_newest_whatever_happens(acts in prop::collection::vec(totals::act(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let place = JournalPlan::Sqlite(folder.path().join("journal.db"));
        let pipeline = Id::try_from("totals".to_owned()).unwrap();
        totals::run(move || Journal::open(&place, &pipeline, Box::new(|| Ok(()))).unwrap(), &acts);
    }
}

#[test]
fn what_nothing_was_contributed_to_for_long_begins_anew() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let database = Arc::new(Database::in_memory().unwrap());
    let journal = Arc::new(Journal::in_memory(&Id::try_from("totals".to_owned()).unwrap()).unwrap());
    let rules = [("n".to_owned(), Total::Own(OwnTotal::Count))];
    let totals = Totals::new(Some("of"), None, rules.iter().map(|(name, total)| (name, total))).unwrap();
    let totals = Arc::new(Totals { ttl_seconds: Some(60), ..totals });
    let clock = || NOW.load(Ordering::Relaxed) * 1_000_000;
    let with = WithTotals::new(database.clone(), journal, BTreeMap::from([("c".to_owned(), totals)]), clock).unwrap();
    let contribute = |of: &str, to: &str| {
        let body = Some(format!("{{\"of\":\"{of}\"}}"));
        let document = Document { id: to.to_owned(), partition_key: String::new(), version: 1, row: 1, body };
        with.upsert_of(&Origin::default(), "c", 1, &[document]).unwrap();
        with.end(&Origin::default(), 1).unwrap();
    };
    let counts = || -> Vec<String> {
        let found = database.page("c", &Query::all(10)).unwrap().documents;
        found.iter().map(|total| format!("{} {}", total.id, total.body)).collect()
    };
    contribute("a", "old");
    contribute("b", "young");
    NOW.store(50, Ordering::Relaxed);
    contribute("c", "young");
    NOW.store(70, Ordering::Relaxed);
    assert!(!with.sweep().unwrap());
    contribute("d", "old");
    contribute("d", "old");
    contribute("e", "young");
    assert_eq!(counts(), [r#"old {"n":1}"#, r#"young {"n":3}"#]);
}
