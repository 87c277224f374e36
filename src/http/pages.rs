//! Pages of what the store keeps and files say, in the order of the names.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::json;

use super::parameters::{self, Faults};
use super::problem::Problem;

/// How many a page has where the query does not say, and at most.
const LIMIT: (u32, u32) = (50, 250);

/// Which page is asked for.
pub(super) struct Asked<T> {
    /// How many it has at most.
    pub(super) limit: u32,
    /// The name that it begins after.
    pub(super) after: Option<T>,
}

impl<T> Asked<T> {
    /// Reads the pairs of a query; `name` reads the cursor, which is a name.
    pub(super) fn read(
        query: &[(String, String)],
        name: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Self, Problem> {
        let mut asked = Self {
            limit: LIMIT.0,
            after: None,
        };
        Faults::of(query, |parameter, value| match parameter {
            "limit" => parameters::number(value, 1, LIMIT.1).map(|number| asked.limit = number),
            "cursor" => name(value).map(|name| asked.after = Some(name)),
            _ => Err("is not known here; known are limit and cursor".to_owned()),
        })
        .refuse()?;
        Ok(asked)
    }
}

/// Answers a page, with where the next one begins.
pub(super) fn respond<T: Serialize>(data: &[T], next: Option<String>) -> HttpResponse {
    let mut page = json!({ "data": data });
    if let Some(next) = next {
        page["nextCursor"] = json!(next);
    }
    HttpResponse::Ok().json(page)
}

/// Lays what files say over a page of what is stored, which begins after `after` and has up to `limit`. Returns the
/// page, and the name that the next one begins after, where there may be one.
pub(super) fn laid_over<T>(
    stored: Vec<(String, T)>,
    of_files: impl IntoIterator<Item = (String, T)>,
    after: Option<&str>,
    limit: usize,
) -> (Vec<T>, Option<String>) {
    let full = stored.len() == limit;
    let mut all: BTreeMap<String, T> = stored.into_iter().collect();
    // Beyond the last one there may be stored ones that come first.
    let last = all.keys().next_back().cloned().filter(|_| full);
    for (name, of_file) in of_files {
        let in_page =
            after.is_none_or(|after| name.as_str() > after) && last.as_ref().is_none_or(|last| name <= *last);
        if in_page {
            all.insert(name, of_file);
        }
    }
    let more = full || all.len() > limit;
    let next = all.keys().take(limit).next_back().cloned().filter(|_| more);
    (all.into_values().take(limit).collect(), next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn page_by_page_everything_comes_once_and_in_order(
            stored in prop::collection::btree_set("[a-f]{1,2}", 0..12),
            of_files in prop::collection::btree_set("[a-f]{1,2}", 0..12),
            limit in 1..5_usize,
        ) {
            let (mut seen, mut after) = (Vec::new(), None::<String>);
            loop {
                let rest = stored.iter().filter(|name| after.as_ref().is_none_or(|after| *name > after));
                let page = rest.take(limit).map(|name| (name.clone(), (name.clone(), "store")));
                let files = of_files.iter().map(|name| (name.clone(), (name.clone(), "file")));
                let (page, next) = laid_over(page.collect(), files, after.as_deref(), limit);
                prop_assert!(page.len() <= limit);
                seen.extend(page);
                let Some(next) = next else { break };
                prop_assert!(after.as_ref().is_none_or(|after| next > *after), "it goes on");
                after = Some(next);
            }
            let source = |name| if of_files.contains(name) { "file" } else { "store" };
            let right: Vec<_> = stored.union(&of_files).map(|name| (name.clone(), source(name))).collect();
            prop_assert_eq!(seen, right);
        }
    }
}
