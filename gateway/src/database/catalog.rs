//! The catalog of Postgres: which tables, columns and foreign keys exist.
