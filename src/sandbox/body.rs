//! Reading the body of a request, up to Svix's bound.

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;

/// The largest body that is taken, in bytes.
pub(super) const MAX_BODY: usize = 2_097_152;

/// How much of a body that is too large is still read, so that its sender comes to see the answer.
const DRAINED: usize = 16 << 20;

/// What was read of a body.
#[derive(Debug)]
pub(super) enum Body {
    /// All of it.
    Whole(Bytes),
    /// More than is taken came, at least this many bytes.
    TooLarge(usize),
    /// The sender stopped in the middle of it.
    Broken,
}

impl Body {
    /// Reads a body to its end; one that came in one piece is not copied.
    pub(super) async fn read(mut payload: Payload) -> Self {
        let mut whole = Bytes::new();
        let mut pieces = BytesMut::new();
        let mut length = 0;
        while let Some(piece) = payload.next().await {
            let Ok(piece) = piece else { return Self::Broken };
            length += piece.len();
            if length > DRAINED {
                break;
            }
            if length > MAX_BODY {
                whole = Bytes::new();
                pieces = BytesMut::new();
            } else if whole.is_empty() && pieces.is_empty() {
                whole = piece;
            } else {
                if pieces.is_empty() {
                    pieces.extend_from_slice(&std::mem::take(&mut whole));
                }
                pieces.extend_from_slice(&piece);
            }
        }
        match (length > MAX_BODY, pieces.is_empty()) {
            (true, _) => Self::TooLarge(length),
            (false, true) => Self::Whole(whole),
            (false, false) => Self::Whole(pieces.freeze()),
        }
    }

    /// Returns how many bytes were read.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::TooLarge(length) => *length,
            Self::Broken => 0,
        }
    }
}
