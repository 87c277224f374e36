//! Which operation of the Svix API a method and a path ask for.

use actix_web::http::Method;

/// An operation and the names in its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The state of the server; needs no token.
    Health,
    /// List the applications.
    Applications,
    /// Create a message.
    CreateMessage { application: &'a str },
    /// Look at a message.
    Message { application: &'a str, message: &'a str },
    /// List the attempts for a message.
    Attempts { application: &'a str, message: &'a str },
    /// List the endpoints.
    Endpoints { application: &'a str },
    /// Send a message to an endpoint again.
    Resend {
        application: &'a str,
        message: &'a str,
        endpoint: &'a str,
    },
    /// Anything else.
    Unknown,
}

impl<'a> Route<'a> {
    /// Finds the operation; one slash at the end makes no difference.
    pub(super) fn of(method: &Method, path: &'a str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        let Some(rest) = path.strip_prefix("/api/v1/") else {
            return Self::Unknown;
        };
        let mut parts = rest.split('/');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let parts = (next(), next(), next(), next(), next(), next(), next());
        match (method.as_str(), parts) {
            ("GET", (Some("health"), None, ..)) => Self::Health,
            ("GET", (Some("app"), None, ..)) => Self::Applications,
            ("POST", (Some("app"), Some(application), Some("msg"), None, ..)) => {
                Self::CreateMessage { application }
            }
            ("GET", (Some("app"), Some(application), Some("msg"), Some(message), None, ..)) => {
                Self::Message { application, message }
            }
            (
                "GET",
                (Some("app"), Some(application), Some("attempt"), Some("msg"), Some(message), None, _),
            ) => Self::Attempts { application, message },
            ("GET", (Some("app"), Some(application), Some("endpoint"), None, ..)) => {
                Self::Endpoints { application }
            }
            (
                "POST",
                (
                    Some("app"),
                    Some(application),
                    Some("msg"),
                    Some(message),
                    Some("endpoint"),
                    Some(endpoint),
                    Some("resend"),
                ),
            ) => Self::Resend {
                application,
                message,
                endpoint,
            },
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::Route;

    #[test]
    fn every_operation_is_found_with_and_without_a_slash_at_the_end() {
        let (application, message) = ("a", "m");
        let table = [
            (Method::GET, "/api/v1/health", Route::Health),
            (Method::GET, "/api/v1/app", Route::Applications),
            (Method::POST, "/api/v1/app", Route::Unknown),
            (Method::POST, "/api/v1/app/a/msg", Route::CreateMessage { application }),
            (Method::GET, "/api/v1/app/a/msg/m", Route::Message { application, message }),
            (Method::GET, "/api/v1/app/a/attempt/msg/m", Route::Attempts { application, message }),
            (Method::GET, "/api/v1/app/a/endpoint", Route::Endpoints { application }),
            (
                Method::POST,
                "/api/v1/app/a/msg/m/endpoint/e/resend",
                Route::Resend {
                    application,
                    message,
                    endpoint: "e",
                },
            ),
            (Method::GET, "/api/v1/app/a/msg", Route::Unknown),
            (Method::POST, "/api/v1/app//msg", Route::Unknown),
            (Method::GET, "/", Route::Unknown),
        ];
        for (method, path, expected) in table {
            assert_eq!(Route::of(&method, path), expected, "{path}");
            assert_eq!(Route::of(&method, &format!("{path}/")), expected, "{path}/");
        }
    }
}
