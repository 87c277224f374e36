//! The service as its callers, its operators and Svix see it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test or its support cannot do fails the test"
)]

mod support;

mod accepting;
mod accounts;
mod auditing;
mod bad_connections;
mod bad_events;
mod bad_requests;
mod bound_keys;
mod bounding;
mod collectors;
mod customer_rates;
mod customer_rules;
mod customers;
mod delivering;
mod endpoints;
mod exactly_once;
mod expiring;
mod fairness;
mod guarding;
mod health;
mod holding_back;
mod keys;
mod logging;
mod looking_up;
mod metric_bounds;
mod metrics;
mod metrics_in_trouble;
mod operating;
mod own_faults;
mod portal;
mod redriving;
mod replicas;
mod sampling;
mod sealed_secrets;
mod secrecy;
mod self_service;
mod stored_keys;
mod surviving;
mod tracing;
