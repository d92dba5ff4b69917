//! What a service manager is told: `Type=notify` of deploy/foedusd.service rests on it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::serving::connect;
use super::{foedusd, home, terminate};

/// How long one word may be waited for. The unit's own limit is longer.
const WORD_MAX: Duration = Duration::from_secs(30);

/// A daemon, and the socket at which a service manager would listen.
fn managed(home: &Path) -> (Child, UnixDatagram) {
    let path = home.join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(WORD_MAX)).expect("set");
    let child = foedusd(home)
        .env("NOTIFY_SOCKET", &path)
        .spawn()
        .expect("it runs");
    (child, manager)
}

fn word(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 512];
    let count = manager.recv(&mut bytes).expect("the daemon says something");
    let text = std::str::from_utf8(&bytes[..count]).expect("UTF-8");
    text.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_manager_is_told_when_it_serves_and_when_it_stops() {
    let home = home();
    let (mut child, manager) = managed(home.path());
    // The first word, so that nothing was started on it before; and what is started on it finds the socket there.
    assert_eq!(word(&manager), "READY=1");
    let mut health = HealthClient::new(connect(home.path()).await);
    let answer = health.check(HealthCheckRequest::default()).await;
    answer.expect("the administration socket answers");
    terminate(&child);
    assert_eq!(word(&manager), "STOPPING=1");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
