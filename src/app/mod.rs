//! The composition root: builds everything from a configuration, runs it until it is told to stop.

mod applications;
mod instruments;
mod reload;
mod secrets;
mod settings;
mod traces;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web::Data;
use actix_web::{App as WebApp, HttpServer};
use anyhow::{Context, anyhow, bail};
use log::{error, info, warn};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::actors::{Pipeline, PipelineBounds};
use crate::config::Config;
use crate::http::{Backlogs, Gateway, HealthMemory, Intake, Scraped, watch_health};
use crate::store::{Store, StoreOptions};
use crate::telemetry::{self, Instruments, Traces};
use reload::Watcher;
pub(crate) use reload::level;
pub(crate) use settings::replica;

/// The tick of the clock that actix takes its deadlines from, by which they may come too early.
const CLOCK_TICK: Duration = Duration::from_millis(500);

/// How many accounts may be tried with Svix at once, because somebody asks for that.
const TRIES: usize = 4;

/// How long the store may take to close where the process must end at once.
const HASTE: Duration = Duration::from_millis(200);

/// What the process is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Finish what is in flight and stop; a second one stops at once.
    Stop,
    /// Read the configuration again.
    Reload,
}

/// A part of the service that ended though nobody stopped it: a fault of the service.
#[derive(Debug, thiserror::Error)]
#[error("the {0} ended by itself")]
pub struct EndedByItself(String);

/// How to get at the configuration again.
pub struct ConfigSource {
    /// The files that lie over the defaults.
    pub files: Vec<PathBuf>,
    /// Loads it anew.
    pub load: Box<dyn Fn() -> anyhow::Result<Config> + Send>,
}

/// The whole service, bound to its address but not yet serving.
pub struct App {
    store: Store,
    pipeline: Pipeline,
    deaths: mpsc::UnboundedReceiver<&'static str>,
    server: Server,
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    traces: Traces,
    grace: Duration,
    watcher: Watcher,
}

