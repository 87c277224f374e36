//! Lists of notifications, page by page: as a table, or as one JSON document however many pages there are.

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::{Answer, Client, Query};
use super::operator::{show, write};
use super::say;
use super::table::{Column, Table, maybe};

/// How many a page has at most.
const PAGE: u64 = 250;

/// How many of a list are shown.
#[derive(Args)]
pub(super) struct LimitArgs {
    /// How many to show at most, the newest first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Show all of them.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

/// A page as the service answers it, with each notification byte for byte.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    next_cursor: Option<String>,
}

/// What a table shows of a notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    event_id: String,
    customer: String,
    event_type: String,
    state: String,
    reason: Option<String>,
    status: Option<u16>,
    accepted_at: String,
    attempts_made: u64,
    detail: Option<String>,
}

impl Listed {
    const COLUMNS: [Column; 10] = [
        Column::Whole("ID"),
        Column::Whole("ACCEPTED"),
        Column::Text("CUSTOMER"),
        Column::Text("TYPE"),
        Column::Text("EVENT"),
        Column::Whole("STATE"),
        Column::Whole("REASON"),
        Column::Number("STATUS"),
        Column::Number("ATTEMPTS"),
        Column::Text("DETAIL"),
    ];

    fn row(self) -> Vec<String> {
        vec![
            self.id,
            self.accepted_at,
            self.customer,
            self.event_type,
            self.event_id,
            self.state,
            maybe(self.reason.as_ref()),
            maybe(self.status.as_ref()),
            self.attempts_made.to_string(),
            maybe(self.detail.as_ref()),
        ]
    }
}

/// Shows the notifications at a path.
pub(super) async fn list(
    client: &Client,
    path: &str,
    query: Query,
    limit: &LimitArgs,
    json: bool,
) -> anyhow::Result<()> {
    let mut left = if limit.all { u64::MAX } else { limit.limit };
    let mut cursor = None;
    let mut shown: Box<dyn Shown> = match json {
        true => Box::new(Document::default()),
        false => Box::new(Table::new(Listed::COLUMNS)),
    };
    loop {
        let mut query = query.clone();
        query.push(("limit", left.min(PAGE).to_string()));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let answer = client.get(path, &query).await?;
        let page: Page<'_> = answer.read()?;
        left = left.saturating_sub(page.data.len() as u64);
        // A page may be empty and others follow: a search looks at so many rows at a time.
        let last = left == 0 || page.next_cursor.is_none();
        shown.page(&answer, &page, last)?;
        if last {
            return Ok(());
        }
        cursor = page.next_cursor;
    }
}

/// A form that pages are shown in.
trait Shown {
    fn page(&mut self, answer: &Answer, page: &Page<'_>, last: bool) -> anyhow::Result<()>;
}

impl Shown for Table {
    fn page(&mut self, answer: &Answer, page: &Page<'_>, last: bool) -> anyhow::Result<()> {
        let listed = page.data.iter().map(|raw| answer.part::<Listed>(raw));
        let rows: Vec<_> = listed
            .map(|listed| Ok(listed?.row()))
            .collect::<anyhow::Result<_>>()?;
        if !rows.is_empty() {
            show(&self.lay(rows))?;
        }
        if last && page.next_cursor.is_some() {
            say("there may be more; --limit or --all shows them");
        } else if last && self.is_empty() {
            say("there are none");
        }
        Ok(())
    }
}

/// One document of all pages: a single page as it came, several as one with the notifications of all.
#[derive(Default)]
struct Document {
    begun: bool,
    holds_any: bool,
}

impl Shown for Document {
    fn page(&mut self, answer: &Answer, page: &Page<'_>, last: bool) -> anyhow::Result<()> {
        if last && !self.begun {
            return show(&answer.text);
        }
        if !self.begun {
            write("{\"data\":[")?;
            self.begun = true;
        }
        let items: Vec<&str> = page.data.iter().map(|raw| raw.get()).collect();
        if !items.is_empty() {
            let comma = if self.holds_any { "," } else { "" };
            write(&format!("{comma}{}", items.join(",")))?;
            self.holds_any = true;
        }
        match &page.next_cursor {
            _ if !last => Ok(()),
            Some(cursor) => show(&format!("],\"nextCursor\":{}}}", serde_json::to_string(cursor)?)),
            None => show("]}"),
        }
    }
}
