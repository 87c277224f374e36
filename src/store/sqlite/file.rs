//! The database file: locked against other processes, and watched for being swapped.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{StoreError, missing};

/// A database file that this process alone uses.
pub(in crate::store) struct DatabaseFile {
    path: PathBuf,
    /// Device and inode, once the file exists.
    identity: Option<(u64, u64)>,
    /// Holds the lock for as long as it is open.
    _lock: File,
}

impl DatabaseFile {
    /// Takes the lock beside the file.
    pub(in crate::store) fn lock(path: &str) -> Result<Self, StoreError> {
        let path = Path::new(path);
        // The same file by another name must find the same lock.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let lock_path = PathBuf::from(format!("{}.lock", path.display()));
        let failed = |source: std::io::Error| StoreError::Lock {
            path: lock_path.display().to_string(),
            source: Arc::new(source),
        };
        let lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock_path)
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path,
                identity: None,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
                path: lock_path.display().to_string(),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes which file this is, now that it exists.
    pub(super) fn remember_identity(self) -> Self {
        let identity = identity(&self.path);
        Self { identity, ..self }
    }

    /// Makes sure that the path still leads to the file that is open: what is written to a file
    /// without a name is gone when the process ends.
    pub(super) fn check_identity(&self) -> Result<(), StoreError> {
        if self.identity.is_some() && identity(&self.path) != self.identity {
            return Err(missing());
        }
        Ok(())
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
