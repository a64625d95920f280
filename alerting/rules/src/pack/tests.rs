//! The pack.
