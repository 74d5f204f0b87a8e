//! A journal in a real PostgreSQL, against random workers, and what it says when the server is not there.

#[path = "../../../host/journal/tests/common/machine.rs"]
mod machine;
#[path = "../../../host/journal/tests/common/runs.rs"]
mod runs;
#[path = "../../../host/journal/tests/common/postgres.rs"]
mod server;
#[path = "../../../host/journal/tests/common/totals.rs"]
mod totals;

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use server::Postgres;
use wasmill_journal::Journal;
use wasmill_journal::journal::Clock;
use wasmill_runtime::manifest::Id;
use wasmill_runtime::plan::JournalPlan;

#[test]
fn no_event_is_lost_and_no_chunk_counts_twice() {
    let server = Postgres::start();
    let place = JournalPlan::Postgres(server.url());
    let case = AtomicU32::new(0);
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&vec(machine::act(), 1..120), |acts| {
        let pipeline = Id::try_from(format!("machine{}", case.fetch_add(1, Ordering::Relaxed))).unwrap();
        let place = place.clone();
        let open = move || Journal::open_by(Clock::Ours, &place, &pipeline, Box::new(|| Ok(()))).unwrap();
        machine::run(open, &acts);
        Ok(())
    });
    outcome.unwrap_or_else(|err| panic!("{err}"));
}

#[test]
fn totals_are_of_what_is_newest_whatever_happens() {
    let server = Postgres::start();
    let place = JournalPlan::Postgres(server.url());
    let case = AtomicU32::new(0);
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&vec(totals::act(), 1..60), |acts| {
        let pipeline = Id::try_from(format!("totals{}", case.fetch_add(1, Ordering::Relaxed))).unwrap();
        let place = place.clone();
        totals::run(move || Journal::open(&place, &pipeline, Box::new(|| Ok(()))).unwrap(), &acts);
        Ok(())
    });
    outcome.unwrap_or_else(|err| panic!("{err}"));
}

#[test]
fn runs_are_listed_among_attempts_and_the_last_of_many_are_remembered() {
    let server = Postgres::start();
    let (place, pipeline) = (JournalPlan::Postgres(server.url()), Id::try_from("runs".to_owned()).unwrap());
    let open = || Journal::open_by(Clock::Ours, &place, &pipeline, Box::new(|| Ok(()))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(open().counts()).unwrap();
    // As the fourth version left it.
    server.sql("DROP TABLE wasmill.runs; UPDATE wasmill.version SET number = 4");
    runs::are_listed_among_attempts(&open());
}

#[test]
fn a_server_that_is_not_there_or_went_away_is_said_and_comes_back() {
    let mut server = Postgres::start();
    let pipeline = Id::try_from("here".to_owned()).unwrap();
    let place = JournalPlan::Postgres(server.url());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let journal = Journal::open(&place, &pipeline, Box::new(|| Ok(()))).unwrap();
    let counts = || runtime.block_on(journal.counts());
    assert_eq!(counts().unwrap().waiting, 0);
    server.stop();
    // The first time it finds that it was cut off, then that nobody answers.
    assert!(counts().is_err());
    let said = counts().unwrap_err().to_string();
    let expect = format!("journal: PostgreSQL at `postgres://wasmill@127.0.0.1:{}/postgres`: ", server.port);
    assert!(said.starts_with(&expect) && said.contains("Connection refused"), "{said}");
    server.restart();
    assert_eq!(counts().unwrap().waiting, 0);
    let other = JournalPlan::Postgres(server.url().replace("/postgres?", "/nothing?"));
    let other = Journal::open(&other, &pipeline, Box::new(|| Ok(()))).unwrap();
    let said = runtime.block_on(other.counts()).unwrap_err().to_string();
    assert!(said.ends_with("database \"nothing\" does not exist"), "{said}");
}
