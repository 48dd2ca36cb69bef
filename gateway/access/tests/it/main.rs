//! The core against a real Postgres: what plans return as SQL, and by which index.
//!
//! It must never mock the database.

#[cfg(test)]
mod database;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod property;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod sql_aggregates;
#[cfg(test)]
mod sql_filters;
#[cfg(test)]
mod sql_indexes;
