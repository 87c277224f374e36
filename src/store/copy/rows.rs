//! Rows of one table, column by column: read from either database and inserted into either.

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Postgres, Row, SqlSafeStr};

use super::table::{Kind, Table};
use crate::store::fields::Fields;

/// What the rows have in one column.
#[derive(Debug, PartialEq)]
pub(super) enum Cells {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Flag(Vec<Option<bool>>),
    Real(Vec<Option<f64>>),
}

/// Does the same with the cells of either kind.
macro_rules! each_kind {
    ($column:expr, $cells:ident => $work:expr) => {
        match $column {
            Cells::Int($cells) => $work,
            Cells::Text($cells) => $work,
            Cells::Bytes($cells) => $work,
            Cells::Flag($cells) => $work,
            Cells::Real($cells) => $work,
        }
    };
}

impl Cells {
    const fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Int(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
            Kind::Flag => Self::Flag(Vec::new()),
            Kind::Real => Self::Real(Vec::new()),
        }
    }
}

/// A row of which cells are read by place.
pub(super) trait Readable: Fields {
    /// Reads a cell and puts it to the others of its column.
    fn read(&self, index: usize, column: &mut Cells) -> Result<(), sqlx::Error>;
}

macro_rules! readable {
    ($row:ty) => {
        impl Readable for $row {
            fn read(&self, index: usize, column: &mut Cells) -> Result<(), sqlx::Error> {
                each_kind!(column, cells => cells.push(self.try_get(index)?));
                Ok(())
            }
        }
    };
}
readable!(SqliteRow);
readable!(PgRow);

/// Rows of one table.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    pub(super) table: &'static Table,
    columns: Vec<Cells>,
    len: usize,
}

impl Rows {
    pub(super) fn of(table: &'static Table) -> Self {
        let columns = table.columns.iter().map(|column| Cells::new(column.kind));
        Self {
            table,
            columns: columns.collect(),
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Reads a row, which has the table's columns first. Where it cannot be read, these rows are of no more use.
    pub(super) fn push(&mut self, row: &impl Readable) -> Result<(), sqlx::Error> {
        for (index, column) in self.columns.iter_mut().enumerate() {
            row.read(index, column)?;
        }
        self.len += 1;
        Ok(())
    }

    /// Inserts the rows into a file, one by one.
    pub(super) async fn insert_into_file(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        let statement = self.table.insert_into_file();
        let described = self.table.columns.iter().zip(&self.columns);
        let columns: Vec<&Cells> = described
            .filter_map(|(column, cells)| column.in_file.then_some(cells))
            .collect();
        for row in 0..self.len {
            let query = columns.iter().fold(
                sqlx::query(statement.clone()),
                |query, column| each_kind!(column, cells => query.bind(cells.get(row))),
            );
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Inserts the rows into the shared store, in one statement.
    pub(super) async fn insert_into_server(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.len == 0 {
            return Ok(());
        }
        let all = self.table.columns.iter().map(|column| column.name);
        let query = self.bound(self.table.insert_into_server(), all);
        query.execute(connection).await?;
        Ok(())
    }

    /// Binds columns to a statement for the shared store, each as an array.
    pub(super) fn bound(
        &self,
        statement: impl SqlSafeStr,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Query<'_, Postgres, PgArguments> {
        let columns = names.into_iter().filter_map(|name| self.column(name));
        columns.fold(sqlx::query(statement), |query, column| match column {
            Cells::Text(cells) => query.bind(cells.iter().map(storable).collect::<Vec<_>>()),
            column => each_kind!(column, cells => query.bind(cells)),
        })
    }

    fn column(&self, name: &str) -> Option<&Cells> {
        let place = self.table.columns.iter().position(|column| column.name == name)?;
        self.columns.get(place)
    }
}

/// Replaces the one character that PostgreSQL's texts cannot have; what Svix said may have it.
fn storable(text: &Option<String>) -> Option<String> {
    Some(text.as_deref()?.replace('\0', "\u{fffd}"))
}
