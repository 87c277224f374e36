//! Events of a size.

use std::sync::LazyLock;

/// What `server.max_body_bytes` is set to, where a test does not say otherwise: the largest event.
pub(crate) const LARGEST: usize = 1 << 20;

/// The smallest event: nothing less says what it is and which.
pub(crate) const SMALLEST: usize = r#"{"id":"0000","type":"a","data":{}}"#.len();

/// Sizes at which something may be other than a byte before: of pages, of buffers, and of the bounds.
const EDGES: [usize; 16] = [
    SMALLEST,
    SMALLEST + 1,
    127,
    128,
    1_000,
    4_095,
    4_096,
    4_097,
    10_000,
    65_535,
    65_536,
    65_537,
    100_000,
    500_000,
    LARGEST - 1,
    LARGEST,
];

/// Numbers that fit an id.
const NUMBERS: usize = 10_000;

/// Text that no store can make smaller.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(11);
    let mut text = String::with_capacity(LARGEST + NUMBERS);
    while text.len() < LARGEST + NUMBERS {
        text.push_str(&format!("{:016x}", random.u64(..)));
    }
    text
});

/// An event that was not made yet.
#[derive(Debug, Clone)]
pub(crate) struct Sized {
    pub(crate) number: usize,
    /// Where none is named, it is the default one.
    pub(crate) customer: Option<String>,
    pub(crate) bytes: usize,
}

impl Sized {
    pub(crate) fn id(&self) -> String {
        format!("{:04}", self.number)
    }

    /// Makes it, in exactly so many bytes and always the same ones.
    pub(crate) fn body(&self) -> String {
        let mut body = format!(r#"{{"id":"{}","type":"a""#, self.id());
        if let Some(customer) = &self.customer {
            body.push_str(&format!(r#","customer":"{customer}""#));
        }
        body.push_str(r#","data":{"#);
        // What a reader may be tempted to write in another way.
        let (odd, end) = (r#" "n" : 1.0e+2,"u":"\u00e4ä\/", "text":""#, r#""}}"#);
        let needed = body.len() + odd.len() + end.len();
        if self.bytes >= needed {
            body.push_str(odd);
            let mut left = self.bytes - needed;
            while left > 0 {
                let text = &TEXT[self.number..];
                let text = &text[..left.min(text.len())];
                body.push_str(text);
                left -= text.len();
            }
            body.push_str(end);
        } else {
            // Blanks say nothing, and are kept all the same.
            body.extend(std::iter::repeat_n(' ', self.bytes - body.len() - 2));
            body.push_str("}}");
        }
        assert_eq!(body.len(), self.bytes, "{body:.100}");
        body
    }
}

/// Returns so many events of one size, of customers in turn.
pub(crate) fn of_size(count: usize, bytes: usize, customers: usize) -> Vec<Sized> {
    assert!(count <= NUMBERS, "their numbers fit");
    let named = |number| format!("c{}", number % customers);
    (0..count)
        .map(|number| Sized {
            number,
            customer: (bytes > 2 * SMALLEST).then(|| named(number)),
            bytes,
        })
        .collect()
}

/// Returns events of all sizes, so many rounds of them, of customers in turn.
pub(crate) fn mixed(rounds: usize, customers: usize) -> Vec<Sized> {
    let mut events = Vec::new();
    for bytes in EDGES.into_iter().cycle().take(rounds * EDGES.len()) {
        let number = events.len();
        // All customers have all sizes.
        let customer = format!("c{}", (number + number / EDGES.len()) % customers);
        events.push(Sized {
            number,
            customer: (bytes > 2 * SMALLEST).then_some(customer),
            bytes,
        });
    }
    events
}

/// Returns how many bytes events have together.
pub(crate) fn total(events: &[Sized]) -> u64 {
    events.iter().map(|event| event.bytes as u64).sum()
}
