//! Reads the body of an answer, up to a bound.

use bytes::Bytes;
use hyper::body::{Body, Incoming};

use super::budget::{Granted, Share};
use super::connection::Connection;
use super::failure::Failure;

/// What every answer may take, in bytes.
pub(super) const SHORT: usize = 64 * 1024;

/// How much of a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// So many bytes; a longer one is no answer.
    Whole(usize),
    /// What every answer may take, and nothing of what is behind that.
    Cut,
}

/// A body, and the memory that was set aside for it.
pub(super) struct Text<'a> {
    pub(super) bytes: Bytes,
    /// Whether there was more of it than was read.
    pub(super) is_cut: bool,
    _granted: Option<Granted<'a>>,
}

/// Reads a body. What goes beyond a short answer waits for its part of the budget.
pub(super) async fn read<'a>(
    connection: &mut Connection,
    mut body: Incoming,
    bound: Bound,
    share: &'a Share,
) -> Result<Text<'a>, Failure> {
    let most = match bound {
        Bound::Whole(most) => most,
        Bound::Cut => SHORT,
    };
    let hint = body.size_hint();
    if bound != Bound::Cut && hint.lower() > most as u64 {
        return Err(Failure::TooLong(most));
    }
    let expected = hint.exact().and_then(|length| usize::try_from(length).ok());
    let mut read = Vec::new();
    let (mut granted, mut is_cut) = (None, false);
    while let Some(frame) = connection.frame(&mut body).await {
        // The headers behind a body are of no use here.
        let Ok(chunk) = frame?.into_data() else { continue };
        if read.is_empty() && body.is_end_stream() && chunk.len() <= most {
            return Ok(Text {
                bytes: chunk,
                is_cut: false,
                _granted: None,
            });
        }
        let room = most - read.len();
        if chunk.len() > room {
            if bound != Bound::Cut {
                return Err(Failure::TooLong(most));
            }
            read.extend_from_slice(chunk.get(..room).unwrap_or_default());
            is_cut = true;
            break;
        }
        if read.len() + chunk.len() > SHORT && granted.is_none() {
            granted = Some(share.grant(most - SHORT).await);
            // At once, so that nothing is held twice while it grows.
            read.reserve_exact(expected.unwrap_or(most).min(most) - read.len());
        }
        read.extend_from_slice(&chunk);
    }
    Ok(Text {
        bytes: read.into(),
        is_cut,
        _granted: granted,
    })
}
