//! For programs that start daemons and may be interrupted: what they started ends with them, and what was stored for a
//! while is removed. (A test needs none of it: what runs tests ends them in their order.)

use std::fs;
use std::io;
use std::process;
use std::thread;

use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use super::daemon;

/// As a shell says of a command that SIGINT ended.
const INTERRUPTED: i32 = 130;
/// The same of SIGTERM.
const TERMINATED: i32 = 143;

/// From now on everything temporary is under the folder that is given, and goes with it; SIGINT and SIGTERM end all
/// daemons, remove the folder, and end this program. Once a program, before anything temporary is made.
///
/// # Errors
///
/// If the folder can't be made or the signals can't be taken.
pub fn cleans_up_on_interrupt() -> io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_owned();
    let named_before = tempfile::env::override_temp_dir(&path).is_err();
    assert!(!named_before, "once a program");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let signals = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            let (mut interrupt, mut terminate) = signals;
            let code = runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => INTERRUPTED,
                    _ = terminate.recv() => TERMINATED,
                }
            });
            daemon::end_all(|| {
                if let Err(error) = fs::remove_dir_all(&path) {
                    eprintln!("{} is left behind: {error}", path.display());
                }
                process::exit(code)
            })
        })?;
    Ok(folder)
}
