//! Every endpoint with every scope, for all customers, for one, for another one, and without a key.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Client, TestApp, admin, eventually, stored_key};

/// Where the routes stand, to find those that this table does not know.
const ROUTES: &str = include_str!("../../src/http/mod.rs");

/// The route, a query or a body for it, the scope that it needs (of a key for all, and of one for a customer where
/// that is another), and how it is answered to a key for all customers,
/// to one of the customer whose things are asked for, and to one of another customer.
type Row = (&'static str, &'static str, &'static str, &'static str, [u16; 3]);

const TABLE: &[Row] = &[
    (
        "POST /notifications",
        "",
        r#"{"id": "e1", "type": "a", "data": {}, "customer": "{customer}"}"#,
        "ingest",
        [202, 202, 403],
    ),
    ("GET /notifications", "", "", "read", [200, 200, 200]),
    ("GET /notifications", "?customer={customer}", "", "read", [200, 200, 403]),
    ("GET /notifications", "?eventId=e1", "", "read", [200, 200, 200]),
    ("GET /notifications/{id}", "", "", "read", [200, 200, 404]),
    ("GET /notifications/{id}", "?include=payload", "", "operate", [200, 200, 404]),
    ("POST /notifications/{id}/redrive", "", "", "operate", [409, 409, 404]),
    ("GET /dead-letters", "", "", "read", [200, 200, 200]),
    ("GET /dead-letters", "?customer={customer}", "", "read", [200, 200, 403]),
    ("DELETE /dead-letters", "", "", "operate", [400, 400, 400]),
    ("DELETE /dead-letters", "?status=599", "", "operate", [400, 400, 400]),
    ("DELETE /dead-letters", "?confirm=true&customer={customer}", "", "operate", [200, 200, 403]),
    ("GET /dead-letters/groups", "", "", "read", [200, 200, 200]),
    ("GET /dead-letters/groups", "?customer={customer}", "", "read", [200, 200, 403]),
    ("POST /redrives", "", r#"{"filter": {}, "dryRun": true}"#, "operate", [200, 200, 200]),
    (
        "POST /redrives",
        "",
        r#"{"filter": {"customer": "{customer}"}, "dryRun": true}"#,
        "operate",
        [200, 200, 403],
    ),
    ("GET /redrives", "", "", "read", [200, 200, 200]),
    ("GET /redrives/{redrive}", "", "", "read", [200, 200, 404]),
    ("POST /redrives/{redrive}/pause", "", "", "operate", [409, 409, 404]),
    ("POST /redrives/{redrive}/resume", "", "", "operate", [409, 409, 404]),
    ("POST /redrives/{redrive}/cancel", "", "", "operate", [409, 409, 404]),
    ("GET /accounts", "", "", "read", [200, 403, 403]),
    ("GET /accounts/default", "", "", "read", [200, 403, 403]),
    ("GET /accounts/nothing/versions", "", "", "read", [404, 403, 403]),
    ("PUT /accounts/default", "", r#"{"token": "sk_1"}"#, "admin", [409, 403, 403]),
    ("PATCH /accounts/nothing", "", "{}", "admin", [404, 403, 403]),
    ("DELETE /accounts/nothing", "", "", "admin", [404, 403, 403]),
    ("POST /accounts/nothing/rollback", "", r#"{"version": 1}"#, "admin", [404, 403, 403]),
    ("POST /accounts/nothing/check", "", "", "operate", [404, 403, 403]),
    ("GET /accounts/{customer}-own", "", "", "read", [404, 404, 403]),
    ("PUT /accounts/{customer}-own", "", r#"{"token": 5}"#, "admin/operate", [422, 422, 403]),
    ("PATCH /accounts/{customer}-own", "", "{}", "admin/operate", [404, 404, 403]),
    ("PATCH /accounts/{customer}-own", "", r#"{"burst": 5}"#, "admin/operate", [404, 403, 403]),
    ("POST /accounts/{customer}-own/check", "", "", "operate", [404, 404, 403]),
    ("GET /accounts/{customer}-own/versions", "", "", "read", [404, 403, 403]),
    ("POST /accounts/{customer}-own/rollback", "", r#"{"version": 1}"#, "admin", [404, 403, 403]),
    ("DELETE /accounts/{customer}-own", "", "", "admin", [409, 403, 403]),
    ("GET /customers", "", "", "read", [200, 200, 200]),
    ("GET /customers/{customer}", "", "", "read", [200, 200, 404]),
    ("GET /customers/{customer}/versions", "", "", "read", [200, 200, 404]),
    ("POST /customers/{customer}/portal-access", "", "", "operate", [201, 403, 403]),
    ("GET /customers/{customer}/portal-access", "", "", "read", [200, 403, 403]),
    ("POST /customers/{customer}/preview", "", r#"{"settings": {}}"#, "operate", [200, 403, 403]),
    (
        "PUT /customers/{customer}",
        "",
        r#"{"account": "{customer}-own", "selfService": ["filter", "account"]}"#,
        "admin",
        [200, 403, 403],
    ),
    ("PATCH /customers/{customer}", "", "{}", "admin/operate", [200, 200, 403]),
    ("PATCH /customers/{customer}", "", r#"{"filter": {}}"#, "admin/operate", [200, 200, 403]),
    ("PATCH /customers/{customer}", "", r#"{"retry": {}}"#, "admin/operate", [200, 403, 403]),
    ("PATCH /customers/nothing", "", "{}", "admin/operate", [404, 403, 403]),
    ("DELETE /customers/nothing", "", "", "admin", [404, 403, 403]),
    ("POST /customers/{customer}/rollback", "", r#"{"version": 99}"#, "admin", [404, 403, 403]),
    ("POST /customers/{customer}/pause", "", "", "operate", [200, 403, 403]),
    ("POST /customers/{customer}/resume", "", "", "operate", [200, 403, 403]),
    ("GET /keys", "", "", "admin", [200, 403, 403]),
    ("POST /keys", "", r#"{"name": "acme-read", "scopes": ["read"]}"#, "admin", [409, 403, 403]),
    ("GET /keys/acme-read", "", "", "admin", [200, 403, 403]),
    ("DELETE /keys/nothing", "", "", "admin", [404, 403, 403]),
    ("POST /secrets/rotate", "", "", "admin", [200, 403, 403]),
    ("GET /stats", "", "", "read", [200, 200, 200]),
    ("GET /stats/timeseries", "", "", "read", [200, 200, 200]),
    ("GET /stats/timeseries", "?customer={customer}", "", "read", [200, 200, 403]),
    ("GET /audit", "", "", "read", [200, 200, 200]),
    ("GET /audit", "?customer={customer}", "", "read", [200, 200, 403]),
    ("GET /metrics", "", "", "read", [200, 403, 403]),
    ("GET /health", "", "", "read", [200, 403, 403]),
    ("GET /health/live", "", "", "", [200, 200, 200]),
    ("HEAD /health/live", "", "", "", [200, 200, 200]),
    ("GET /health/ready", "", "", "", [200, 200, 200]),
    ("HEAD /health/ready", "", "", "", [200, 200, 200]),
];

const SCOPES: [&str; 4] = ["ingest", "read", "operate", "admin"];

/// Tells whether a key with one scope may do what needs the other.
fn allows(has: &str, needed: &str) -> bool {
    needed.is_empty() || has == needed || has == "admin" || (has, needed) == ("operate", "read")
}

/// What a request names.
struct Names {
    customer: String,
    id: String,
    redrive: String,
}

impl Names {
    /// Names of what is not there.
    fn of_nothing() -> Self {
        let id = || Uuid::now_v7().to_string();
        Self {
            customer: "nobody".to_owned(),
            id: id(),
            redrive: id(),
        }
    }

    fn pairs(&self) -> [(&'static str, &str); 3] {
        [
            ("{customer}", &self.customer),
            ("{id}", &self.id),
            ("{redrive}", &self.redrive),
        ]
    }

    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (place, name): (&str, &str)| text.replace(place, name);
        self.pairs().into_iter().fold(text.to_owned(), fill)
    }

    /// Takes out what the request itself has named.
    fn take_out(&self, answer: &Answer) -> String {
        let take_out = |text: String, (place, name): (&str, &str)| text.replace(name, place);
        let mut body = answer.body.clone();
        // Each request has a name of its own.
        if let Some(problem) = body.as_object_mut() {
            problem.remove("requestId");
        }
        self.pairs().into_iter().fold(body.to_string(), take_out)
    }

    async fn ask(&self, client: &Client, (route, query, body, ..): &Row) -> Answer {
        let (method, path) = route.split_once(' ').unwrap();
        let path = self.fill(&format!("{path}{query}"));
        match *body {
            "" => client.request(method, &path).await,
            body => {
                let body: Value = serde_json::from_str(&self.fill(body)).unwrap();
                client.send_json(method, &path, &body).await
            }
        }
    }
}

/// Makes something of a customer's of every kind.
async fn things(app: &TestApp, admin: &Client, customer: &str) -> Names {
    let settings = json!({"name": format!("{customer} Inc")});
    let path = format!("/customers/{customer}");
    assert_eq!(admin.send_json("PUT", &path, &settings).await.status, 201);
    let before = admin.stat("delivered").await;
    let event = json!({"id": "e1", "type": "a", "data": {}, "customer": customer});
    let posted = admin.post(&event).await;
    assert_eq!(posted.status, 202, "{}", posted.body);
    eventually("it is delivered", async || admin.stat("delivered").await > before).await;
    assert!(app.sandbox.message_count() > 0);
    let request = json!({"filter": {"customer": customer}});
    let redrive = admin.send_json("POST", "/redrives", &request).await;
    assert_eq!(redrive.status, 202, "{}", redrive.body);
    let own = json!({"account": format!("{customer}-own"), "selfService": ["filter", "account"]});
    assert_eq!(admin.send_json("PATCH", &path, &own).await.status, 200);
    let path = format!("/redrives/{}", redrive.id());
    eventually("the redrive is over", async || admin.get(&path).await.body["state"] == "completed").await;
    Names {
        customer: customer.to_owned(),
        id: posted.id().to_owned(),
        redrive: redrive.id().to_owned(),
    }
}

#[actix_web::test]
async fn every_endpoint_opens_to_the_right_keys_and_shows_nobody_what_is_anothers() {
    let app = TestApp::start(&[]).await;
    let admin = admin(&app.client).await;
    let acme = things(&app, &admin, "acme").await;
    let globex = things(&app, &admin, "globex").await;
    for row in TABLE {
        let (route, query, _, needed, _) = row;
        let what = format!("{route}{query}");
        let answer = acme.ask(&app.client, row).await;
        let status = if needed.is_empty() { 200 } else { 401 };
        assert_eq!(answer.status, status, "{what} without a key: {}", answer.body);
    }
    for scope in SCOPES {
        for (place, customer) in [None, Some("acme"), Some("globex")].into_iter().enumerate() {
            if scope == "admin" && customer.is_some() {
                let asked = json!({"name": "bound-admin", "scopes": ["admin"], "customer": customer});
                assert_eq!(admin.send_json("POST", "/keys", &asked).await.status, 422, "no such key is made");
                continue;
            }
            let name = format!("{}-{scope}", customer.unwrap_or("all"));
            let key = stored_key(&admin, &name, &[scope], customer).await;
            let client = app.client.with_key(&key);
            for row in TABLE {
                let (what, right) = (format!("{name} at {}{}", row.0, row.1), row.4[place]);
                let answer = acme.ask(&client, row).await;
                let (all, bound) = row.3.split_once('/').unwrap_or((row.3, row.3));
                let needed = if customer.is_some() { bound } else { all };
                let right = if allows(scope, needed) { right } else { 403 };
                assert_eq!(answer.status, right, "{what}: {}", answer.body);
                if customer == Some("globex") {
                    shows_nothing(&client, row, &acme, &answer, &what).await;
                }
                if customer.is_some() && answer.status == 200 {
                    let other = if customer == Some("acme") { &globex } else { &acme };
                    let text = answer.body.to_string();
                    for (_, name) in other.pairs() {
                        assert!(!text.contains(name), "{what} shows {name}: {text}");
                    }
                }
            }
        }
    }
}

/// Makes sure that what is another's is answered as what is not there.
async fn shows_nothing(client: &Client, row: &Row, acme: &Names, answer: &Answer, what: &str) {
    let text = acme.take_out(answer);
    assert!(!text.contains("acme"), "{what}: {text}");
    if answer.status >= 400 {
        let nothing = Names::of_nothing();
        let absent = nothing.ask(client, row).await;
        assert_eq!((absent.status, nothing.take_out(&absent)), (answer.status, text), "{what}");
        let named = |answer: &Answer| {
            let names = answer.headers.iter().map(|(name, _)| name.clone());
            names.collect::<BTreeSet<_>>()
        };
        assert_eq!(named(&absent), named(answer), "{what}");
    }
}

#[test]
fn no_endpoint_is_left_out_of_the_table() {
    let routes = ROUTES.split("pub fn routes").nth(1).expect("the routes");
    let (routes, _) = routes.split_once("/// Makes a resource that").expect("their end");
    let mut served = BTreeSet::new();
    // The first part is before any resource; the scope of them all is the one service that is no resource.
    let parts: Vec<&str> = routes.split(".service(resource(").skip(1).collect();
    assert_eq!(
        parts.len() + 1,
        routes.matches(".service(").count(),
        "some routes are written in another way"
    );
    for part in parts {
        let path = part.split('"').nth(1).expect("a path");
        for method in part.split("(Method::").skip(1) {
            let method = method.split(',').next().expect("a method");
            served.insert(format!("{method} {path}"));
        }
    }
    assert!(served.len() > 30 && served.contains("POST /notifications"), "{served:?}");
    for route in served {
        let known = TABLE.iter().any(|(known, ..)| matches(known, &route));
        assert!(known, "{route} is in no row of the table");
    }
}

/// Tells whether a row is about a route: places in braces stand for anything.
fn matches(row: &str, route: &str) -> bool {
    let (row, route): (Vec<_>, Vec<_>) = (row.split('/').collect(), route.split('/').collect());
    let same = |(row, route): (&&str, &&str)| row == route || route.starts_with('{');
    row.len() == route.len() && row.iter().zip(&route).all(same)
}
