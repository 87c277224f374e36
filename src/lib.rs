//! svix-hooks: accepts events over HTTP, keeps them durably and forwards each to Svix as exactly one message.

pub mod actors;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod envelope;
pub mod http;
pub mod policy;
pub mod sandbox;
pub mod secrets;
pub mod store;
pub mod svix;
pub mod telemetry;
