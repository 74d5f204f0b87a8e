//! What a function may be given: one file a capability, each with its context, its implementation and
//! `add_to_linker`. A capability that the manifest does not grant answers with what to write to grant it.

pub mod clock;
pub mod documents;
pub mod http;
pub mod io;
pub mod objects;
pub mod output;
pub mod settings;
