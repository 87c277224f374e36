//! What a SQLite file may go through.
