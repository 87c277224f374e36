//! Reads the columns of a row, whichever database it comes from.

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A row of which columns are read by name. Whole numbers have 64 bits in either database.
pub(super) trait Fields {
    /// Reads a whole number.
    fn int(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;

    /// Reads a text.
    fn text(&self, column: &str) -> Result<Option<&str>, sqlx::Error>;

    /// Reads bytes.
    fn bytes(&self, column: &str) -> Result<Option<&[u8]>, sqlx::Error>;

    /// Reads a truth value.
    fn flag(&self, column: &str) -> Result<bool, sqlx::Error>;

    /// Reads a number.
    fn real(&self, column: &str) -> Result<Option<f64>, sqlx::Error>;
}

macro_rules! fields {
    ($row:ty) => {
        impl Fields for $row {
            fn int(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
                self.try_get(column)
            }

            fn text(&self, column: &str) -> Result<Option<&str>, sqlx::Error> {
                self.try_get(column)
            }

            fn bytes(&self, column: &str) -> Result<Option<&[u8]>, sqlx::Error> {
                self.try_get(column)
            }

            fn flag(&self, column: &str) -> Result<bool, sqlx::Error> {
                self.try_get(column)
            }

            fn real(&self, column: &str) -> Result<Option<f64>, sqlx::Error> {
                self.try_get(column)
            }
        }
    };
}

fields!(SqliteRow);
fields!(PgRow);
