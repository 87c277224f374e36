//! From the supervisor to real threads that make requests of a server, and batches that no thread takes.

use std::time::Duration;

use actix::{Actor, Context, Handler, Recipient};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use secrecy::SecretString;

use super::pools::start_working_pool;
use super::silence::impatient;
use super::world::{MakePool, Stored, accept_for, settings, with_accounts};
use crate::actors::messages::{Deliver, Settings, WorkerCounted};
use crate::actors::pool_factory;
use crate::domain::AccountName;
use crate::store::examples::eventually;
use crate::svix::Account;
use crate::telemetry::Traces;

/// Never answers those whose token says so.
async fn answer(request: HttpRequest) -> HttpResponse {
    let token = request.headers().get("authorization").unwrap().to_str().unwrap();
    if token.contains("hung") {
        std::future::pending::<()>().await;
    }
    let id = request
        .headers()
        .get("idempotency-key")
        .unwrap()
        .to_str()
        .unwrap();
    HttpResponse::Accepted().json(serde_json::json!({ "id": "msg_1", "eventId": id }))
}

/// Starts a server that stands for Svix; returns its address.
fn start_server() -> String {
    let server = HttpServer::new(|| App::new().default_service(web::to(answer)));
    let server = server.workers(1).bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    actix_rt::spawn(server.run());
    format!("http://{address}")
}

fn at_server(mut settings: Settings, base_url: &str) -> Settings {
    settings.rules.verify = false;
    for account in &mut settings.accounts {
        let name = account.account.name.clone();
        let token = SecretString::from(format!("testsk_{}", name.as_str()));
        let timeout = Duration::from_secs(3600);
        let made = Account::new(name, base_url.to_owned(), token, timeout);
        account.account = made.unwrap().into();
    }
    settings
}

#[actix::test]
async fn threads_whose_requests_hang_go_on_with_others() {
    let stored = Stored::empty().await;
    for name in ["hung 1", "hung 2", "hung 3"] {
        accept_for(&stored.store, name, name, 20).await;
    }
    accept_for(&stored.store, "well", "globex", 100).await;
    let store = stored.store.clone();
    let make_pool: MakePool = Box::new(move |pool, settings, supervisor| {
        pool_factory(store.clone(), Traces::off(), supervisor)(pool, settings)
    });
    let settings = with_accounts(impatient(8), &["hung 1", "hung 2", "hung 3", "well"]);
    let world = stored.start(at_server(settings, &start_server()), 1000, make_pool);
    eventually("the other's are delivered", async || world.totals().await.delivered == 100).await;
    world
        .eventually_counted("those that hang are under way", |counts| counts.in_flight >= 3)
        .await;
    accept_for(&world.store, "well", "globex", 50).await;
    world.announce("globex");
    eventually("what comes later, too", async || world.totals().await.delivered == 150).await;
    assert_eq!(world.totals().await.retries, 0);
    let hung = AccountName::new("hung 1");
    world
        .eventually_counted("nothing is said against who has not answered yet", |counts| {
            counts.in_flight <= 4 && counts.accounts.iter().any(|account| account.name == hung)
        })
        .await;
}

/// A pool whose threads end before they begin with anything.
struct StillbornPool(u64, Recipient<WorkerCounted>);

impl Actor for StillbornPool {
    type Context = Context<Self>;
}

impl Handler<Deliver> for StillbornPool {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Context<Self>) {
        drop(deliver);
        let Self(pool, workers) = self;
        workers.do_send(WorkerCounted {
            pool: *pool,
            begun: false,
        });
    }
}

#[actix::test]
async fn batches_that_no_thread_has_begun_with_go_over_to_the_next_pool() {
    let make_pool: MakePool = Box::new(|number, settings, supervisor| {
        if number > 0 {
            return start_working_pool(number, settings, supervisor);
        }
        for _ in 0..settings.actors {
            supervisor.do_send(WorkerCounted {
                pool: number,
                begun: true,
            });
        }
        StillbornPool(number, supervisor.clone().recipient())
            .start()
            .recipient()
    });
    let stored = Stored::empty().await.with("acme", 40).await;
    let world = stored.start(settings(2, 4, 64), 1000, make_pool);
    world.eventually_delivered(40).await;
    world.eventually_idle().await;
    let totals = world.totals().await;
    assert_eq!((totals.retries, totals.failed_attempts), (0, 0), "they were not sent before");
}
