//! The loop that watches: it asks for figures, judges rules, keeps incidents, finds causes and has people
//! told; and the HTTP by which all of that is read and steered.
//!
//! Invariant: a step's outcome is stored in one transaction before anything of it is seen outside.

mod ask;
mod board;
mod clock;
mod estate;
mod evidence;
mod settings;

pub use board::Board;
pub use settings::Settings;
