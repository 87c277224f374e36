//! What a secret belongs to.

/// What a secret belongs to. It is part of the seal: moved to another owner, a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    kind: &'static str,
    name: &'a str,
}

impl<'a> Owner<'a> {
    /// The account at Svix of this name.
    pub const fn account(name: &'a str) -> Self {
        Self {
            kind: "account",
            name,
        }
    }

    /// Returns what is sealed along, different for each owner.
    pub(super) fn bytes(self) -> Vec<u8> {
        // No kind has a zero byte in it.
        [self.kind.as_bytes(), &[0], self.name.as_bytes()].concat()
    }
}
