//! Short stories through the built binary, by what they are about.

mod access;
mod demo;
mod hostile;
mod import;
mod life;
mod load;
mod odd;
mod query;
mod repeat;
mod time;
mod wire;
