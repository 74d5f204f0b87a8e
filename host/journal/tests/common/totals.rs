//! Totals, against a model: objects of several versions and updates of several sources are published a batch at a time, in any
//! order and again, while the pipeline changes, the document database fails and the process dies. Once all of it has been
//! delivered to its end, the totals are those of what is newest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use wasmill_journal::Journal;
use wasmill_journal::totals::WithTotals;
use wasmill_runtime::documents::query::Query;
use wasmill_runtime::documents::totals::Totals;
use wasmill_runtime::documents::{Database, Document, DocumentCounts, Documents, Origin, ReadDocuments};
use wasmill_runtime::failure::Failure;
use wasmill_runtime::manifest::{Mean, OwnTotal, Ratio, Total};

const OBJECTS: &str = "objects";
const SOURCES: &str = "sources";

/// The rows of an object are published in so many batches.
const BATCHES: u8 = 3;

#[derive(Debug, Clone)]
pub enum Act {
    /// A batch of a version of an object, by the old pipeline or the new one.
    Batch { object: u8, version: u8, batch: u8, is_new: bool },
    /// A version of an object is done.
    End { object: u8, version: u8, is_new: bool },
    /// An update of a source.
    Update { source: u8, version: u8 },
    /// Several at once.
    Updates(Vec<(u8, u8)>),
    /// The database fails the next time, before it has written or after.
    Fail { is_written: bool },
    /// The process dies and comes back.
    Reopen,
    /// The same, with other rules for a while.
    Rules,
}

/// Anything that may happen.
pub fn act() -> impl Strategy<Value = Act> {
    let update = || (0u8..5, 0u8..6);
    prop_oneof![
        8 => (0u8..3, 0u8..3, 0..BATCHES, any::<bool>())
            .prop_map(|(object, version, batch, is_new)| Act::Batch { object, version, batch, is_new }),
        3 => (0u8..3, 0u8..3, any::<bool>()).prop_map(|(object, version, is_new)| Act::End { object, version, is_new }),
        8 => update().prop_map(|(source, version)| Act::Update { source, version }),
        2 => prop::collection::vec(update(), 1..6).prop_map(Act::Updates),
        2 => any::<bool>().prop_map(|is_written| Act::Fail { is_written }),
        1 => Just(Act::Reopen),
        1 => Just(Act::Rules),
    ]
}

/// What stands for chance: the same of the same.
fn chance(parts: [u8; 4], of: u8) -> u8 {
    let hash = parts.iter().fold(17u32, |hash, part| (hash ^ u32::from(*part)).wrapping_mul(16_777_619));
    u8::try_from((hash >> 8) % u32::from(of)).unwrap()
}

/// What contributes: the group, how late, and what it is called.
type Part = (String, i64, String);

/// The rows of a batch of an object, numbered.
fn rows(object: u8, version: u8, batch: u8, is_new: bool) -> Vec<(u64, Part)> {
    let count = chance([object, version, batch, 1], 4);
    let row = |index: u8| {
        let number = u64::from(batch) * 10 + u64::from(index);
        let luck = [object, version, batch * 10 + index, u8::from(is_new) + 2];
        let group = format!("g{}", chance(luck, 3));
        (
            number,
            (
                group,
                i64::from(chance([luck[0], luck[1], luck[2], 9], 50)) - 20,
                format!("o{object}v{version}r{number}"),
            ),
        )
    };
    (0..count).map(row).collect()
}

/// An update of a source; none if it is withdrawn.
fn update(source: u8, version: u8) -> (String, Option<Part>) {
    let group = format!("g{}", chance([source, version, 7, 7], 3));
    let is_there = chance([source, version, 8, 8], 4) > 0;
    let part = (group.clone(), i64::from(chance([source, version, 9, 9], 50)) - 20, format!("s{source}v{version}"));
    (group, is_there.then_some(part))
}

fn document(group: &str, version: i64, row: u64, body: String) -> Document {
    Document { id: group.to_owned(), partition_key: "p".into(), version, row, body: Some(body) }
}

