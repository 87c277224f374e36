//! Where the API of a Svix account is: its token says so.

/// Regions that have an API host of their own.
const REGIONS: [&str; 5] = ["us", "eu", "in", "ca", "au"];

/// Returns the region that a token names behind its last dot.
pub fn region(token: &str) -> Option<&str> {
    let (_, region) = token.rsplit_once('.')?;
    REGIONS.contains(&region).then_some(region)
}

/// Returns the base URL of the API, without a slash at its end: the explicit one, else that of the token's region.
pub fn base_url(explicit: Option<&str>, token: &str) -> String {
    match (explicit, region(token)) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(region)) => format!("https://api.{region}.svix.com"),
        (None, None) => "https://api.svix.com".to_owned(),
    }
}
