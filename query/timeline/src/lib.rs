//! The story of one business operation: what belongs to it, why, and in which order.
