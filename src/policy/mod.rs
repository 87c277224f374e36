//! Pure decisions: when to try again, what an answer leads to, when an account may send.
//! Time and chance come in as arguments.

mod backoff;
mod bucket;
mod deadline;
mod decision;
mod fairness;
mod filter;
mod gate;
mod network;
mod pace;
mod redrive;
mod region;
mod routing;
mod server_url;
mod settings;
mod share;

pub use backoff::Backoff;
pub use bucket::Bucket;
pub use deadline::{Deadline, Overdue, ask_first};
pub use decision::{Case, Decision, Hold, Rules, decide, first_step, must_confirm};
pub use fairness::{Asking, Caps, Load, Patience};
pub use filter::{
    Clause, Filter, FilterError, FilterFailure, FilterInput, FilterSettings, Position, Verdict,
};
pub use gate::{Admission, Applications, Gate, GateRules, GateState, Sent};
pub use network::Networks;
pub use pace::Pace;
pub use redrive::RedriveProgress;
pub use region::{base_url, region};
pub use routing::{Route, Routing, UnknownCustomers};
pub use server_url::{ServerUrl, ServerUrlError};
pub use settings::{
    CustomerRate, CustomerSettings, Fault as SettingFault, KeyGrant, KeyRequest, KeySettings, Own,
    PortalRequest, RetryBounds, RetrySettings, Spelling, SvixAccount, check_account_name, difference, merge,
};
pub use share::Share;
