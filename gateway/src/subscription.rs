//! Local subscriptions: who hears of which change, in which form.
//!
//! ```text
//! feed ──event──▶ Registry ──▶ one task per collection ──▶ groups (match once, encode once) ──▶ send queue of each member
//! command::subscribe ──register──▶ (buffers) ──read init──▶ activate
//! ```
//!
//! Subscriptions with the same plan, event and item form a group: an event is evaluated once for each group that it can
//! concern, which an index over constants finds, and its frame is encoded once per uid. It must never read the
//! database per subscriber, and never deliver to a member what its group's plan, made with its permissions of now, does not
//! show.

mod collection;
mod dispatch;
mod evaluate;
mod frames;
mod group;
mod lanes;
mod listeners;
mod listening;
mod planning;
mod position;
mod queries;
mod reader;
mod recent;
mod refresh;
mod registry;
mod remembered;
mod replay;
mod request;
mod shared_read;

pub use collection::Start;
pub use listeners::Form;
pub use planning::plan;
pub use position::{Place, Position};
pub use queries::Queries;
pub use reader::ViewRead;
pub use refresh::{refresh, refresh_quietly};
pub use registry::{Activation, Registry, RegistryOptions};
pub use replay::NotResumed;
pub use request::{Planned, Request, SubscriptionId};
