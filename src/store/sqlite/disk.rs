//! How much room the database file takes, and how much its file system has.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::{Disk, DiskSpace};

/// Measures the file with its log. May take as long as the file system takes to answer.
pub(super) fn measure(path: &Path) -> io::Result<Disk> {
    let log = PathBuf::from(format!("{}-wal", path.display()));
    let bytes = std::fs::metadata(path)?.len() + std::fs::metadata(log).map_or(0, |log| log.len());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let found = rustix::fs::statvfs(directory.unwrap_or(Path::new(".")))?;
    Ok(Disk {
        bytes,
        space: Some(DiskSpace {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        }),
    })
}
