//! A disk in memory that keeps exactly what a real one promises, and no more.
