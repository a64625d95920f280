//! Cases that test the tests.
