//! Everything about SQL that needs the SQL engine: one program, because linking it is dear.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod budget;
mod census;
mod corpus;
mod fixture;
mod keys;
mod output;
mod plan;
mod process;
mod releases;
mod scripts;
mod stories;
mod text;
mod translate;
