//! `settings`: secrets and values that differ from place to place, read from the host's environment.

use std::collections::{BTreeMap, BTreeSet};

use wasmtime::component::{HasData, Linker};

use crate::bindings::imports::wasmill::pipeline::settings::{self, Host};

/// The settings of one sandbox.
#[derive(Debug, Clone, Default)]
pub struct SettingsCtx {
    /// The names that the manifest grants.
    granted: BTreeSet<String>,
    /// The first name that the function asked for.
    pub asked: Option<String>,
    /// What the function was told, by name.
    told: BTreeMap<String, String>,
}

/// The shortest value that is kept out of texts, in bytes: what is shorter is no secret, and would be found in words.
const SECRET: usize = 6;

impl SettingsCtx {
    /// What the manifest grants, of which nothing was asked yet.
    pub fn new(granted: impl IntoIterator<Item = String>) -> Self {
        Self { granted: granted.into_iter().collect(), ..Self::default() }
    }

    /// A text of the function's, with the names of settings in the place of their values: texts go to logs, dead letters
    /// and the journal.
    pub fn redacted(&self, text: String) -> String {
        let mut secrets: Vec<_> = self.secrets().collect();
        // One may hold another: a URL its host.
        secrets.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        secrets.into_iter().fold(text, |text, (name, value)| {
            if text.contains(value.as_str()) { text.replace(value, &format!("[setting {name}]")) } else { text }
        })
    }

    /// How many bytes at the beginning of a text, of which something before was dropped, are the rest of a value.
    pub fn rest_of_secret(&self, text: &[u8]) -> usize {
        let rest = |value: &str| {
            (1..value.len())
                .filter_map(|at| value.as_bytes().get(at..))
                .find(|rest| text.starts_with(rest))
                .map(<[u8]>::len)
        };
        self.secrets().filter_map(|(_, value)| rest(value)).max().unwrap_or(0)
    }

    fn secrets(&self) -> impl Iterator<Item = (&String, &String)> {
        self.told.iter().filter(|(_, value)| value.len() >= SECRET)
    }
}

impl Host for SettingsCtx {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let value = if self.granted.contains(&name) { std::env::var(&name).ok() } else { None };
        if let Some(value) = &value {
            self.told.insert(name.clone(), value.clone());
        }
        self.asked.get_or_insert(name);
        Ok(value)
    }
}

/// How the linker finds the context.
pub struct HasSettings;

impl HasData for HasSettings {
    type Data<'a> = &'a mut SettingsCtx;
}

/// Gives functions the interface.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> &mut SettingsCtx) -> wasmtime::Result<()> {
    settings::add_to_linker::<T, HasSettings>(linker, get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_were_told_are_kept_out_of_texts() {
        // Set by cargo, and long enough.
        let name = "CARGO_MANIFEST_DIR";
        let value = std::env::var(name).unwrap();
        let mut ctx = SettingsCtx::new([name.to_owned(), "CARGO_PKG_VERSION_MAJOR".into()]);
        let text = || format!("denied: {value} at 0.1, {value}");
        assert_eq!(ctx.redacted(text()), text());
        ctx.get(name.into()).unwrap();
        ctx.get("CARGO_PKG_VERSION_MAJOR".into()).unwrap();
        ctx.get("PATH".into()).unwrap();
        assert_eq!(ctx.redacted(text()), format!("denied: [setting {name}] at 0.1, [setting {name}]"));
        assert_eq!(ctx.asked.as_deref(), Some(name));

        // Of lines of which the first ones were dropped, as well.
        let (_, rest) = value.split_at(2);
        assert_eq!(ctx.rest_of_secret(format!("{rest} and more").as_bytes()), rest.len());
        assert_eq!(ctx.rest_of_secret(b"nothing of the kind"), 0);
    }
}
