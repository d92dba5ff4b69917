//! What a process and a folder take, as the system says it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::failed::Failed;

/// What a process has computed so far, in user and kernel.
pub fn cpu(pid: u32) -> Result<Duration, Failed> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may hold anything; the fields are counted after it.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    // utime is the 14th field of all, and the 12th after the name; stime follows.
    let mut fields = fields
        .ok_or(Failed::Process { pid })?
        .split_whitespace()
        .skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let user = ticks().ok_or(Failed::Process { pid })?;
    let kernel = ticks().ok_or(Failed::Process { pid })?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(
        (user + kernel) as f64 / per_second as f64,
    ))
}

/// Memory of a process that is resident, in MiB.
pub fn resident_mebibytes(pid: u32) -> Result<f64, Failed> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kibibytes.ok_or(Failed::Process { pid })? / 1024.0)
}

/// What the files under a folder take on the disk, in bytes: blocks, for an engine may reserve more than it wrote, or
/// leave holes.
pub fn disk_bytes(folder: &Path) -> Result<u64, Failed> {
    use std::os::unix::fs::MetadataExt as _;
    /// The unit of `st_blocks`, whatever the file system.
    const BLOCK_BYTES: u64 = 512;
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // An engine that lives may have removed it meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other?,
        };
        bytes += match metadata.is_dir() {
            true => disk_bytes(&entry.path())?,
            false => metadata.blocks() * BLOCK_BYTES,
        };
    }
    Ok(bytes)
}
