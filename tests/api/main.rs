//! The service as its callers, its operators and Svix see it.

mod support;

mod accepting;
mod bounding;
mod delivering;
mod operating;
mod surviving;
