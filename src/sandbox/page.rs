//! Pages of a list, cut as Svix cuts them.

use serde::Serialize;

use super::answer::Answer;
use super::call::Query;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 250;

/// One page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    /// The rows.
    pub(super) data: Vec<T>,
    /// Where the page after this one begins.
    pub(super) iterator: Option<String>,
    /// Where the page before this one ends.
    pub(super) prev_iterator: Option<String>,
    /// Whether there is nothing further this way.
    pub(super) done: bool,
}

/// Which page is asked for.
#[derive(Debug)]
pub(super) struct PageQuery<'a> {
    limit: usize,
    iterator: Option<&'a str>,
}

impl<'a> PageQuery<'a> {
    /// Reads `limit` and `iterator`.
    ///
    /// # Errors
    /// The answer to give where the limit is no number from 1 to 250.
    pub(super) fn read(query: Query<'a>) -> Result<Self, Answer> {
        let limit = match query.get("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => {
                let number = text
                    .parse()
                    .map_err(|_| Answer::error(400, "generic_error", "Invalid limit"))?;
                if !(1..=MAX_LIMIT).contains(&number) {
                    return Err(Answer::invalid(&[(
                        "query",
                        "limit",
                        "value_error",
                        "Given limit must be between 1 and 250",
                    )]));
                }
                number
            }
        };
        Ok(Self {
            limit,
            iterator: query.get("iterator").filter(|iterator| !iterator.is_empty()),
        })
    }

    /// Cuts the page out of all rows; an iterator that names no row gives an empty page.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>, id_of: impl Fn(&T) -> &str) -> Page<T> {
        let place = |id: &str| rows.iter().position(|row| id_of(row) == id);
        let (data, done): (Vec<T>, bool) = match self.iterator {
            Some(iterator) => match iterator.strip_prefix('-') {
                Some(id) => {
                    let end = place(id).unwrap_or(0);
                    rows.truncate(end);
                    let start = end.saturating_sub(self.limit);
                    (rows.split_off(start), start == 0)
                }
                None => {
                    let start = place(iterator).map_or(rows.len(), |index| index + 1);
                    self.first(rows.split_off(start))
                }
            },
            None => self.first(rows),
        };
        Page {
            iterator: data.last().map(|row| id_of(row).to_owned()),
            prev_iterator: data.first().map(|row| format!("-{}", id_of(row))),
            data,
            done,
        }
    }

    fn first<T>(&self, mut rows: Vec<T>) -> (Vec<T>, bool) {
        let done = rows.len() <= self.limit;
        rows.truncate(self.limit);
        (rows, done)
    }
}

#[cfg(test)]
mod tests {
    use super::{PageQuery, Query};

    fn cut(query: &str) -> (Vec<&'static str>, Option<String>, bool) {
        let page =
            PageQuery::read(Query::new(query)).map(|page| page.cut(vec!["a", "b", "c", "d", "e"], |row| row));
        let page = page.expect("the query is right");
        (page.data, page.iterator, page.done)
    }

    #[test]
    fn pages_follow_one_another_and_lead_back() {
        assert_eq!(cut("limit=2"), (vec!["a", "b"], Some("b".into()), false));
        assert_eq!(cut("limit=2&iterator=b"), (vec!["c", "d"], Some("d".into()), false));
        assert_eq!(cut("limit=2&iterator=d"), (vec!["e"], Some("e".into()), true));
        assert_eq!(cut("limit=2&iterator=-d"), (vec!["b", "c"], Some("c".into()), false));
        assert_eq!(cut("iterator=nowhere"), (vec![], None, true));
        assert_eq!(cut("").0.len(), 5);
    }

    #[test]
    fn a_limit_outside_its_bounds_is_refused() {
        for query in ["limit=0", "limit=251", "limit=many"] {
            assert!(PageQuery::read(Query::new(query)).is_err(), "{query}");
        }
    }
}
