//! The statements that follow from what a table is; `shared` tells whether they are for the shared store.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::table::{Column, Table};

impl Table {
    /// Makes the statement for all rows.
    pub(super) fn all(&self, shared: bool) -> SqlStr {
        let (columns, name, key) = (self.expressions(shared), self.name, self.key());
        let group = if self.summed {
            format!("GROUP BY {key} ")
        } else {
            String::new()
        };
        fixed(&format!("SELECT {columns} FROM {name} AS t {group}ORDER BY {key}"))
    }

    /// Makes the statement for the rows of the notifications after `$1` and up to `$2`.
    pub(super) fn of_batch(&self, shared: bool) -> SqlStr {
        let (columns, name, key) = (self.expressions(shared), self.name, self.key());
        let same = same(shared);
        fixed(&format!(
            "SELECT {columns} FROM notifications AS n JOIN {name} AS t ON {same} \
             WHERE n.seq > $1 AND n.seq <= $2 ORDER BY {key}"
        ))
    }

    /// Makes the statement for up to `$2` notifications after `$1`, and the `size` of their events.
    pub(super) fn batch(&self, shared: bool) -> SqlStr {
        let columns = self.expressions(shared);
        let (length, same) = if shared {
            ("octet_length(e.body)", "e.customer = t.customer AND e.seq = t.seq")
        } else {
            ("length(e.body)", "e.seq = t.seq")
        };
        fixed(&format!(
            "SELECT {columns}, (SELECT CAST({length} AS BIGINT) FROM events AS e WHERE {same}) AS size \
             FROM notifications AS t WHERE t.seq > $1 ORDER BY t.seq LIMIT $2"
        ))
    }

    /// Makes the statement that counts rows whose notification is there.
    pub(super) fn count(&self, shared: bool) -> SqlStr {
        let (name, same) = (self.name, same(shared));
        fixed(&format!("SELECT count(*) FROM notifications AS n JOIN {name} AS t ON {same}"))
    }

    /// Makes the statement that counts rows whose notification is not there.
    pub(super) fn count_orphans(&self, shared: bool) -> SqlStr {
        let (name, same) = (self.name, same(shared));
        fixed(&format!(
            "SELECT count(*) FROM {name} AS t WHERE NOT EXISTS (SELECT 1 FROM notifications AS n WHERE {same})"
        ))
    }

    /// Makes the statement that counts all rows; those of several slots are one.
    pub(super) fn count_all(&self) -> SqlStr {
        let (name, key) = (self.name, self.key());
        fixed(&format!("SELECT count(*) FROM (SELECT 1 FROM {name} AS t GROUP BY {key}) AS t"))
    }

    /// Makes the statement that inserts one row into a file.
    pub(super) fn insert_into_file(&self) -> SqlStr {
        let columns: Vec<&str> = self.columns_in_file().map(|column| column.name).collect();
        let values: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
        let (name, columns, values) = (self.name, columns.join(", "), values.join(", "));
        fixed(&format!("INSERT INTO {name} ({columns}) VALUES ({values})"))
    }

    /// Makes the statement that inserts rows into the shared store, of which it is given the columns.
    pub(super) fn insert_into_server(&self) -> SqlStr {
        let columns: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let kinds = self.columns.iter().map(|column| column.kind.of_server());
        let arrays: Vec<String> = (1..)
            .zip(kinds)
            .map(|(number, kind)| format!("${number}::{kind}[]"))
            .collect();
        let (name, columns, arrays) = (self.name, columns.join(", "), arrays.join(", "));
        fixed(&format!("INSERT INTO {name} ({columns}) SELECT * FROM unnest({arrays})"))
    }

    fn columns_in_file(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.in_file)
    }

    fn expressions(&self, shared: bool) -> String {
        let expression = |column: &Column| {
            let read = if shared {
                &column.from_server
            } else {
                &column.from_file
            };
            format!("{read} AS {}", column.name)
        };
        let expressions: Vec<String> = self.columns.iter().map(expression).collect();
        expressions.join(", ")
    }

    fn key(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|column| format!("t.{column}")).collect();
        key.join(", ")
    }
}

/// How a row finds its notification; only with the customer is a number one row's.
const fn same(shared: bool) -> &'static str {
    if shared {
        "t.customer = n.customer AND t.seq = n.seq"
    } else {
        "t.seq = n.seq"
    }
}

/// Nothing but fixed text is in any of the statements.
fn fixed(text: &str) -> SqlStr {
    AssertSqlSafe(text).into_sql_str()
}
