//! Baking: a function that was set up (configured, given its model and tables, bound) becomes a component of its
//! own. An instance of it starts with the memory that set-up left, mapped copy on write, so a fresh sandbox costs
//! microseconds and nothing is parsed, optimised or planned again.
//!
//! The component is instrumented by wizer, started and set up like any other, and its memory written into a copy of
//! it. What set-up depended on is frozen with it: the clocks stand still, random numbers are the same each time and
//! there is no environment and no file, so the same function, configuration, model and tables give the same bytes.
//! A function that reads a setting while it is set up is refused, because settings are for secrets.

mod fill;
mod image;
mod marker;
pub mod part;
mod state;
mod stdio;

use std::time::{Duration, Instant};

use wasmtime::component::Instance;
use wasmtime_wizer::{ComponentContext, Wizer};

use crate::engine::Engine;
use crate::failure::Failure;
use crate::function::{Function, LoadError, Setup};
use crate::sandbox::{self, Grants, Sandbox};

pub use image::Image;
pub use marker::Marker;

/// Why a function was not baked.
#[derive(Debug, thiserror::Error)]
pub enum BakeError {
    /// It cannot be instrumented: it is a composition, mostly.
    #[error("it cannot be baked: {0:#}\nhint: bake functions before they are composed")]
    Instrument(wasmtime::Error),
    /// The instrumented component does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It refuses its configuration, its model or its tables.
    #[error("{0}")]
    SetUp(Failure),
    /// It read settings while it was set up.
    #[error(
        "it reads the setting `{0}` while it is set up, and a setting may be a secret, which must not be baked\nhint: read settings in `open` or `process`"
    )]
    Setting(String),
    /// It sent requests while it was set up.
    #[error(
        "it sends requests while it is set up, and what is baked does so once, long before\nhint: send them in `open` or `process`"
    )]
    Requests,
    /// It would be slower.
    #[error("its memory would be slower to start with: {0}")]
    Sparse(Image),
    /// It was baked already.
    #[error("it is baked already")]
    Already,
    /// Its file cannot be read.
    #[error(transparent)]
    Component(std::io::Error),
    /// It holds on to something of the host.
    #[error(
        "it keeps {held} things of the host open after its set-up, of which {streams} were standard streams, and nothing else outlives the sandbox that it is baked in"
    )]
    Open {
        /// How many.
        held: usize,
        /// How many standard streams it has opened.
        streams: usize,
    },
    /// Its memory could not be read.
    #[error("its memory cannot be read: {0:#}")]
    Snapshot(wasmtime::Error),
}

/// A function that was baked.
pub struct Baked {
    /// The component.
    pub component: Vec<u8>,
    /// What its memory starts with.
    pub image: Image,
    /// The size of the component that it was made of, in bytes.
    pub size_before: usize,
    /// How long an instance took to start before: compiled and linked, but not yet set up.
    pub start_before: Duration,
    /// How long one takes now.
    pub start_after: Duration,
}

impl Baked {
    /// Whether it is worth using: its memory is mapped, not copied, and it starts faster.
    pub fn is_accepted(&self) -> bool {
        self.image.is_mapped() && self.start_after < self.start_before
    }
}

/// How often an instance is started to see how long it takes; the median counts.
const STARTS: usize = 9;

/// Bakes a function, and starts it often enough to say what that gains.
pub fn bake_and_measure(engine: &Engine, bytes: &[u8], function: &Function, setup: &Setup) -> Result<Baked, BakeError> {
    if function.baked.is_some() {
        return Err(BakeError::Already);
    }
    let component = bake(engine, bytes, setup)?;
    let linker = sandbox::linker(engine).map_err(BakeError::Instrument)?;
    let image = Image::of(&component).map_err(BakeError::Snapshot)?;
    let baked = Function::load(engine, &linker, &component)?;
    let start_before = median(|| function.start(engine, setup).map(drop))?;
    let start_after = match &baked.baked {
        Some(marker) => median(|| baked.resume(engine, setup, &marker.bound).map(drop))?,
        None => start_before,
    };
    Ok(Baked { component, image, size_before: bytes.len(), start_before, start_after })
}

fn median(mut start: impl FnMut() -> Result<(), Failure>) -> Result<Duration, BakeError> {
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let started = Instant::now();
        start().map_err(BakeError::SetUp)?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(STARTS / 2).copied().unwrap_or_default())
}

/// Sets a function up and makes a component of what it is then.
pub fn bake(engine: &Engine, function: &[u8], setup: &Setup) -> Result<Vec<u8>, BakeError> {
    let wizer = Wizer::new();
    let (parsed, instrumented) = wizer.instrument_component(function).map_err(BakeError::Instrument)?;
    let linker = sandbox::linker(engine).map_err(BakeError::Instrument)?;
    let function = Function::load(engine, &linker, &instrumented)?;
    drop(instrumented);

    let mut setup = setup.clone();
    // What is set up once and for all depends on nothing outside.
    setup.grants = Grants { documents: setup.grants.documents, ..Grants::default() };
    let (mut instance, raw) = function.instantiate(engine, &setup).map_err(BakeError::SetUp)?;
    let bound = instance.set_up(&setup);
    let sandbox = instance.sandbox();
    if let Some(name) = sandbox.setting_asked() {
        return Err(BakeError::Setting(name.to_owned()));
    }
    if sandbox.has_requested() {
        return Err(BakeError::Requests);
    }
    let bound = bound.map_err(BakeError::SetUp)?;
    let sandbox = instance.sandbox();
    let baked = frozen(&wizer, &parsed, sandbox, raw)?;
    let marker = Marker { kind: function.kind(), input: setup.input, bound };
    marker.write(baked).map_err(BakeError::Snapshot)
}

/// The component in the state that its instance has. Only standard streams may be open: those can be opened again.
fn frozen(
    wizer: &Wizer,
    parsed: &ComponentContext<'_>,
    sandbox: &mut Sandbox,
    instance: Instance,
) -> Result<Vec<u8>, BakeError> {
    let opened = sandbox.opened();
    let held = sandbox.held();
    if held != opened.len() {
        return Err(BakeError::Open { held, streams: opened.len() });
    }
    let component = state::snapshot(wizer, parsed, sandbox, instance).map_err(BakeError::Snapshot)?;
    let component = fill::fill(component).map_err(BakeError::Snapshot)?;
    stdio::reopen(component, &opened).map_err(BakeError::Snapshot)
}
