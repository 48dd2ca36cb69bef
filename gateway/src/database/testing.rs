//! A Postgres for the tests of this crate: one server per test process, one database per test.
