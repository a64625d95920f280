//! Request rates and service edges as additive deltas, counted while spans come in.
