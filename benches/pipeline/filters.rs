//! What it costs to ask a filter of each of ten thousand customers, beside asking none.

use std::path::Path;

use anyhow::ensure;
use futures_util::future::try_join_all;

use crate::event::{Ids, Template};
use crate::load::{Connection, End, Load};
use crate::report::{Report, Row, median, progress};
use crate::service::{Delivery, Place, Service};
use crate::settings::Settings;

/// Customers that take turns, each with a filter of its own.
const CUSTOMERS: u64 = 10_000;

/// The share of the rate without filters that must remain.
const FLOOR: f64 = 0.7;

/// Connections that write the settings.
const WRITERS: u64 = 16;

pub(crate) async fn measure(
    settings: &Settings,
    directory: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let ids = Ids {
        customers: CUSTOMERS,
        ..settings.ids
    };
    let places = [
        Place::new(directory, "unfiltered")?,
        Place::new(directory, "filtered")?,
    ];
    let mut services = Vec::new();
    for place in &places {
        services.push(Service::start(place, &Delivery::Off).await?);
    }
    let [plain, filtered] = places
        .each_ref()
        .map(|place| Load::new(place.address(), Template::post("/notifications", ids), settings.connections));
    progress("setting filters");
    let writers = (0..WRITERS).map(|writer| set_filters(&places[1], writer));
    try_join_all(writers).await?;
    progress("accepting with filters: each customer once");
    // A filter is made when it is first asked.
    let first = filtered.full(End::Count(2 * CUSTOMERS)).await?;
    plain.full(End::Count(2 * CUSTOMERS)).await?;
    let leg = End::After(settings.leg);
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 1..=settings.pairs {
        progress(&format!("accepting with and without filters, pair {pair} of {}", settings.pairs));
        let rates = (filtered.full(leg).await?.rate(), plain.full(leg).await?.rate());
        with.push(rates.0);
        without.push(rates.1);
        ratios.push(rates.0 / rates.1);
    }
    let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let ratio = median(ratios);
    report.row(Row {
        what: format!("accept with {CUSTOMERS} customers that have a filter ÷ without filters"),
        measured: format!("{:.0}/s", median(with)),
        compared_with: format!("{:.0}/s", median(without)),
        ratio: Some(ratio),
        remark: format!(
            "medians of pairs ({}); {:.0}/s over the first events, with which the filters are made",
            shown.join(", "),
            first.rate()
        ),
    })?;
    report.at_least("accept with filters ÷ without", ratio, FLOOR);
    for (service, place) in services.into_iter().zip(places) {
        service.kill()?;
        place.clear()?;
    }
    Ok(())
}

/// Gives each customer whose number this writer has a filter with a number of its own.
async fn set_filters(place: &Place, writer: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(place.address()).await?;
    for customer in (writer..CUSTOMERS).step_by(usize::try_from(WRITERS)?) {
        let body = format!(
            r#"{{"filter":{{"exclude":["**.test"],"expression":"data.invoice.gross > {customer}.0 / 10000.0 && eventType.startsWith('invoice.')"}}}}"#
        );
        let request = format!(
            "PUT /customers/customer-{customer:04} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, answer) = connection.exchange(request.as_bytes()).await?;
        ensure!(status == 201, "{status}: {}", String::from_utf8_lossy(answer));
    }
    Ok(())
}
