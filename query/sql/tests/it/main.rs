//! Everything about SQL that needs the SQL engine: one program, because linking it is dear.

mod budget;
mod corpus;
mod fixture;
mod keys;
mod output;
mod plan;
mod process;
mod scripts;
mod text;
mod translate;
