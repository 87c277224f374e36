//! What every database behind the store must do.
