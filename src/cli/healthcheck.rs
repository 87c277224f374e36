//! `healthcheck`: asks the running service whether it is ready.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use super::{print, reachable, sources};

/// How long the service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(4);

pub(super) fn run(files: &[PathBuf]) -> anyhow::Result<()> {
    sources::read_dotenv()?;
    let config = sources::load(files)?;
    let address = reachable(config.server.listen.parse().context("server.listen")?);
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