impl App {
    /// Opens the store, starts the actors and binds the address. Must be called inside an actix system.
    ///
    /// # Errors
    /// When something the configuration names cannot be used.
    pub async fn build(config: Config, source: ConfigSource) -> anyhow::Result<Self> {
        let missing = config.missing_for_serve();
        if !missing.is_empty() {
            bail!("the service cannot be started:\n  {}", missing.join("\n  "));
        }
        let settings = settings::pipeline(&config)?;
        let intake = Arc::new(settings::intake(&config)?);
        applications::check(&config.customers, &intake.routing)?;
        let traces = traces::start(&config, &settings)?;
        let listener = TcpListener::bind(&config.server.listen)
            .with_context(|| format!("cannot listen on {}", config.server.listen))?;
        let address = listener.local_addr()?;
        let metrics = instruments::metrics(&config)?;
        let store = Store::open(StoreOptions {
            url: config.store.url.expose().to_owned(),
            lease: Duration::from_millis(config.store.lease_ms),
            max_batch: config.store.max_batch,
            max_waiting: config.store.max_waiting,
            retention: settings::retention(&config.store),
            watch: Arc::new(instruments::StoreWatch(metrics.clone())),
        })
        .await
        .with_context(|| format!("cannot open the store {}", config.store.url))?;
        if let Err(error) = secrets::check(&store, &settings.own.ring).await {
            // Nothing was sent, and the next start need not doubt that. What went wrong first is what is said.
            let _ = store.close(true).await;
            return Err(error);
        }
        store.directory().lay_over(config.customers.clone());
        // Nothing is accepted before it is known what is set for its customer.
        store
            .follow_settings()
            .await
            .context("cannot read what is set for customers")?;
        applications::warn_of_moved(&config.customers, &intake.routing, store.directory());
        let (dead, deaths) = mpsc::unbounded_channel();
        let bounds = PipelineBounds {
            max_ready: config.delivery.max_ready,
            max_ready_bytes: config.delivery.max_ready_bytes,
            max_timers: config.retry.max_timers,
            timer_horizon: Duration::from_millis(config.retry.timer_horizon_ms),
            surveyed_customers: config.metrics.customers,
        };
        let instruments = Instruments {
            metrics: metrics.clone(),
            traces: traces.clone(),
        };
        let pipeline = Pipeline::start(&store, Arc::new(settings), bounds, instruments.clone(), dead);
        let (intake_sender, intake) = watch::channel(intake);
        let stopping = Arc::new(AtomicBool::new(false));
        let gateway = gateway(&config, &store, &pipeline, intake, instruments, stopping.clone());
        let gateway = Data::new(gateway);
        let server = serve(&config, listener, gateway.clone())?;
        actix_rt::spawn(watch_health(gateway));
        let grace = Duration::from_secs(config.server.shutdown_grace_s);
        let watcher = Watcher::new(config, source, intake_sender, store.directory().clone(), metrics);
        Ok(Self {
            store,
            pipeline,
            deaths,
            server,
            address,
            stopping,
            traces,
            grace,
            watcher,
        })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a signal says to stop, or something ends that must not.
    ///
    /// # Errors
    /// When an actor or the server ended by itself, or what was in flight could not be finished in time.
    pub async fn run_until_stopped(
        mut self,
        mut signals: mpsc::UnboundedReceiver<Signal>,
    ) -> anyhow::Result<()> {
        let handle = self.server.handle();
        let mut server = actix_rt::spawn(self.server);
        let mut look = tokio::time::interval(reload::INTERVAL);
        loop {
            tokio::select! {
                biased;
                Some(actor) = self.deaths.recv() => {
                    error!(actor; "an actor ended that must not; the process ends so that it is started again");
                    close_in_haste(self.pipeline, &self.store).await;
                    return Err(EndedByItself(format!("{actor} actor")).into());
                }
                ended = &mut server => {
                    error!(error:% = format!("{ended:?}"); "the HTTP server ended; the process ends so that it is started again");
                    return Err(EndedByItself("server".to_owned()).into());
                }
                signal = signals.recv() => match signal {
                    Some(Signal::Reload) => self.watcher.reload(&self.pipeline),
                    Some(Signal::Stop) | None => break,
                },
                _ = look.tick() => {
                    self.watcher.look(&self.pipeline);
                    telemetry::tell_repeats();
                }
            }
        }
        info!("stopping: no new requests; what is in flight is finished");
        self.stopping.store(true, Ordering::Release);
        let finished = tokio::select! {
            finished = finish(&handle, &self.pipeline, self.grace) => finished,
            Some(Signal::Stop) = signals.recv() => Err(anyhow!("stopped at once by a second signal")),
        };
        let is_clean = finished.is_ok();
        let closing = tokio::time::timeout(Duration::from_secs(5), self.store.close(is_clean));
        // All spans have ended by now. Where it is to stop at once, nobody waits for their collector.
        let last_spans = async {
            if is_clean {
                self.traces.stop().await;
            }
        };
        let (closed, ()) = futures_util::future::join(closing, last_spans).await;
        self.pipeline.stop();
        finished?;
        closed
            .context("the store did not close in time")?
            .context("the store did not close well")?;
        info!("stopped");
        Ok(())
    }
}

/// Lets the store write down what waits, as far as that takes no time, because something ended that must not.
async fn close_in_haste(pipeline: Pipeline, store: &Store) {
    // Whoever starts next finds out what was under way.
    let closed = tokio::time::timeout(HASTE, store.close(false)).await;
    // While the store is asked for something its threads are not to end: the end of the process is enough.
    if closed.is_ok() {
        pipeline.stop();
    }
}

/// Answers the requests that are open and waits for what is in flight.
async fn finish(handle: &ServerHandle, pipeline: &Pipeline, grace: Duration) -> anyhow::Result<()> {
    let both = futures_util::future::join(handle.stop(true), pipeline.drain());
    match tokio::time::timeout(grace, both).await {
        Ok(_) => Ok(()),
        Err(_) => {
            warn!(
                "not everything in flight ended in time; it is sent again, as the same message, after the next start"
            );
            bail!("what was in flight did not end within {} s", grace.as_secs())
        }
    }
}

fn gateway(
    config: &Config,
    store: &Store,
    pipeline: &Pipeline,
    intake: watch::Receiver<Arc<Intake>>,
    instruments: Instruments,
    stopping: Arc<AtomicBool>,
) -> Gateway {
    let request_timeout = Duration::from_millis(config.svix.request_timeout_ms);
    Gateway {
        store: store.clone(),
        notify: pipeline.notify(),
        redeliver: pipeline.redeliver(),
        stats: pipeline.stats(),
        health: pipeline.health(),
        health_memory: HealthMemory::default(),
        follower: pipeline.follower(),
        room: pipeline.room(),
        intake,
        metrics: instruments.metrics,
        traces: instruments.traces,
        scraped: Scraped::default(),
        backlogs: Backlogs::default(),
        tries: Semaphore::new(TRIES),
        max_body_bytes: config.server.max_body_bytes,
        body_timeout: Duration::from_millis(config.server.body_timeout_ms),
        // Requests that all run into their timeout are no standstill yet.
        stall_limit: (request_timeout * 2).max(Duration::from_secs(30)),
        max_held_bytes: config.delivery.max_ready_bytes.saturating_mul(2),
        held_bytes: Arc::new(AtomicUsize::new(0)),
        stopping,
    }
}

fn serve(config: &Config, listener: TcpListener, gateway: Data<Gateway>) -> anyhow::Result<Server> {
    let server = &config.server;
    let workers = match server.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    Ok(HttpServer::new(move || {
        WebApp::new()
            .app_data(gateway.clone())
            .configure(crate::http::routes)
    })
    .workers(workers)
    .max_connections(server.max_connections.div_ceil(workers))
    .client_request_timeout(Duration::from_millis(server.head_timeout_ms) + CLOCK_TICK)
    .keep_alive(Duration::from_secs(server.keep_alive_s))
    .shutdown_timeout(server.shutdown_grace_s)
    .disable_signals()
    .listen(listener)?
    .run())
}
