//! The HTTP request by which a notification came in: what it is called, and which trace it belongs to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes of a request's id.
const ID_MAX: usize = 128;

/// The name of a request, by which it is found again in the logs of the caller and of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

/// A text that cannot be the id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not 1 to 128 visible ASCII characters")]
pub struct RequestIdError;

impl RequestId {
    /// Makes one that no other request has.
    pub fn generate() -> Self {
        let mut text = [0; uuid::fmt::Simple::LENGTH];
        Self((*uuid::Uuid::new_v4().simple().encode_lower(&mut text)).into())
    }

    /// Lends its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        let fits = (1..=ID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into())).ok_or(RequestIdError)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in a trace, as the header `traceparent` names it (W3C Trace Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace, the same over all services.
    pub trace: [u8; 16],
    /// The span within it that what comes next belongs under.
    pub span: [u8; 8],
    /// Whether those before have recorded their spans.
    pub sampled: bool,
}

/// A text that names no place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a traceparent, such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
pub struct TraceParentError;

impl TraceParent {
    /// Returns the trace as hex digits.
    pub fn trace_id(&self) -> String {
        let mut text = [0; 32];
        write_hex(&self.trace, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(TraceParentError);
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        let [version] = bytes(version)?;
        // Later versions may say more; this one says nothing else.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return Err(TraceParentError);
        }
        let (trace, span, [flags]) = (bytes(trace)?, bytes(span)?, bytes(flags)?);
        if trace == [0; 16] || span == [0; 8] {
            return Err(TraceParentError);
        }
        Ok(Self {
            trace,
            span,
            sampled: flags & 1 == 1,
        })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"00-                                -                -00";
        write_hex(&self.trace, &mut text[3..35]);
        write_hex(&self.span, &mut text[36..52]);
        text[54] += u8::from(self.sampled);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// The request by which a notification came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it is called.
    pub request: RequestId,
    /// The trace that it belongs to, where there is one.
    pub trace: Option<TraceParent>,
}

/// Writes bytes as lower-case hex digits, two a byte.
fn write_hex(bytes: &[u8], digits: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(digits.chunks_exact_mut(2)) {
        let [high, low] = [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]);
        pair.copy_from_slice(&[high, low]);
    }
}

/// Reads lower-case hex digits, two a byte.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N], TraceParentError> {
    let mut bytes = [0; N];
    let digits = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * N || !text.bytes().all(digits) {
        return Err(TraceParentError);
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        let pair = text.get(2 * place..2 * place + 2).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).map_err(|_| TraceParentError)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_written_as_it_came() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent: TraceParent = text.parse().unwrap();
        assert_eq!(parent.to_string(), text);
        assert_eq!(parent.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert!(parent.sampled);
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02-more";
        assert!(!later.parse::<TraceParent>().unwrap().sampled, "a later version");
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let table = [
            ("", "nothing"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", "no flags"),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", "more than version 0 says"),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "no such version"),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", "no trace"),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "no span"),
            ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "upper case"),
            ("00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a sign"),
            ("00-é7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "no ASCII"),
        ];
        for (text, why) in table {
            assert_eq!(text.parse::<TraceParent>(), Err(TraceParentError), "{why}");
        }
    }

    #[test]
    fn the_id_of_a_request_fits_a_header_and_a_log_line() {
        for text in ["a", "f47ac10b-58cc", &"x".repeat(128)] {
            assert_eq!(text.parse::<RequestId>().unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\nb", "é", &"x".repeat(129)] {
            assert_eq!(text.parse::<RequestId>(), Err(RequestIdError), "{text:?}");
        }
        assert_ne!(RequestId::generate(), RequestId::generate());
    }
}
