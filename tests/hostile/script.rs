//! What the stand-in does with a connection instead of answering, step by step.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How long one pause is between the pieces of what never ends: as fast as a client should ever have to read.
const BREATH: Duration = Duration::from_millis(1);

/// One step.
pub(crate) enum Act {
    /// Sends bytes.
    Say(Vec<u8>),
    /// Sends bytes one by one, with so long between them.
    Drip(Vec<u8>, Duration),
    /// Sends the same bytes until the client leaves.
    Forever(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Closes the connection in good order.
    Fin,
    /// Breaks it.
    Reset,
}

/// Sends bytes.
pub(crate) fn say(bytes: impl Into<Vec<u8>>) -> Act {
    Act::Say(bytes.into())
}

/// Sends bytes one by one, with so many milliseconds between them.
pub(crate) fn drip(bytes: impl Into<Vec<u8>>, milliseconds: u64) -> Act {
    Act::Drip(bytes.into(), Duration::from_millis(milliseconds))
}

/// Sends the same bytes until the client leaves.
pub(crate) fn forever(bytes: impl Into<Vec<u8>>) -> Act {
    Act::Forever(bytes.into())
}

/// Waits so many milliseconds.
pub(crate) fn pause(milliseconds: u64) -> Act {
    Act::Pause(Duration::from_millis(milliseconds))
}

/// Says nothing any more, and leaves the connection open.
pub(crate) fn hang() -> Act {
    Act::Pause(Duration::from_secs(3600))
}

/// Does it all. Returns whether the connection goes on.
///
/// # Errors
/// When the client has left.
pub(crate) async fn play(stream: &mut TcpStream, acts: Vec<Act>) -> io::Result<bool> {
    for act in acts {
        match act {
            Act::Say(bytes) => stream.write_all(&bytes).await?,
            Act::Drip(bytes, between) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(between).await;
                }
            }
            Act::Forever(bytes) => loop {
                stream.write_all(&bytes).await?;
                tokio::time::sleep(BREATH).await;
            },
            Act::Pause(length) => tokio::time::sleep(length).await,
            Act::Fin => {
                stream.shutdown().await?;
                return Ok(false);
            }
            Act::Reset => {
                stream.set_zero_linger()?;
                return Ok(false);
            }
        }
    }
    Ok(true)
}
