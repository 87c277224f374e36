//! Leases that were dropped, on their way back to the writer.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::lease::LeasedRow;

/// Rows that the writer gives back in one go at most. A great many may be dropped at once, behind which nobody's
/// accept is to wait.
const AT_ONCE: usize = 256;

/// Where leases go when they are dropped.
#[derive(Debug)]
pub(super) struct Releases {
    sender: UnboundedSender<LeasedRow>,
    receiver: UnboundedReceiver<LeasedRow>,
}

impl Default for Releases {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self { sender, receiver }
    }
}

impl Releases {
    /// Returns where a lease sends its row.
    pub(super) fn sender(&self) -> UnboundedSender<LeasedRow> {
        self.sender.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// Takes some of the rows, in the order in which their leases were dropped.
    pub(super) fn take(&mut self) -> Vec<LeasedRow> {
        std::iter::from_fn(|| self.receiver.try_recv().ok())
            .take(AT_ONCE)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::examples::customer;

    #[test]
    fn many_that_are_dropped_at_once_go_back_in_parts_and_in_order() {
        let mut releases = Releases::default();
        let rows: Vec<i64> = (0..600).collect();
        for row in &rows {
            let leased = LeasedRow {
                customer: customer("acme"),
                row: *row,
                fence: 1,
            };
            releases.sender().send(leased).unwrap();
        }
        let (mut parts, mut found) = (Vec::new(), Vec::new());
        while !releases.is_empty() {
            let part = releases.take();
            parts.push(part.len());
            found.extend(part.into_iter().map(|leased| leased.row));
        }
        assert_eq!((parts, found), (vec![256, 256, 88], rows));
        assert!(releases.take().is_empty());
    }
}
