//! Daemons that come to be, and that can't.

use std::time::Duration;

use tokio::net::TcpListener;

use super::*;
use crate::config::{Overrides, Paths};
use crate::runtime::chain;

fn config(data: &std::path::Path, more: &str) -> Config {
    let overrides = Overrides {
        file: None,
        data: Some(data.to_owned()),
    };
    let text = format!("[link]\nlisten = \"127.0.0.1:0\"\n{more}");
    Config::parse(&text, None, &overrides, &Paths::default()).expect("it is right")
}

#[tokio::test]
async fn a_daemon_without_an_identity_runs_and_drains() {
    let data = tempfile::tempdir().expect("a folder");
    let daemon = build(config(data.path(), "")).await.expect("it can be");
    let running = daemon.spawn();
    let ended = running.run(async { tokio::time::sleep(Duration::from_millis(50)).await });
    assert_eq!(ended.await, Ended::Drained);
    assert!(!data.path().join("admin.sock").exists());
    // Everything was given back.
    build(config(data.path(), ""))
        .await
        .expect("it can be again");
}

#[tokio::test]
async fn one_folder_has_one_daemon() {
    let data = tempfile::tempdir().expect("a folder");
    let _first = build(config(data.path(), "")).await.expect("it can be");
    let error = build(config(data.path(), "")).await.expect_err("refused");
    assert!(matches!(
        error,
        BuildError::Store(StoreError::Locked { .. })
    ));
    assert_eq!(ExitStatus::from(&error), ExitStatus::Unavailable);
}

#[tokio::test]
async fn a_taken_port_is_named_and_leaves_no_store() {
    let data = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("bound");
    let more = format!("[metrics]\nlisten = \"{address}\"\n");
    let error = build(config(data.path(), &more))
        .await
        .expect_err("refused");
    assert_eq!(ExitStatus::from(&error), ExitStatus::Unavailable);
    let text = chain(&error);
    assert!(text.contains("(metrics.listen)"), "{text}");
    assert!(!data.path().join("store").exists());
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_served_one_is_not() {
    let data = tempfile::tempdir().expect("a folder");
    let path = data.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    drop(
        build(config(data.path(), ""))
            .await
            .expect("it is replaced"),
    );

    std::fs::remove_file(&path).expect("left behind");
    let _served = std::os::unix::net::UnixListener::bind(&path).expect("bound");
    let error = build(config(data.path(), "")).await.expect_err("refused");
    assert_eq!(ExitStatus::from(&error), ExitStatus::Unavailable);

    std::fs::remove_file(&path).expect("there");
    std::fs::write(&path, "words").expect("written");
    build(config(data.path(), "")).await.expect_err("refused");
    assert_eq!(std::fs::read(&path).expect("untouched"), b"words");
}
