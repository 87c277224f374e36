//! DeliveryActor: one thread of the pool, with a runtime and an HTTP client of its own. Makes the
//! requests of a batch together and reports each as it falls. While a batch is slow it takes others.

use std::panic::AssertUnwindSafe;
use std::rc::{Rc, Weak};
use std::time::Duration;

use actix::{Actor, Handler, Recipient, SyncContext};
use actix_rt::Runtime;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use log::error;

use super::handover::Handover;
use super::messages::{Batch, BatchTicket, Deliver, Job, Settled, WorkerCounted};
use crate::domain::Answer;
use crate::store::Store;
use crate::svix::{Client, Exchange, Timeouts};

/// What a pool's threads need to know.
#[derive(Clone)]
pub(super) struct DeliveryOptions {
    pub(super) pool: u64,
    pub(super) connections: usize,
    pub(super) timeouts: Timeouts,
    pub(super) store: Store,
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
        let client = runtime.block_on(async { Client::new(self.options.timeouts, self.options.connections) });
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
        match &self.tools {
            Some(Tools { client, runtime }) => runtime.block_on(work(client, &self.options, &handover)),
            None => while handover.take().is_some() {},
        }
    }
}

/// Takes a batch, and others beside it while it is slow, until nothing is under way and none waits.
async fn work(client: &Client, options: &DeliveryOptions, handover: &Handover) {
    let mut requests = FuturesUnordered::new();
    let mut quick = Quick::default();
    let patience = tokio::time::sleep(Duration::ZERO);
    tokio::pin!(patience);
    loop {
        let batch = tokio::select! {
            biased;
            ended = requests.next() => match ended {
                Some(()) => continue,
                None => match handover.take() {
                    Some(batch) => batch,
                    None => return,
                },
            },
            () = &mut patience, if quick.is_under_way() => {
                quick = Quick::default();
                continue;
            }
            batch = handover.next(), if !quick.is_under_way() => batch,
        };
        let Batch {
            jobs,
            slow_at,
            ticket,
        } = batch;
        patience.as_mut().reset(slow_at.into());
        let ticket = Rc::new(ticket);
        quick = Quick(Rc::downgrade(&ticket));
        requests.extend(jobs.into_iter().map(|job| {
            let ticket = ticket.clone();
            async move {
                let started_at = options.store.now();
                let exchange = perform(client, &job).await;
                options.outcomes.do_send(Settled {
                    flight: job.flight,
                    started_at,
                    exchange,
                });
                // The last one ends the batch.
                drop(ticket);
            }
        }));
    }
}

/// The batch for which a thread leaves others to idle threads, until it has ended or is slow.
#[derive(Default)]
struct Quick(Weak<BatchTicket>);

impl Quick {
    fn is_under_way(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// Makes one request. A panic in it is its outcome and nothing more: a pool thread that unwinds is
/// gone for good.
async fn perform(client: &Client, job: &Job) -> Exchange {
    let request = client.perform(&job.account, &job.notification, &job.step);
    AssertUnwindSafe(request)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            error!(
                notification:% = job.notification.id, customer:% = job.notification.customer;
                "making a request panicked"
            );
            Exchange {
                answer: Answer::Panicked,
                status: None,
                detail: "making the request panicked".to_owned(),
                duration: Duration::ZERO,
            }
        })
}
