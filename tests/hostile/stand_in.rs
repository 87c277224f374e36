//! A stand-in for Svix on raw sockets, which plays one row of a table and behaves otherwise.

use std::cell::RefCell;
use std::rc::Rc;

use actix_web::rt::spawn;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::holding::{self, Holding, Message};
use crate::row::{Call, Keeps, Row, Scene};
use crate::script::{self, Act, say};
use crate::wire::{Reader, Request};

/// A running stand-in; dropping it closes its port.
pub(crate) struct StandIn {
    port: u16,
    shared: Rc<Shared>,
    listening: JoinHandle<()>,
}

struct Shared {
    row: Rc<Row>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    holding: Holding,
    /// The id of the event that the row is about, once it is about to come.
    event: Option<String>,
    /// How often the scripted request came; the pages of a list are one.
    calls: usize,
    /// How many sends of the event came.
    sends: usize,
    page: usize,
    /// How many scripts have been played to their end, or until the client left.
    over: usize,
    /// Every request: what it was for, else its method and path, and about which event.
    requests: Vec<String>,
}

impl StandIn {
    /// Starts to listen; plays nothing yet.
    pub(crate) async fn start(row: Rc<Row>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Rc::new(Shared {
            row,
            state: RefCell::default(),
        });
        let serving = shared.clone();
        let listening = spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serve(stream, serving.clone()));
            }
        });
        Self {
            port,
            shared,
            listening,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Says which event the row is about.
    pub(crate) fn plays_on(&self, event: &str) {
        self.shared.state.borrow_mut().event = Some(event.to_owned());
    }

    /// Tells whether the script has been played.
    pub(crate) fn is_over(&self) -> bool {
        self.shared.state.borrow().over > 0
    }

    /// Returns the messages of an event.
    pub(crate) fn held(&self, event: &str) -> Vec<Message> {
        let state = self.shared.state.borrow();
        let messages = state.holding.messages.iter();
        messages
            .filter(|message| message.event_id == event)
            .cloned()
            .collect()
    }

    /// Returns what was asked, for whoever looks into a failure.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.state.borrow().requests.clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Rc<Shared>) {
    // What is sent in pieces arrives in pieces.
    stream.set_nodelay(true).expect("it is open");
    let mut reader = Reader::default();
    while let Some(request) = reader.next(&mut stream).await {
        let (acts, scripted) = shared.acts(&request);
        let goes_on = script::play(&mut stream, acts).await;
        shared.state.borrow_mut().over += usize::from(scripted);
        if !goes_on.is_ok_and(|goes_on| goes_on) {
            return;
        }
    }
}

impl Shared {
    /// Returns what to do about a request, and whether that is the row's script.
    fn acts(&self, request: &Request) -> (Vec<Act>, bool) {
        let state = &mut *self.state.borrow_mut();
        let call = call(request);
        let sent = Message::of(request, 0).map(|message| message.event_id);
        let about = sent.clone().or_else(|| state.named(request));
        let what =
            call.map_or_else(|| format!("{} {}", request.method, request.path), |call| format!("{call:?}"));
        state
            .requests
            .push(format!("{what} {}", about.as_deref().unwrap_or("-")));
        let ours = state.event.is_some()
            && (self.row.always || about.is_none() || about == state.event)
            && call.is_some();
        if !ours {
            return (vec![say(state.holding.answer(request))], false);
        }
        let mut broken_off = false;
        let mut message = None;
        if call == Some(Call::Send) {
            state.sends += 1;
            if state.sends == 1 || self.row.always {
                message = Some(state.keep(request, self.row.keeps));
                broken_off = self.row.call != Call::Send;
            }
        }
        if broken_off {
            return (vec![Act::Reset], false);
        }
        if call != Some(self.row.call) || !state.is_scripted(request, self.row.times) {
            return (vec![say(state.holding.answer(request))], false);
        }
        let ours = message.or_else(|| state.ours(request)).expect("it was sent");
        let scene = Scene {
            ours,
            other: state.holding.messages[0].clone(),
            page: state.page,
        };
        ((self.row.script)(&scene), true)
    }
}

impl State {
    /// Returns the event whose message a path names.
    fn named(&self, request: &Request) -> Option<String> {
        let message = request
            .path
            .split('/')
            .skip(5)
            .find_map(|part| self.holding.find(part));
        let event = self.event.as_deref();
        let named = || {
            event
                .filter(|event| request.path.contains(*event))
                .map(str::to_owned)
        };
        message.map(|message| message.event_id.clone()).or_else(named)
    }

    fn ours(&mut self, request: &Request) -> Option<Message> {
        let event = self.event.as_deref()?;
        let held = self.holding.find(event).cloned();
        held.or_else(|| self.holding.make(request))
    }

    /// Counts walks through lists and other requests, and tells whether this one is scripted.
    fn is_scripted(&mut self, request: &Request, times: usize) -> bool {
        if request.query.contains("iterator=") {
            self.page += 1;
        } else {
            self.calls += 1;
            self.page = 0;
        }
        self.calls <= times
    }

    /// Takes the message as the row says; returns it.
    fn keep(&mut self, request: &Request, keeps: Keeps) -> Message {
        let known = Message::of(request, 0)
            .and_then(|message| self.holding.find(&message.event_id))
            .cloned();
        if let Some(known) = known {
            return known;
        }
        let mut message = self.holding.make(request).expect("the service sends messages");
        match keeps {
            Keeps::Nothing => return message,
            Keeps::Message => {}
            Keeps::Keyless => message.key = None,
            Keeps::Undispatched => {
                message.key = None;
                message.dispatched = false;
            }
            Keeps::Another | Keeps::AnotherByKey => {
                message.payload = serde_json::json!({"of": "another system"});
                "2026-01-01T00:00:00Z".clone_into(&mut message.timestamp);
                message.key = message.key.filter(|_| keeps == Keeps::AnotherByKey);
            }
        }
        self.holding.messages.push(message.clone());
        message
    }
}

/// Tells what a request is for.
fn call(request: &Request) -> Option<Call> {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').skip(3).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", [_, "msg"]) => Some(Call::Send),
        ("GET", [_, "msg", _]) => Some(Call::Fetch),
        ("GET", [_, "attempt", ..]) => Some(Call::Attempts),
        ("GET", [_, "endpoint"]) => Some(Call::Endpoints),
        ("POST", [.., "resend"]) => Some(Call::Resend),
        _ => None,
    }
}

/// Repeats the proper answer to a message, for scripts that end well.
pub(crate) fn proper(scene: &Scene) -> Act {
    say(holding::accepted(&scene.ours))
}
