//! What writes and reads tables, as this program was built.

use anyhow::Result;
use wasmill_runtime::pipeline::Pipeline;
use wasmill_runtime::table_source::TableSource;
use wasmill_worker::sinks::Sinks;

/// Each sink with what writes it. An error if one of the tables does not take its rows.
#[cfg(feature = "warehouse")]
pub fn sinks(pipeline: &Pipeline) -> Result<Sinks> {
    use anyhow::Context;

    let sinks = pipeline.sinks.iter().map(|sink| {
        let writer = wasmill_warehouse::open(&pipeline.name, sink);
        let writer = writer.with_context(|| format!("sink `{}`", sink.id()))?;
        Ok((sink.clone(), writer))
    });
    Ok(Sinks::new(sinks.collect::<Result<_>>()?))
}

/// None: this program writes no tables.
#[cfg(not(feature = "warehouse"))]
pub fn sinks(pipeline: &Pipeline) -> Result<Sinks> {
    match pipeline.sinks.first() {
        None => Ok(Sinks::default()),
        Some(sink) => anyhow::bail!(
            "sink `{}`: this wasmill was built without tables\nhint: `make build FEATURES=warehouse`",
            sink.id()
        ),
    }
}

/// What reads tables that are no objects.
pub fn source() -> &'static dyn TableSource {
    #[cfg(feature = "warehouse")]
    return &wasmill_warehouse::Tables;
    #[cfg(not(feature = "warehouse"))]
    return &wasmill_runtime::table_source::NoTables;
}
