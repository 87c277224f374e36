//! What the service is compared with: the same frameworks, doing the same without a service between.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::{Context, anyhow, ensure};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use svix_hooks::sandbox::DEFAULT_TOKEN;

use crate::event::{Ids, Template, svix_path};

/// What the bare handler reads.
#[derive(Deserialize)]
struct Event {
    id: String,
    data: Box<RawValue>,
}

/// What it answers.
#[derive(Serialize)]
struct Receipt<'a> {
    id: &'a str,
    state: &'a str,
    bytes: usize,
}

/// Serves a handler that reads an event and answers 202, with as many threads as the service has.
pub(crate) fn serve() -> anyhow::Result<(ServerHandle, SocketAddr)> {
    let server = HttpServer::new(|| App::new().route("/events", web::post().to(take)))
        .workers(available_parallelism().map_or(1, NonZero::get))
        .disable_signals()
        .bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = *server.addrs().first().context("the bare handler is not bound")?;
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok((handle, address))
}

async fn take(event: web::Json<Event>) -> HttpResponse {
    HttpResponse::Accepted().json(Receipt {
        id: &event.id,
        state: "queued",
        bytes: event.data.get().len(),
    })
}

/// A loop that posts messages to Svix as the service does, from nothing.
#[derive(Debug, Clone)]
pub(crate) struct Poster {
    pub(crate) url: String,
    /// Each with a runtime and a client of its own.
    pub(crate) threads: usize,
    /// Requests that one thread makes at once.
    pub(crate) at_once: usize,
    pub(crate) count: u64,
    pub(crate) ids: Ids,
}

impl Poster {
    /// Posts all messages; returns how long it took.
    pub(crate) async fn run(self) -> anyhow::Result<Duration> {
        let next = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let threads = (0..self.threads).map(|_| {
            let (poster, next) = (self.clone(), next.clone());
            tokio::task::spawn_blocking(move || actix_rt::System::new().block_on(poster.post(&next)))
        });
        let ended = try_join_all(threads.collect::<Vec<_>>()).await?;
        ended.into_iter().collect::<anyhow::Result<()>>()?;
        Ok(started.elapsed())
    }

    async fn post(&self, next: &AtomicU64) -> anyhow::Result<()> {
        let connector = awc::Connector::new().limit(self.at_once);
        let client = awc::Client::builder()
            .connector(connector)
            .disable_timeout()
            .no_default_headers()
            .add_default_header(("authorization", format!("Bearer {DEFAULT_TOKEN}")))
            .add_default_header(("content-type", "application/json"))
            .finish();
        let url = format!("{}{}", self.url, svix_path());
        let posting = (0..self.at_once).map(|_| async {
            let mut message = Template::svix_message(self.ids);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.count {
                    return anyhow::Ok(());
                }
                let body = Bytes::copy_from_slice(message.patch(number));
                let id = self.ids.id(number);
                let key = format!("evt_{}", String::from_utf8_lossy(&id));
                let request = client.post(&url).insert_header(("idempotency-key", key));
                // Its error cannot leave the thread.
                let sent = request.send_body(body).await;
                let mut answer = sent.map_err(|error| anyhow!("cannot post: {error}"))?;
                let status = answer.status();
                answer
                    .body()
                    .await
                    .map_err(|error| anyhow!("cannot read an answer: {error}"))?;
                ensure!(status == 202, "the stand-in answers {status}");
            }
        });
        try_join_all(posting).await?;
        Ok(())
    }
}
