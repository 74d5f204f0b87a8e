//! What the adapter is told.

use serde::Deserialize;

/// What the adapter is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database, by the name that it has in Spin; [`database`] by default.
    #[serde(default = "database")]
    pub database: String,
    /// A digest of what makes the documents, as a decimal number: see [`wasmill_settle`].
    #[serde(default)]
    pub pipeline: i64,
}

/// The one that Spin has without being told: a file of its own.
pub fn database() -> String {
    "default".to_owned()
}

impl Config {
    /// What is wrong with it, if anything is.
    pub fn check(&self) -> Result<(), String> {
        if self.database.is_empty() {
            return Err("`database` is empty\nhint: leave it out for Spin's own, `default`".to_owned());
        }
        Ok(())
    }
}
