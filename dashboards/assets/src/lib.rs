//! The built web UI as bytes of the binary, with what a browser needs to know of each file.
//!
//! It refuses to know how files are served. Invariant: a path finds a file of the build or nothing; no
//! path of a request ever reaches a file system.
