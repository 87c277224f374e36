//! How the supervisor copes with what goes wrong around it.
