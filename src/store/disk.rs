//! How much room the store takes, and how much there is.

use super::{Store, StoreError};

/// The store's room on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that the store takes.
    pub bytes: u64,
    /// The room of its file system; nothing is known of a database server's.
    pub space: Option<DiskSpace>,
}

/// The room of a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// What the service may still take.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

impl DiskSpace {
    /// Returns the share that is free, from 0 to 1.
    #[must_use]
    pub fn free_ratio(&self) -> f64 {
        match self.total {
            0 => 1.0,
            total => real(self.free) / real(total),
        }
    }
}

/// A share of a disk needs no more digits than this keeps.
fn real(bytes: u64) -> f64 {
    let (high, low) = (bytes >> 32, bytes & u64::from(u32::MAX));
    let part = |part: u64| u32::try_from(part).map_or(0.0, f64::from);
    part(high) * 4_294_967_296.0 + part(low)
}

impl Store {
    /// Measures how much room the store takes, and how much there is.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub async fn disk(&self) -> Result<Disk, StoreError> {
        self.reader.disk().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_share_of_any_disk_is_a_share() {
        let share = |free, total| DiskSpace { free, total }.free_ratio();
        assert_eq!(share(1 << 40, 1 << 42), 0.25);
        assert_eq!((share(0, 1 << 50), share(7, 7), share(u64::MAX, u64::MAX)), (0.0, 1.0, 1.0));
        assert_eq!(share(0, 0), 1.0, "a file system that tells nothing is not full");
    }
}
