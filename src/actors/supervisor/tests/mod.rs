//! How the supervisor copes with what goes wrong around it.

mod bounds;
mod deaths;
mod draining;
mod handing_over;
mod own_accounts;
mod own_faults;
mod pacing;
mod pausing;
mod pools;
mod rotating;
mod shut;
mod silence;
mod standing;
mod strange_tokens;
mod world;
