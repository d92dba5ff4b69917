//! The network between the two daemons: a relay for TCP in a process of its own. To cut the cable, that process is
//! ended; to mend it, another is started at the same address.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, bail};

/// `cable LISTEN TARGET`: relays until the process is ended.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let [listen, target] = words else {
        bail!("a cable has two ends");
    };
    let target: SocketAddr = target.parse().context("no address")?;
    let listener = TcpListener::bind(listen).with_context(|| format!("{listen} can't be had"))?;
    for caller in listener.incoming() {
        let Ok(caller) = caller else { continue };
        thread::spawn(move || {
            // Nobody there: the caller sees its connection close, as it would without a cable.
            if let Ok(daemon) = TcpStream::connect(target) {
                relay(&caller, &daemon);
            }
        });
    }
    Ok(true)
}

fn relay(caller: &TcpStream, daemon: &TcpStream) {
    thread::scope(|scope| {
        scope.spawn(|| pump(caller, daemon));
        pump(daemon, caller);
    });
}

/// Carries bytes until one end is gone. What can't be carried any more is not news to anybody.
fn pump(mut from: &TcpStream, mut to: &TcpStream) {
    to.set_nodelay(true).ok();
    io::copy(&mut from, &mut to).ok();
    to.shutdown(Shutdown::Write).ok();
}
