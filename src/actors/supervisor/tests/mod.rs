//! How the supervisor copes with what goes wrong around it.

mod bounds;
mod deaths;
mod draining;
mod pools;
mod silence;
mod world;
