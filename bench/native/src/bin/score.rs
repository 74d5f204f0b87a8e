//! Times one model in the function `score`: a fresh sandbox with its first row, baked and not; and batches of rows in a
//! sandbox that is kept, beside the same Rust compiled natively, in turns.
//!
//! `wasmill-bench-score SCORE.WASM FOLDER` prints a line of JSON; FOLDER has `model.onnx`, `config.json` and
//! `rows.arrow`, of at least 1,024 rows. Times are medians, in microseconds.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use wasmill_runtime::bake;
use wasmill_runtime::engine::{Engine, on_deep_stack};
use wasmill_runtime::event::Event;
use wasmill_runtime::function::{Function, Instance, Setup};
use wasmill_runtime::rows::{self, Rows};
use wasmill_runtime::sandbox::{self, Grants, Limits};
use wasmill_sdk::{Context, Score, config};

const BATCHES: [usize; 3] = [1, 32, 1024];

/// How long each of the two takes turns.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, folder] = arguments.as_slice() else {
        return Err(anyhow!("usage: wasmill-bench-score SCORE.WASM FOLDER"));
    };
    let line = on_deep_stack(|| run(Path::new(component), Path::new(folder)))??;
    println!("{line}");
    Ok(())
}

fn run(component: &Path, folder: &Path) -> Result<serde_json::Value> {
    let engine = Engine::new(None)?;
    let linker = sandbox::linker(&engine)?;
    let bytes = std::fs::read(component).with_context(|| format!("cannot read {}", component.display()))?;
    let unbaked = Function::load(&engine, &linker, &bytes)?;
    let config = std::fs::read_to_string(folder.join("config.json"))?;
    let model = std::fs::read(folder.join("model.onnx"))?;
    let path = folder.join("rows.arrow");
    let stream = std::fs::read(&path)?;
    let input = rows::read_schema(stream.clone()).map_err(|err| anyhow!("{err}"))?;
    let all = Rows::read(stream, &input).map_err(|err| anyhow!("{err}"))?.batch;
    let event = Event::of_file(&path)?;
    let setup = Setup {
        config: config.clone(),
        tables: Vec::new(),
        model: Some(Arc::new(model.clone())),
        input: input.clone(),
        limits: Limits::default(),
        grants: Grants::default(),
    };
    let component = bake::bake(&engine, &bytes, &setup)?;
    let image = bake::Image::of(&component)?;
    let baked = Function::load(&engine, &linker, &component)?;
    let bound = baked.baked.as_ref().context("a baked component has a marker")?.bound.clone();

    let one = Rows::new(all.slice(0, 1))?;
    let score = |instance: &mut Instance, rows: &Rows| -> Result<()> {
        let Instance::Score(score) = instance else { return Err(anyhow!("not a scoring function")) };
        let output = score.process(&event, 1, rows).map_err(|err| anyhow!("{err}"))?;
        anyhow::ensure!(output.rejects.is_empty(), "{} rows were rejected", output.rejects.len());
        Ok(())
    };
    let [unbaked, fresh] = in_turns(
        || {
            let (mut instance, _) = unbaked.start(&engine, &setup).map_err(|err| anyhow!("{err}"))?;
            score(&mut instance, &one)
        },
        || {
            let mut instance = baked.resume(&engine, &setup, &bound).map_err(|err| anyhow!("{err}"))?;
            score(&mut instance, &one)
        },
    )?;

    let mut native: wasmill_score::Scorer =
        Score::configure(config::parse(&config).map_err(|err| anyhow!(err))?).map_err(|err| anyhow!(err))?;
    native.load_model(model).map_err(|err| anyhow!(err))?;
    native.bind(input).map_err(|err| anyhow!(err))?;
    let ctx = Context { event_id: event.id.to_string(), event_time: event.time, attempt: 1 };
    let mut instance = baked.resume(&engine, &setup, &bound).map_err(|err| anyhow!("{err}"))?;
    let mut batches = serde_json::Map::new();
    for size in BATCHES {
        let batch = all.slice(0, size);
        let rows = Rows::new(batch.clone())?;
        let [wasm, native] = in_turns(
            || score(&mut instance, &rows),
            || native.process(&ctx, batch.clone()).map(drop).map_err(|err| anyhow!("{err}")),
        )?;
        batches.insert(size.to_string(), serde_json::json!({ "wasm": wasm, "native": native }));
    }
    Ok(serde_json::json!({
        "unbaked": unbaked,
        "baked": fresh,
        "bytes": component.len(),
        "image": image.to_string(),
        "batches": batches,
    }))
}

/// The median times of two, in microseconds, of which each is called once and then the other.
fn in_turns(mut one: impl FnMut() -> Result<()>, mut other: impl FnMut() -> Result<()>) -> Result<[f64; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    let started = Instant::now();
    while started.elapsed() < PATIENCE || times[0].len() < 5 {
        for (turn, times) in times.iter_mut().enumerate() {
            let started = Instant::now();
            if turn == 0 {
                one()?
            } else {
                other()?
            }
            times.push(started.elapsed());
        }
    }
    Ok(times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    }))
}
