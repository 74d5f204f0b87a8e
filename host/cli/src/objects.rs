//! The objects that a command is about.

use anyhow::{Context, Result};
use wasmill_runtime::plan::Plan;
use wasmill_runtime::store::{Found, Location};

/// An object as it is named on the command line: a file, or a URL as stores have them.
pub fn location(text: &str) -> Result<Location, String> {
    Ok(match Location::named(text)? {
        Location::File(path) => Location::File(std::path::absolute(path).map_err(|err| err.to_string())?),
        url => url,
    })
}

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
