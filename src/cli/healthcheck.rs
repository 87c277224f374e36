//! `healthcheck`: asks the running service whether it is ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use super::{print, sources};

/// How long the service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(4);

pub(super) fn run(files: &[PathBuf]) -> anyhow::Result<()> {
    sources::read_dotenv()?;
    let config = sources::load(files)?;
    let mut address: SocketAddr = config.server.listen.parse().context("server.listen")?;
    // An address that stands for all of them is reached by the loopback one.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    actix_rt::System::new().block_on(async {
        let client = awc::Client::builder().timeout(TIMEOUT).finish();
        let url = format!("http://{address}/health/ready");
        let mut response = client
            .get(&url)
            .send()
            .await
            .map_err(|error| anyhow!("{url}: {error}"))?;
        let body = response.body().await.map_err(|error| anyhow!("{url}: {error}"))?;
        print(&String::from_utf8_lossy(&body));
        if !response.status().is_success() {
            bail!("not ready: {}", response.status());
        }
        Ok(())
    })
}
