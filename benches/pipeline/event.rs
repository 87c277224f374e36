//! What is posted: bytes made once, in which only id and customer change.

use std::ops::Range;

use svix_hooks::sandbox::{DEFAULT_APPLICATION, DEFAULT_TOKEN};

/// The size of an event, in bytes.
pub(crate) const EVENT_BYTES: usize = 1024;

/// Where an id goes: sixteen digits.
const ID_MARK: &str = "################";

/// Where a customer's number goes: four digits.
const CUSTOMER_MARK: &str = "@@@@";

/// How ids and customers are spread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    /// How many customers take turns, 1 to 10,000.
    pub(crate) customers: u64,
    /// Whether ids ascend, which is kinder to an index than what callers mostly use.
    pub(crate) ordered: bool,
}

/// Bytes with gaps for an id and a customer.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    ids: Vec<Range<usize>>,
    customers: Vec<Range<usize>>,
    spread: Ids,
}

impl Ids {
    /// Writes the id of event `number` in 16 hexadecimal digits. No two numbers have the same.
    pub(crate) fn id(self, number: u64) -> [u8; 16] {
        let value = if self.ordered { number } else { scatter(number) };
        std::array::from_fn(|place| {
            let digit = (value >> (60 - 4 * place)) & 15;
            b"0123456789abcdef"[digit as usize]
        })
    }
}

impl Template {
    fn new(text: String, spread: Ids) -> Self {
        let places = |mark: &str| {
            text.match_indices(mark)
                .map(|(at, _)| at..at + mark.len())
                .collect()
        };
        Self {
            ids: places(ID_MARK),
            customers: places(CUSTOMER_MARK),
            bytes: text.into_bytes(),
            spread,
        }
    }

    /// Makes a post of an event to `path`.
    pub(crate) fn post(path: &str, spread: Ids) -> Self {
        Self::new(request(path, "", &event()), spread)
    }

    /// The same with an event of so many bytes, which no store can make smaller.
    pub(crate) fn post_of(bytes: usize, path: &str, spread: Ids) -> Self {
        Self::new(request(path, "", &event_of(bytes, scattered_text)), spread)
    }

    /// The same as part of a trace of its own.
    pub(crate) fn traced_post(path: &str, spread: Ids) -> Self {
        let headers = format!("traceparent: 00-{ID_MARK}{ID_MARK}-{ID_MARK}-01\r\n");
        Self::new(request(path, &headers, &event()), spread)
    }

    /// Makes a post of a message to Svix, as a whole request.
    pub(crate) fn svix_post(spread: Ids) -> Self {
        let headers = format!("authorization: Bearer {DEFAULT_TOKEN}\r\nidempotency-key: evt_{ID_MARK}\r\n");
        Self::new(request(&svix_path(), &headers, &message()), spread)
    }

    /// Makes the body of a message to Svix.
    pub(crate) fn svix_message(spread: Ids) -> Self {
        Self::new(message(), spread)
    }

    /// Makes it that of event `number`.
    pub(crate) fn patch(&mut self, number: u64) -> &[u8] {
        let id = self.spread.id(number);
        for place in &self.ids {
            self.bytes[place.clone()].copy_from_slice(&id);
        }
        let customer = number % self.spread.customers;
        let digits: [u8; 4] = std::array::from_fn(|place| {
            let digit = customer / 10_u64.pow(3 - place as u32) % 10;
            b"0123456789"[digit as usize]
        });
        for place in &self.customers {
            self.bytes[place.clone()].copy_from_slice(&digits);
        }
        &self.bytes
    }
}

/// The path at Svix to which the stand-in's messages are posted.
pub(crate) fn svix_path() -> String {
    format!("/api/v1/app/{DEFAULT_APPLICATION}/msg?with_content=false")
}

fn request(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn message() -> String {
    format!(r#"{{"eventType":"invoice.paid","eventId":"evt_{ID_MARK}","payload":{}}}"#, event())
}

/// An event of exactly [`EVENT_BYTES`].
fn event() -> String {
    event_of(EVENT_BYTES, || "Paid with thanks. ".chars().cycle())
}

/// An event of exactly so many bytes, if they are enough for its invoice, filled up with text.
fn event_of<T: Iterator<Item = char>>(bytes: usize, filling: impl FnOnce() -> T) -> String {
    let mut event = format!(
        r#"{{"id":"evt_{ID_MARK}","type":"invoice.paid","source":"/shops/eu-1","time":"2026-01-15T12:00:00.250Z","customer":"customer-{CUSTOMER_MARK}","data":{{"invoice":{{"number":"2026-000417","currency":"EUR","net":1249.50,"vat":237.41,"gross":1486.91,"paid":true,"lines":["#
    );
    for line in 1..=4 {
        event.push_str(&format!(
            r#"{{"line":{line},"article":"A-10{line}","quantity":{line},"price":99.90}},"#
        ));
    }
    event.push_str(r#"{"line":5,"article":"freight","quantity":1,"price":12.00}]},"text":""#);
    let end = r#""}}"#;
    let text = bytes.saturating_sub(event.len() + end.len());
    event.extend(filling().take(text));
    event.push_str(end);
    event
}

/// Text without any order.
fn scattered_text() -> impl Iterator<Item = char> {
    (0..)
        .flat_map(|number: u64| format!("{:016x}", scatter(number)).into_bytes())
        .map(char::from)
}

/// Scatters numbers over all of their range, one to one (the last step of SplitMix64).
fn scatter(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
