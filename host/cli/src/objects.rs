//! The objects that a command is about.

use anyhow::{Context, Result};
use wasmill_runtime::plan::Plan;
use wasmill_runtime::store::{Found, Location};

/// The objects that were named, or if none was those that the triggers match; each once, by name.
pub fn objects(plan: &Plan, named: &[Location]) -> Result<Vec<Found>> {
    let looked = named.iter().map(|object| object.look().with_context(|| format!("cannot open `{object}`")));
    let mut found = looked.collect::<Result<Vec<_>>>()?;
    if named.is_empty() {
        for objects in plan.objects() {
            let listed = objects.find_now();
            found.extend(listed.with_context(|| format!("cannot list `{}`", objects.within))?);
        }
    }
    found.sort_by(|one, other| one.location.cmp(&other.location));
    found.dedup_by(|one, other| one.location == other.location);
    Ok(found)
}
