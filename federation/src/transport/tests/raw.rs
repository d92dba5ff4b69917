//! Ends that do what ours never would.

use prost::bytes::{Buf, BufMut};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Status, Streaming};

use super::*;
use crate::transport::http2::{Caller, Tasks, TasksOwner};
use crate::transport::tls::unused_server_name;

/// A TLS connection under a client configuration of the caller's choice.
pub(super) async fn connect(
    config: Arc<rustls::ClientConfig>,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name: ServerName<'static> = unused_server_name();
    TlsConnector::from(config).connect(name, stream).await
}

/// Messages as bytes, in both directions.
#[derive(Default)]
struct Bytes;

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

/// The caller's end of a link that takes any bytes for frames.
pub(super) struct RawLink {
    pub(super) sender: mpsc::Sender<Vec<u8>>,
    pub(super) receiver: Streaming<Vec<u8>>,
    _tasks: TasksOwner,
    _keep: tonic::client::Grpc<Caller>,
}

/// HTTP/2 over `stream`.
pub(super) async fn caller(stream: TlsStream<TcpStream>) -> (Caller, TasksOwner) {
    let tasks = Tasks::default();
    let owner = TasksOwner(tasks.clone());
    let io = hyper_util::rt::TokioIo::new(stream);
    let (requests, connection) = hyper::client::conn::http2::Builder::new(tasks.clone())
        .handshake(io)
        .await
        .expect("HTTP/2");
    hyper::rt::Executor::execute(&tasks, async move {
        let _ended = connection.await.is_err();
    });
    (Caller(requests), owner)
}

/// Opens the call of a link; `first` are the messages that go with it.
pub(super) async fn link(stream: TlsStream<TcpStream>, first: Vec<Vec<u8>>) -> RawLink {
    let (requests, tasks) = caller(stream).await;
    let (sender, queue) = mpsc::channel(64);
    for message in first {
        sender
            .try_send(message)
            .expect("room for the first messages");
    }
    let messages = futures_util::stream::unfold(queue, |mut queue| async move {
        let message = queue.recv().await?;
        Some((message, queue))
    });
    let origin = http::Uri::from_static("http://foedus.invalid");
    let mut grpc = tonic::client::Grpc::with_origin(requests, origin);
    grpc.ready().await.expect("a connection");
    let path = http::uri::PathAndQuery::from_static("/foedus.federation.v1.LinkService/Connect");
    let answer = within(grpc.streaming(tonic::Request::new(messages), path, Bytes))
        .await
        .expect("the call is answered");
    RawLink {
        sender,
        receiver: answer.into_inner(),
        _tasks: tasks,
        _keep: grpc,
    }
}
