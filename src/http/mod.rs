//! The front end: the route table, and one file per resource.
//!
//! Only here are status codes known. Every error is a [`Problem`].

mod accept;
mod accounts;
mod audit;
mod auth;
mod backlog;
mod body;
mod code;
mod condition;
mod credentials;
mod customers;
mod dead_letters;
mod decision;
mod document_bodies;
mod document_shapes;
mod documents;
mod find;
mod gateway;
mod health;
mod history;
mod keys;
mod list;
mod metrics;
mod moves;
mod one_customer;
mod pages;
mod parameters;
mod portal;
mod preview;
mod problem;
mod redrive_request;
mod redrives;
mod request;
mod reseal;
mod self_service;
mod shapes;
mod span;
mod stats;
mod timeseries;
mod told;
mod unread;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};

use crate::telemetry;

pub use auth::{ApiKey, Scope};
pub use backlog::Backlogs;
pub use gateway::{Gateway, HealthRules, Intake, PayloadForm};
pub use health::{HealthMemory, watch as watch_health};
pub use metrics::Scraped;
pub use problem::{Code, Problem};
pub use told::refusals;

/// Mounts every route; the server and the tests share it.
pub fn routes(config: &mut ServiceConfig) {
    let all = web::scope("")
        .wrap(from_fn(unread::hold))
        .wrap(from_fn(request::identify))
        .configure(accepting)
        .configure(events)
        .configure(settings)
        .configure(numbers)
        .default_service(web::to(no_such_path));
    // A request may be about no path at all, such as `OPTIONS *`.
    let rest = web::to(no_such_path)
        .wrap(from_fn(unread::hold))
        .wrap(from_fn(request::identify));
    config.service(all).default_service(rest);
}

/// Mounts what is about notifications.
fn events(config: &mut ServiceConfig) {
    config
        .service(resource(
            "/notifications",
            [
                (Method::POST, web::post().to(accept::accept)),
                (Method::GET, web::get().to(list::list)),
            ],
        ))
        .service(resource("/notifications/{id}", [(Method::GET, web::get().to(find::find))]))
        .service(resource("/notifications/{id}/redrive", [(Method::POST, web::post().to(redrives::one))]))
        .service(resource(
            "/dead-letters",
            [
                (Method::GET, web::get().to(list::dead_letters)),
                (Method::DELETE, web::delete().to(dead_letters::purge)),
            ],
        ))
        .service(resource("/dead-letters/groups", [(Method::GET, web::get().to(dead_letters::groups))]))
        .service(resource(
            "/redrives",
            [
                (Method::POST, web::post().to(redrives::create)),
                (Method::GET, web::get().to(redrives::list)),
            ],
        ))
        .service(resource("/redrives/{id}", [(Method::GET, web::get().to(redrives::find))]))
        .service(resource("/redrives/{id}/{what}", [(Method::POST, web::post().to(redrives::change))]));
}

/// Mounts what is about accounts, customers and keys.
fn settings(config: &mut ServiceConfig) {
    config
        .service(resource("/accounts", [(Method::GET, web::get().to(accounts::list))]))
        .service(resource(
            "/accounts/{id}",
            [
                (Method::GET, web::get().to(accounts::find)),
                (Method::PUT, web::put().to(accounts::put)),
                (Method::PATCH, web::patch().to(accounts::patch)),
                (Method::DELETE, web::delete().to(accounts::delete)),
            ],
        ))
        .service(resource("/accounts/{id}/versions", [(Method::GET, web::get().to(accounts::versions))]))
        .service(resource("/accounts/{id}/rollback", [(Method::POST, web::post().to(accounts::roll_back))]))
        .service(resource("/accounts/{id}/check", [(Method::POST, web::post().to(accounts::check))]))
        .service(resource("/customers", [(Method::GET, web::get().to(customers::list))]))
        .service(resource(
            "/customers/{id}",
            [
                (Method::GET, web::get().to(customers::find)),
                (Method::PUT, web::put().to(customers::put)),
                (Method::PATCH, web::patch().to(customers::patch)),
                (Method::DELETE, web::delete().to(customers::delete)),
            ],
        ))
        .service(resource("/customers/{id}/preview", [(Method::POST, web::post().to(preview::preview))]))
        .service(resource(
            "/customers/{id}/portal-access",
            [
                (Method::POST, web::post().to(portal::create)),
                (Method::GET, web::get().to(portal::list)),
            ],
        ))
        .service(resource("/customers/{id}/versions", [(Method::GET, web::get().to(customers::versions))]))
        .service(resource("/customers/{id}/rollback", [(Method::POST, web::post().to(customers::roll_back))]))
        .service(resource("/customers/{id}/pause", [(Method::POST, web::post().to(customers::pause))]))
        .service(resource("/customers/{id}/resume", [(Method::POST, web::post().to(customers::resume))]))
        .service(resource(
            "/keys",
            [
                (Method::GET, web::get().to(keys::list)),
                (Method::POST, web::post().to(keys::create)),
            ],
        ))
        .service(resource(
            "/keys/{name}",
            [
                (Method::GET, web::get().to(keys::find)),
                (Method::DELETE, web::delete().to(keys::revoke)),
            ],
        ))
        .service(resource("/secrets/rotate", [(Method::POST, web::post().to(reseal::rotate))]));
}

/// Mounts what tells how things stand.
fn numbers(config: &mut ServiceConfig) {
    config
        .service(resource("/stats", [(Method::GET, web::get().to(stats::stats))]))
        .service(resource("/stats/timeseries", [(Method::GET, web::get().to(timeseries::timeseries))]))
        .service(resource("/audit", [(Method::GET, web::get().to(audit::audit))]))
        .service(resource("/metrics", [(Method::GET, web::get().to(metrics::metrics))]))
        .service(resource("/health", [(Method::GET, web::get().to(health::health))]))
        // Some load balancers ask with HEAD.
        .service(resource(
            "/health/live",
            [
                (Method::GET, web::get().to(health::live)),
                (Method::HEAD, web::head().to(health::live)),
            ],
        ))
        .service(resource(
            "/health/ready",
            [
                (Method::GET, web::get().to(health::ready)),
                (Method::HEAD, web::head().to(health::ready)),
            ],
        ));
}

/// Makes a resource that answers other methods with what it allows.
fn resource<const N: usize>(path: &str, routes: [(Method, Route); N]) -> impl HttpServiceFactory + 'static {
    let allowed: Vec<String> = routes.iter().map(|(method, _)| method.to_string()).collect();
    let allowed = allowed.join(", ");
    let resource = routes
        .into_iter()
        .fold(web::resource(path), |resource, (_, route)| resource.route(route));
    let resource = resource.default_service(web::to(move |request: HttpRequest| {
        let detail =
            format!("{} is not allowed here; allowed: {allowed}", problem::shown(request.method().as_str()));
        let problem = Problem::new(Code::MethodNotAllowed, detail).header(ALLOW, &allowed);
        async move { Err::<HttpResponse, _>(problem) }
    }));
    resource.wrap(telemetry::apart())
}

/// Mounts what every event passes without what the other routes have around them: that takes longer than all else
/// here does. The resource of the same path answers other methods.
fn accepting(config: &mut ServiceConfig) {
    let accept = web::post().to(accept::accept);
    config.service(web::resource("/notifications").guard(guard::Post()).route(accept));
}

async fn no_such_path(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::NoSuchPath, format!("there is nothing at {}", problem::shown(request.path()))))
}
