//! `ETag`, `If-Match` and `If-None-Match`: changing only what one has seen (RFC 9110, section 13).

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

use super::problem::{Code, Problem, shown};
use crate::store::Expected;

/// Returns the tag of a version.
pub(super) fn tag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Reads what the request is for.
pub(super) fn expected(request: &HttpRequest) -> Result<Expected, Problem> {
    match (header(request, IF_MATCH)?, header(request, IF_NONE_MATCH)?) {
        (None, None) => Ok(Expected::Anything),
        (None, Some("*")) => Ok(Expected::Absent),
        (Some("*"), None) => Ok(Expected::Present),
        (Some(tag), None) => version(tag).map(Expected::Version),
        _ => {
            let detail = "If-None-Match can be *, for what is not to be there yet; and not beside If-Match";
            Err(Problem::new(Code::InvalidHeader, detail))
        }
    }
}

fn header(request: &HttpRequest, name: HeaderName) -> Result<Option<&str>, Problem> {
    let mut values = request.headers().get_all(&name);
    let value = values.next().map(|value| value.to_str().map(str::trim));
    match (value, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Problem::new(Code::InvalidHeader, format!("{name} must be one tag, as ETag says it"))),
    }
}

fn version(tag: &str) -> Result<i64, Problem> {
    let number = tag
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .and_then(|version| version.parse().ok());
    number.ok_or_else(|| {
        let detail = format!("{} is no tag as ETag says it, such as \"3\"", shown(tag));
        Problem::new(Code::InvalidHeader, detail)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn what_a_request_is_for_is_read_from_its_headers() {
        let read = |headers: &[(&'static str, &str)]| {
            let request = headers
                .iter()
                .fold(TestRequest::default(), |request, header| request.append_header(*header));
            expected(&request.to_http_request()).ok()
        };
        let table: [(&[(&str, &str)], _, _); 10] = [
            (&[], Some(Expected::Anything), "no condition"),
            (&[("if-match", "\"3\"")], Some(Expected::Version(3)), "a version"),
            (&[("if-match", " * ")], Some(Expected::Present), "any version"),
            (&[("if-none-match", "*")], Some(Expected::Absent), "none"),
            (&[("if-match", "3")], None, "a tag has quotes"),
            (&[("if-match", "W/\"3\"")], None, "a weak tag matches nothing"),
            (&[("if-match", "\"3\", \"4\"")], None, "one version alone can be there"),
            (&[("if-match", "\"3\""), ("if-match", "\"4\"")], None, "the same in two headers"),
            (&[("if-none-match", "\"3\"")], None, "whatever is not version 3"),
            (&[("if-match", "*"), ("if-none-match", "*")], None, "there and not there"),
        ];
        for (headers, right, why) in table {
            assert_eq!(read(headers), right, "{why}");
        }
    }
}
