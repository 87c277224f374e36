//! DeliveryActor: one thread of the pool, with a runtime and an HTTP client of its own. Makes the
//! requests of a batch together and reports each as it falls. While a batch is slow it takes others.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix::{Actor, Handler, Recipient, SyncContext};
use actix_rt::Runtime;
use futures_util::FutureExt;
use log::{error, trace};

use super::messages::{Deliver, Job, Settled, WorkerCounted};
use super::traced::Traced;
use crate::domain::{Answer, TraceParent};
use crate::store::Store;
use crate::svix::{Client, ClientOptions, Exchange};
use crate::telemetry::{Subject, Traces, about};

/// What a pool's threads need to know.
#[derive(Clone)]
pub(super) struct DeliveryOptions {
    pub(super) pool: u64,
    pub(super) connections: usize,
    pub(super) client: ClientOptions,
    pub(super) store: Store,
    pub(super) traces: Traces,
    pub(super) outcomes: Recipient<Settled>,
    pub(super) workers: Recipient<WorkerCounted>,
}

/// One thread of the delivery pool.
pub(super) struct DeliveryActor {
    options: DeliveryOptions,
    tools: Option<Tools>,
}

/// The client lives inside the runtime and goes before it.
struct Tools {
    client: Client,
    runtime: Runtime,
}

impl DeliveryActor {
    pub(super) fn new(options: DeliveryOptions) -> Self {
        options.workers.do_send(WorkerCounted {
            pool: options.pool,
            begun: true,
        });
        Self { options, tools: None }
    }

    fn make_tools(&self) -> Result<Tools, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let client = runtime.block_on(async { Client::new(&self.options.client, self.options.connections) });
        Ok(Tools {
            client: client.map_err(|error| error.to_string())?,
            runtime,
        })
    }
}

impl Drop for DeliveryActor {
    /// Also runs when the thread unwinds.
    fn drop(&mut self) {
        self.options.workers.do_send(WorkerCounted {
            pool: self.options.pool,
            begun: false,
        });
    }
}

impl Actor for DeliveryActor {
    type Context = SyncContext<Self>;

    fn started(&mut self, _: &mut SyncContext<Self>) {
        match self.make_tools() {
            Ok(tools) => self.tools = Some(tools),
            Err(error) => error!(error:%; "a delivery actor cannot make requests"),
        }
    }
}

impl Handler<Deliver> for DeliveryActor {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut SyncContext<Self>) {
        let handover = deliver.begin();
        trace!("a thread takes batches");
        match &self.tools {
            Some(Tools { client, runtime }) => {
                let request = |job| make_and_report(client, &self.options, job);
                runtime.block_on(handover.work(request));
            }
            None => while handover.take().is_some() {},
        }
    }
}

async fn make_and_report(client: &Client, options: &DeliveryOptions, job: Job) {
    let started_at = options.store.now();
    // Whatever is told meanwhile, a panic above all, names what it was about.
    let subject = Subject::of_notification(&job.notification, job.attempt);
    let traced = Traced::begin(&options.traces, &job, started_at);
    let exchange = about(subject, perform(client, &job, traced.place())).await;
    traced.end(&exchange);
    options.outcomes.do_send(Settled {
        flight: job.flight,
        started_at,
        exchange,
    });
}

/// Makes one request. A panic in it is its outcome and nothing more: a pool thread that unwinds is
/// gone for good.
async fn perform(client: &Client, job: &Job, trace: Option<TraceParent>) -> Exchange {
    let request = async {
        trace!("a request goes out");
        client
            .perform(&job.account, &job.notification, &job.step, job.timeout, trace)
            .await
    };
    AssertUnwindSafe(request)
        .catch_unwind()
        .await
        // The hook has told of it.
        .unwrap_or_else(|_| Exchange {
            answer: Answer::Panicked,
            status: None,
            detail: "making the request panicked".to_owned(),
            duration: Duration::ZERO,
        })
}
