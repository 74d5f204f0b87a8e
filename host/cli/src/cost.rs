//! What events cost: what runs used, times prices.
//!
//! # Layout
//! - [`measured`]: what the runs of a journal used, for each event;
//! - [`prices`]: price files, of which some are built in;
//! - [`formula`]: from the one and the other to amounts, with the arithmetic as text.

pub mod formula;
pub mod measured;
pub mod prices;
