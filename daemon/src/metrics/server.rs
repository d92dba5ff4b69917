//! Metrics over HTTP/1.1: one path, without TLS, to whoever asks at the address that the configuration names.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Metrics;
use crate::bounds::{ACCEPT_PAUSE, METRICS_CONNECTION_TIMEOUT, METRICS_CONNECTIONS_MAX};

/// Serves until `stop`. One connection more than the most is closed at once.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            arrived = listener.accept() => match arrived {
                Ok((stream, _)) if connections.len() < METRICS_CONNECTIONS_MAX => {
                    connections.spawn(connection(stream, metrics.clone()));
                }
                Ok(_) => {}
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, metrics: Arc<Metrics>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, &metrics);
        async move { Ok::<_, Infallible>(answer) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // How it ended is the scraper's to know.
    let _ended = timeout(METRICS_CONNECTION_TIMEOUT, serving).await.is_ok();
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, metrics.text()),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(super::CONTENT_TYPE));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET"));
    }
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn ask(address: std::net::SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    #[tokio::test]
    async fn whoever_asks_for_metrics_gets_them_and_nothing_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let metrics = Arc::<Metrics>::default();
        metrics.posted(2);
        let task = tokio::spawn(serve(listener, metrics, stop.clone()));
        let get = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let found = ask(address, get).await;
        assert!(found.starts_with("HTTP/1.1 200 OK"), "{found}");
        assert!(found.contains("foedus_posts_total 2"), "{found}");
        let other = get.replace("/metrics", "/");
        assert!(ask(address, &other).await.starts_with("HTTP/1.1 404"));
        let post = get.replace("GET", "POST");
        assert!(ask(address, &post).await.starts_with("HTTP/1.1 405"));
        stop.cancel();
        task.await.expect("it ends");
    }
}
