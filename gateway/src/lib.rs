//! A gateway node: terminates sockets, authenticates, answers item operations and delivers change events to its local
//! subscriptions.
//!
//! The path of a request: `http` (upgrade) → `connection` (reader) → `protocol` (message) → `command` → `items` or
//! `subscription` → `connection::send_queue` (writer). The path of an event: `feed` (bus in, in order) →
//! `subscription::group` (match once, encode once) → `connection::send_queue` of every member.
//!
//! A node must never hold state that a reconnect cannot rebuild.

pub mod app;
pub mod auth;
pub mod bootstrap;
pub mod cli;
pub mod command;
pub mod config;
pub mod connection;
pub mod database;
pub mod dev;
pub mod directory;
pub mod error;
pub mod feed;
pub mod graphql;
pub mod http;
pub mod items;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod probe;
pub mod protocol;
pub mod state;
pub mod subscription;
