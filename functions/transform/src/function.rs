//! The function, from `configure` to `finish`.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use wasmill_sdk::{Context, Failure, Output, ROW, Rejects, Scope, Transform};

use crate::bound::Bound;
use crate::config::{self, Config};
use crate::session::{self, Session};
use crate::table::{INPUT, Table};

/// SQL over the rows of an event and over reference tables.
pub struct Sql {
    config: Config,
    session: Session,
    bound: Option<Bound>,
    kept: Kept,
}

/// The rows of an event so far, with scope `object`.
#[derive(Default)]
struct Kept {
    event: Option<(String, u32)>,
    batches: Vec<RecordBatch>,
    /// How many rows came, rejected ones too.
    rows: u64,
}

impl Kept {
    /// Makes room for an event. Rows of one that was given up are dropped.
    fn begin(&mut self, ctx: &Context) {
        let event = (ctx.event_id.clone(), ctx.attempt);
        if self.event.as_ref() != Some(&event) {
            *self = Self { event: Some(event), ..Self::default() };
        }
    }
}

impl Transform for Sql {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, String> {
        config.validate()?;
        let session = Session::new(config.parameters.clone()).map_err(|err| session::setup_failed(&err))?;
        Ok(Self { config, session, bound: None, kept: Kept::default() })
    }

    fn put_table(&mut self, name: &str, rows: RecordBatch) -> Result<(), String> {
        if name == INPUT {
            return Err(format!("table `{INPUT}`: that is the name of the table of the rows that come in"));
        }
        if let Some(table) = self.session.table(name) {
            table.refresh(rows).map_err(|err| format!("table `{name}`: {err}"))?;
            return self.bound.as_mut().map_or(Ok(()), Bound::forget);
        }
        if self.bound.is_some() {
            return Err(format!("table `{name}`: it was not there in `bind`, so no query reads it"));
        }
        if rows.schema_ref().column_with_name(ROW).is_some() {
            return Err(format!("table `{name}`: a column cannot be `{ROW}`, which numbers the rows of `{INPUT}`"));
        }
        self.session.add_table(name, Table::reference(rows));
        Ok(())
    }

    fn bind(&mut self, input: SchemaRef) -> Result<(SchemaRef, Scope), String> {
        let bound = Bound::new(&self.config, &self.session, input)?;
        let schema = bound.schema().clone();
        self.bound = Some(bound);
        let scope = match self.config.scope {
            config::Scope::Row => Scope::Row,
            config::Scope::Object => Scope::Object,
        };
        Ok((schema, scope))
    }

    fn routes(&self) -> Vec<String> {
        self.config.routes.iter().map(|route| route.name.clone()).collect()
    }

    fn process(&mut self, ctx: &Context, rows: RecordBatch) -> Result<Output, Failure> {
        let Self { config, session, bound: Some(bound), kept } = self else { return Err(not_bound()) };
        session.time.set(ctx.event_time);
        let mut rejects = Rejects::default();
        if config.scope == config::Scope::Row {
            let rows = bound.take(session, &rows, 0, &mut rejects)?;
            return bound.each(session, rows, rejects);
        }
        kept.begin(ctx);
        kept.batches.push(bound.take(session, &rows, kept.rows, &mut rejects)?);
        kept.rows += rows.num_rows() as u64;
        bound.none(rejects)
    }

    fn finish(&mut self, ctx: &Context) -> Result<Output, Failure> {
        let Self { config, session, bound: Some(bound), kept } = self else { return Err(not_bound()) };
        if config.scope == config::Scope::Row {
            return Err(Failure::Other("the function has scope `row`: there is nothing to finish".to_owned()));
        }
        session.time.set(ctx.event_time);
        kept.begin(ctx);
        bound.all(session, std::mem::take(kept).batches)
    }
}

fn not_bound() -> Failure {
    Failure::Other("called before `bind`".to_owned())
}
