//! The gateway's integration tests: the program, started as a user starts it, against real Postgres, Redis and clients.
//!
//! It must never use the gateway's library: what a client or an operator cannot see is tested beside its code.

#[cfg(test)]
mod bootstrap;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod fanout;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod guides;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod items;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod observability;
#[cfg(test)]
mod predicates;
mod probe;
#[cfg(test)]
mod remembered;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod rfc6455;
#[cfg(test)]
mod rights;
