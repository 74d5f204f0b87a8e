//! `settings`: secrets and values that differ from place to place, read from the host's environment.

use std::collections::BTreeSet;

use wasmtime::component::{HasData, Linker};

use crate::bindings::imports::wasmill::pipeline::settings::{self, Host};

/// The settings of one sandbox.
#[derive(Debug, Clone, Default)]
pub struct SettingsCtx {
    /// The names that the manifest grants.
    pub granted: BTreeSet<String>,
    /// The first name that the function asked for.
    pub asked: Option<String>,
}

impl Host for SettingsCtx {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let value = if self.granted.contains(&name) { std::env::var(&name).ok() } else { None };
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
