//! Alert rules: text becomes a checked rule, a checked rule and a window of figures become a verdict.
//!
//! It refuses to know where figures come from and who is told. Invariant: the same rule, state, window and
//! time give the same verdict.