fn published((group, late, name): &Part, version: i64, row: u64) -> Document {
    document(group, version, row, format!(r#"{{"late":{late},"worst":{late},"name":"{name}"}}"#))
}

fn updated(source: u8, version: u8) -> Document {
    let (group, part) = update(source, version);
    let (_, late, name) = part.clone().unwrap_or_default();
    let is_gone = part.is_none();
    let body = format!(r#"{{"of":"s{source}","gone":{is_gone},"late":{late},"worst":{late},"name":"{name}"}}"#);
    document(&group, version.into(), 1, body)
}

/// A database that may fail once.
#[derive(Debug)]
struct Flaky {
    database: Arc<Database>,
    /// 0 if it does not fail; 1 before it has written; 2 after.
    fails: AtomicU8,
}

impl Documents for Flaky {
    fn upsert_batch(&self, collection: &str, pipeline: i64, documents: &[Document]) -> Result<DocumentCounts, Failure> {
        let fails = self.fails.swap(0, Ordering::Relaxed);
        if fails == 1 {
            return Err(Failure::Retry("it is away".into()));
        }
        let counts = Documents::upsert_batch(&*self.database, collection, pipeline, documents)?;
        if fails == 2 { Err(Failure::Retry("nobody knows".into())) } else { Ok(counts) }
    }
}

fn totals(is_other: bool) -> BTreeMap<String, Arc<Totals>> {
    let simple = |name: &str, total| (name.to_owned(), Total::Own(total));
    let mut rules = vec![
        simple("n", OwnTotal::Count),
        simple("late", OwnTotal::Sum),
        simple("worst", OwnTotal::Max),
        ("mean".to_owned(), Total::Mean(Mean { mean: "late".into(), round: Some(3) })),
    ];
    if is_other {
        rules = vec![
            simple("worst", OwnTotal::Min),
            ("x".to_owned(), Total::Ratio(Ratio { ratio: ["late".into(), "worst".into()], round: None })),
        ];
    }
    let of = |source: Option<&str>| {
        let rules = rules.iter().map(|(name, total)| (name, total));
        Arc::new(Totals::new(source, source.map(|_| "gone"), rules).unwrap())
    };
    BTreeMap::from([(OBJECTS.to_owned(), of(None)), (SOURCES.to_owned(), of(Some("of")))])
}

/// A clock that goes a little with each look.
fn clock() -> i64 {
    static NOW: Mutex<i64> = Mutex::new(1_000);
    let mut now = NOW.lock().unwrap();
    *now += 1;
    *now
}

/// A process.
struct World<'a> {
    open: &'a dyn Fn() -> Journal,
    flaky: Arc<Flaky>,
    with: Option<WithTotals>,
}

impl World<'_> {
    fn reopen(&mut self, is_other: bool) {
        // The journal is closed before it is opened again.
        self.with = None;
        let journal = Arc::new((self.open)());
        self.with = Some(WithTotals::new(self.flaky.clone(), journal, totals(is_other), clock).unwrap());
    }

    fn with(&self) -> &WithTotals {
        self.with.as_ref().unwrap()
    }

    fn batch(&self, object: u8, version: u8, batch: u8, is_new: bool) -> Result<DocumentCounts, Failure> {
        let version_of = i64::from(version);
        let documents: Vec<Document> =
            rows(object, version, batch, is_new).iter().map(|(row, part)| published(part, version_of, *row)).collect();
        self.with().upsert_of(&origin(object, version), OBJECTS, i64::from(is_new), &documents)
    }

    fn end(&self, object: u8, version: u8, is_new: bool) -> Result<(), Failure> {
        self.with().end(&origin(object, version), i64::from(is_new)).map(drop)
    }

    fn updates(&self, updates: &[(u8, u8)]) -> Result<(), Failure> {
        let documents: Vec<Document> = updates.iter().map(|(source, version)| updated(*source, *version)).collect();
        self.with().upsert_of(&Origin::default(), SOURCES, 1, &documents)?;
        self.with().end(&Origin::default(), 1).map(drop)
    }

    fn found(&self, collection: &str) -> BTreeMap<String, serde_json::Value> {
        let page = self.flaky.database.query(collection, &Query::all(100)).unwrap();
        page.documents
            .iter()
            .map(|stored| (stored.id.clone(), serde_json::from_str(stored.body.get()).unwrap()))
            .collect()
    }
}

fn origin(object: u8, version: u8) -> Origin {
    Origin { name: format!("o{object}"), time: version.into(), is_stored: true }
}

/// What parts come to. The last is the one whose name is to be seen.
fn expected(parts: impl Iterator<Item = Part>) -> BTreeMap<String, serde_json::Value> {
    let mut groups: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for (group, late, name) in parts {
        groups.entry(group).or_default().push((late, name));
    }
    let total = |(group, parts): (String, Vec<(i64, String)>)| {
        let late: i64 = parts.iter().map(|(late, _)| late).sum();
        let mean = (late as f64 / parts.len() as f64 * 1000.0).round() / 1000.0;
        let mean: serde_json::Value = if mean.fract() == 0.0 { (mean as i64).into() } else { mean.into() };
        let worst = parts.iter().map(|(late, _)| late).max().unwrap();
        let name = &parts.last().unwrap().1;
        let body = serde_json::json!({ "late": late, "worst": worst, "name": name, "n": parts.len(), "mean": mean });
        (group, body)
    };
    groups.into_iter().map(total).collect()
}

/// Does all of it, sees to it that all of it is delivered, and looks.
pub fn run(open: impl Fn() -> Journal, acts: &[Act]) {
    let database = Arc::new(Database::in_memory().unwrap());
    let flaky = Arc::new(Flaky { database: database.clone(), fails: AtomicU8::new(0) });
    let mut world = World { open: &open, flaky, with: None };
    world.reopen(false);
    let (mut objects, mut sources): (BTreeMap<u8, Vec<u8>>, Vec<(u8, u8)>) = Default::default();
    for act in acts {
        // What failed is delivered again in the end.
        match act {
            Act::Batch { object, version, batch, is_new } => {
                objects.entry(*object).or_default().push(*version);
                let _ = world.batch(*object, *version, *batch, *is_new);
            }
            Act::End { object, version, is_new } => {
                let batches = (0..BATCHES).all(|batch| world.batch(*object, *version, batch, *is_new).is_ok());
                objects.entry(*object).or_default().push(*version);
                if batches {
                    let _ = world.end(*object, *version, *is_new);
                }
            }
            Act::Update { source, version } => {
                sources.push((*source, *version));
                let _ = world.updates(&[(*source, *version)]);
            }
            Act::Updates(updates) => {
                sources.extend(updates);
                let _ = world.updates(updates);
            }
            Act::Fail { is_written } => world.flaky.fails.store(1 + u8::from(*is_written), Ordering::Relaxed),
            Act::Reopen => world.reopen(false),
            Act::Rules => {
                world.reopen(true);
                world.reopen(false);
            }
        }
    }
    world.flaky.fails.store(0, Ordering::Relaxed);
    let deliver = |world: &World<'_>| {
        for (object, versions) in &objects {
            for version in versions {
                (0..BATCHES).for_each(|batch| _ = world.batch(*object, *version, batch, true).unwrap());
                world.end(*object, *version, true).unwrap();
            }
        }
        sources.iter().for_each(|update| world.updates(&[*update]).unwrap());
    };
    deliver(&world);

    let of_object = |(object, versions): (&u8, &Vec<u8>)| {
        let newest = *versions.iter().max().unwrap();
        (0..BATCHES)
            .flat_map(move |batch| rows(*object, newest, batch, true))
            .map(move |(row, part)| (newest, row, part))
            .collect::<Vec<_>>()
    };
    let mut parts: Vec<(u8, u64, Part)> = objects.iter().flat_map(of_object).collect();
    parts.sort_by(|(version, row, part), (other_version, other_row, other)| {
        (version, row, &part.2).cmp(&(other_version, other_row, &other.2))
    });
    assert_eq!(world.found(OBJECTS), expected(parts.into_iter().map(|(.., part)| part)));

    let newest: BTreeMap<u8, u8> = sources.iter().fold(BTreeMap::new(), |mut newest, (source, version)| {
        let known = newest.entry(*source).or_insert(*version);
        *known = (*known).max(*version);
        newest
    });
    let mut parts: Vec<(u8, u8, Part)> =
        newest.iter().filter_map(|(source, version)| Some((*version, *source, update(*source, *version).1?))).collect();
    parts.sort_by_key(|(version, source, _)| (*version, *source));
    assert_eq!(world.found(SOURCES), expected(parts.into_iter().map(|(.., part)| part)));

    // Once more changes nothing.
    let positions = || [OBJECTS, SOURCES].map(|collection| database.position(collection).unwrap());
    let before = positions();
    deliver(&world);
    assert_eq!(positions(), before, "delivered once more");

    // A database that is new has all of it once all of it is delivered again.
    let found = [OBJECTS, SOURCES].map(|collection| world.found(collection));
    let database = Arc::new(Database::in_memory().unwrap());
    world.flaky = Arc::new(Flaky { database, fails: AtomicU8::new(0) });
    world.reopen(false);
    deliver(&world);
    assert_eq!([OBJECTS, SOURCES].map(|collection| world.found(collection)), found);
}
