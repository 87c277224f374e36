//! Where it is measured, and what processes take of it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// Ticks of processor time in a second, which Linux shows the same everywhere.
const TICKS: f64 = 100.0;

/// Says what the machine is, on one line. A directory that is kept in memory is no place to measure durability.
pub(crate) fn facts(directory: &Path) -> anyhow::Result<String> {
    let processor = fs::read_to_string("/proc/cpuinfo")?;
    let processor = value(&processor, "model name").unwrap_or("unknown processor");
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = kibibytes(&memory, "MemTotal").unwrap_or(0.0) / 1024.0;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let system = file_system(directory)?;
    ensure!(!system.starts_with("tmpfs"), "{} is in memory ({system})", directory.display());
    Ok(format!(
        "{} cores ({processor}), {memory:.0} MiB of memory, Linux {}, {system}, fsync of 4 KiB in {:.2} ms (median of 100)",
        available_parallelism()?,
        kernel.trim(),
        fsync_ms(directory)?,
    ))
}

/// Returns kind and device of the file system.
fn file_system(directory: &Path) -> anyhow::Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, path, kind) = (fields.next()?, fields.next()?, fields.next()?);
        directory
            .starts_with(path)
            .then(|| (path.len(), format!("{kind} on {device}")))
    });
    let (_, system) = mounts
        .max_by_key(|(depth, _)| *depth)
        .context("the directory is on no file system")?;
    Ok(system)
}

fn fsync_ms(directory: &Path) -> anyhow::Result<f64> {
    let path = directory.join("fsync");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let started = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times.get(50).map_or(0.0, |time| time.as_secs_f64() * 1000.0))
}

/// The resident memory of a process, in MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// All of it.
    pub(crate) resident: f64,
    /// What is its own, not part of a file.
    pub(crate) own: f64,
    /// The most that it ever was.
    pub(crate) peak: f64,
}

impl Memory {
    pub(crate) fn of(pid: &str) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let mebibytes = |key| {
            kibibytes(&status, key)
                .map(|kibibytes| kibibytes / 1024.0)
                .with_context(|| format!("no {key} is known of the process"))
        };
        Ok(Self {
            resident: mebibytes("VmRSS")?,
            own: mebibytes("RssAnon")?,
            peak: mebibytes("VmHWM")?,
        })
    }
}

/// What a process has written and read since its start, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    /// By calls, most of them on files; those of some calls on sockets count as well.
    pub(crate) written: f64,
    pub(crate) read: f64,
    /// What of it reached or came from a disk.
    pub(crate) disk_written: f64,
    pub(crate) disk_read: f64,
}

impl Moved {
    pub(crate) fn of(pid: &str) -> anyhow::Result<Self> {
        let counts = fs::read_to_string(format!("/proc/{pid}/io"))?;
        let bytes = |key| {
            let count: f64 = value(&counts, key)
                .with_context(|| format!("no {key} is known of the process"))?
                .parse()?;
            anyhow::Ok(count)
        };
        Ok(Self {
            written: bytes("wchar")?,
            read: bytes("rchar")?,
            disk_written: bytes("write_bytes")?,
            disk_read: bytes("read_bytes")?,
        })
    }
}

/// The processor time that the machine has given away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    /// To processes.
    all: f64,
    /// To this one, and to those that it has started.
    here: f64,
    /// To other machines on the same host.
    stolen: f64,
    at: Instant,
}

impl Given {
    pub(crate) fn so_far() -> anyhow::Result<Self> {
        let all = fs::read_to_string("/proc/stat")?;
        let all = ticks(all.trim_start_matches("cpu").trim_start())?;
        let mut here = fields(&fs::read_to_string("/proc/self/stat")?)?;
        let pid = std::process::id();
        let children = fs::read_to_string(format!("/proc/self/task/{pid}/children"))?;
        for child in children.split_whitespace() {
            here.extend(fields(&fs::read_to_string(format!("/proc/{child}/stat"))?)?);
        }
        let sum = |ticks: &[f64]| ticks.iter().sum::<f64>() / TICKS;
        Ok(Self {
            // User, nice and system; then idle, waiting, interrupts of two kinds, and what was stolen.
            all: sum(all.get(..3).unwrap_or_default()) + sum(all.get(5..7).unwrap_or_default()),
            stolen: sum(all.get(7..8).unwrap_or_default()),
            here: sum(&here),
            at: Instant::now(),
        })
    }

    /// Returns which share of the machine has gone to other processes, and to other machines, since then.
    pub(crate) fn elsewhere_since(&self) -> anyhow::Result<f64> {
        let now = Self::so_far()?;
        let whole = self.at.elapsed().as_secs_f64() * available_parallelism()?.get() as f64;
        let others = (now.all - self.all) - (now.here - self.here);
        Ok((others.max(0.0) + now.stolen - self.stolen) / whole)
    }
}

/// Reads numbers of ticks up to the end of the line.
fn ticks(text: &str) -> anyhow::Result<Vec<f64>> {
    let line = text.lines().next().unwrap_or_default();
    let ticks = line.split(' ').map(str::parse).collect::<Result<_, _>>();
    ticks.context("processor time is not shown in ticks")
}

/// Reads from a process' line: user and system time, and the same of its ended children.
fn fields(stat: &str) -> anyhow::Result<Vec<f64>> {
    // The name before may hold spaces.
    let (_, fields) = stat.rsplit_once(") ").context("a process has no name")?;
    let times: Vec<&str> = fields.split(' ').skip(11).take(4).collect();
    ticks(&times.join(" "))
}

/// Returns the processor time that a process, or a thread, has taken according to this file.
pub(crate) fn processor_time(stat: &str) -> anyhow::Result<Duration> {
    let ticks: f64 = fields(&fs::read_to_string(stat)?)?.iter().take(2).sum();
    Ok(Duration::from_secs_f64(ticks / TICKS))
}

/// Returns the processor time of the load generator, which is this process' first thread.
pub(crate) fn generator_time() -> anyhow::Result<Duration> {
    let pid = std::process::id();
    processor_time(&format!("/proc/self/task/{pid}/stat"))
}

/// Returns the processor time of this process.
pub(crate) fn own_time() -> anyhow::Result<Duration> {
    processor_time("/proc/self/stat")
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim())
}

fn kibibytes(text: &str, key: &str) -> Option<f64> {
    value(text, key)?.strip_suffix(" kB")?.trim().parse().ok()
}
