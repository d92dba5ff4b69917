//! Daemons that come to be, and that can't.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UnixStream};
use tonic::transport::Endpoint;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

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

/// Somebody who follows whether we serve, and goes on doing so.
async fn follower(data: &std::path::Path) -> tonic::Streaming<HealthCheckResponse> {
    let path = data.join("admin.sock");
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let channel = Endpoint::from_static("http://foedus.invalid")
        .connect_with_connector(connector)
        .await
        .expect("it listens");
    let watch = HealthClient::new(channel)
        .watch(HealthCheckRequest::default())
        .await;
    watch.expect("answered").into_inner()
}

async fn told(health: &mut tonic::Streaming<HealthCheckResponse>) -> ServingStatus {
    let told = tokio::time::timeout(Duration::from_secs(5), health.message()).await;
    let told = told.expect("in time").expect("goes on").expect("a message");
    told.status()
}

#[tokio::test]
async fn a_caller_that_never_ends_is_cut_off_at_the_grace() {
    let data = tempfile::tempdir().expect("a folder");
    let daemon = build(config(data.path(), "[drain]\ngrace_seconds = 1\n")).await;
    let running = daemon.expect("it can be").spawn();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let asked = async {
        let _asked = stopped.await;
    };
    let running = tokio::spawn(running.run(asked));
    let mut health = follower(data.path()).await;
    assert_eq!(told(&mut health).await, ServingStatus::Serving);
    let begun = std::time::Instant::now();
    stop.send(()).expect("it runs");
    // Whoever asks is sent elsewhere from the beginning of the end.
    assert_eq!(told(&mut health).await, ServingStatus::NotServing);
    let ended = running.await.expect("no panic");
    assert_eq!(ended, Ended::CutOff);
    assert_eq!(ExitStatus::from(ended), ExitStatus::Ok);
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn a_daemon_whose_store_failed_does_not_serve_and_ends() {
    let data = tempfile::tempdir().expect("a folder");
    let daemon = build(config(data.path(), "")).await.expect("it can be");
    let running = daemon.spawn();
    let failed = running.runtime().failed();
    let running = tokio::spawn(running.run(std::future::pending()));
    let mut health = follower(data.path()).await;
    assert_eq!(told(&mut health).await, ServingStatus::Serving);
    failed.cancel();
    assert_eq!(told(&mut health).await, ServingStatus::NotServing);
    drop(health);
    let ended = running.await.expect("no panic");
    assert_eq!(ended, Ended::StoreFailed);
    assert_eq!(ExitStatus::from(ended), ExitStatus::Io);
}
