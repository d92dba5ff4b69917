//! How a link comes about: dialled by us, or accepted.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use foedus_proto::federation::v1 as proto;
use futures_util::{Stream, StreamExt};
use http::Uri;
use hyper::client::conn::http2 as client;
use hyper::server::conn::http2 as server;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use proto::link_service_server::{LinkService, LinkServiceServer};
use rustls::AlertDescription;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{timeout, timeout_at};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, server::TlsStream as ServerTlsStream};
use tonic::{Request, Response, Status, Streaming};

use super::metered::Metered;
use super::session::{Connection, Driver, Inbound, Outbound};
use super::*;
use crate::bounds::FRAME_BYTES_MAX;
use crate::key::VerifyingKey;
use crate::transport::AcceptedLink;
use crate::transport::accept::prepare;
use crate::transport::http2::{Caller, Tasks, TasksOwner};
use crate::transport::tls::{LINK_PROTOCOL, Tls, peer_key, unused_server_name};

/// Dials `partner` at `address` (`host:port`) and opens a link, on which `hello` has been sent.
///
/// The partner's own hello comes as the first frame.
pub async fn dial(
    tls: &Tls,
    partner: OrgId,
    address: &str,
    hello: Hello,
    settings: LinkSettings,
) -> Result<LinkSession, DialError> {
    let opening = async {
        let (stream, key) = connect(tls, partner, address, settings.reach).await?;
        let open = call(stream, hello, &settings).await.map_err(refusal)?;
        Ok::<_, DialError>((open, key))
    };
    let opened = timeout(settings.dial_timeout, opening).await;
    let (open, key) = opened.map_err(|_| DialError::Timeout)??;
    let pins = Arc::clone(tls.pins());
    Ok(open.into_session(partner, key, pins, true, settings, None))
}

async fn connect(
    tls: &Tls,
    partner: OrgId,
    address: &str,
    reach: Reach,
) -> Result<(TlsStream<TcpStream>, VerifyingKey), DialError> {
    let config = tls.link_client(partner).map_err(DialError::Configuration)?;
    let stream = reach.connect(address).await?.map_err(DialError::Connect)?;
    prepare(&stream).map_err(DialError::Connect)?;
    let stream = TlsConnector::from(config)
        .connect(unused_server_name(), stream)
        .await
        .map_err(handshake_error)?;
    let state = stream.get_ref().1;
    let key = peer_key(state.peer_certificates()).ok_or(DialError::WrongKey)?;
    if state.alpn_protocol() != Some(LINK_PROTOCOL) {
        return Err(DialError::Handshake(io::ErrorKind::InvalidData.into()));
    }
    Ok((stream, key))
}

fn handshake_error(error: io::Error) -> DialError {
    let wrong_key = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)));
    if wrong_key {
        DialError::WrongKey
    } else {
        DialError::Handshake(error)
    }
}

/// In TLS 1.3 the other end looks at our key after our side of the handshake is done: that it refuses it shows
/// wherever we read first. Such an alert within the handshake is not from the partner: until the handshake is done,
/// whoever answers at its address can send one.
fn refusal(error: DialError) -> DialError {
    // h2 keeps the text of what it could not read, and not the error.
    let alert = rustls::Error::AlertReceived(AlertDescription::AccessDenied).to_string();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.to_string() == alert {
            return DialError::Refused;
        }
        cause = error.source();
    }
    error
}

async fn call(
    stream: TlsStream<TcpStream>,
    hello: Hello,
    settings: &LinkSettings,
) -> Result<Open, DialError> {
    let (stream, received) = Metered::new(stream);
    let tasks = Tasks::default();
    let owner = TasksOwner(tasks.clone());
    let mut builder = client::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(bounds::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(bounds::CONNECTION_WINDOW_BYTES)
        .max_header_list_size(bounds::HEADER_LIST_BYTES_MAX)
        .max_send_buf_size(bounds::SEND_BUFFER_BYTES_MAX)
        .keep_alive_interval(settings.ping_interval)
        .keep_alive_timeout(settings.ping_timeout)
        .keep_alive_while_idle(true);
    let (requests, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(DialError::Http)?;
    let mut connection: Connection = Box::pin(async move {
        // How it ended shows at the streams.
        let _broken = connection.await.is_err();
    });

    let closer = LinkCloser::new();
    // The hello is queued before the call: the answer's headers come only after it.
    let (sender, outbound) = Outbound::new(hello, closer.clone());
    let frames = outbound.stream(|frame| proto::ConnectRequest { frame: Some(frame) });
    let mut caller =
        LinkServiceClient::with_origin(Caller(requests), Uri::from_static("http://foedus.invalid"))
            .max_decoding_message_size(FRAME_BYTES_MAX)
            .max_encoding_message_size(FRAME_BYTES_MAX);
    let answer = {
        let mut call = std::pin::pin!(caller.connect(frames));
        tokio::select! {
            answer = &mut call => answer,
            // The call's own failure says more than the connection's.
            () = &mut connection => call.await,
        }
    };
    let frames = answer
        .map_err(|status| DialError::Call(Box::new(status)))?
        .into_inner();
    let inbound: Inbound =
        Box::pin(frames.map(|item| item.map(|proto::ConnectResponse { frame }| frame)));
    Ok(Open {
        received,
        connection,
        inbound,
        sender,
        closer,
        owner,
        keep: Box::new(caller),
    })
}

/// Serves one accepted connection: waits for the partner's call, on which `hello` is sent.
pub async fn serve(
    accepted: AcceptedLink,
    tls: &Tls,
    hello: Hello,
    settings: LinkSettings,
) -> Result<LinkSession, DialError> {
    let AcceptedLink {
        partner,
        key,
        peer: _,
        stream,
        place,
    } = accepted;
    let open = answer(stream, hello, &settings).await?;
    let pins = Arc::clone(tls.pins());
    Ok(open.into_session(partner, key, pins, false, settings, Some(Box::new(place))))
}

async fn answer(
    stream: ServerTlsStream<TcpStream>,
    hello: Hello,
    settings: &LinkSettings,
) -> Result<Open, DialError> {
    let closer = LinkCloser::new();
    let (sender, outbound) = Outbound::new(hello, closer.clone());
    let (opened, called) = oneshot::channel();
    let service = LinkServiceServer::new(OneCall(Mutex::new(Some((outbound, opened)))))
        .max_decoding_message_size(FRAME_BYTES_MAX)
        .max_encoding_message_size(FRAME_BYTES_MAX);
    let (stream, received) = Metered::new(stream);
    let tasks = Tasks::default();
    let owner = TasksOwner(tasks.clone());
    let mut builder = server::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(bounds::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(bounds::CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(1)
        .max_header_list_size(bounds::HEADER_LIST_BYTES_MAX)
        .max_send_buf_size(bounds::SEND_BUFFER_BYTES_MAX)
        .keep_alive_interval(settings.ping_interval)
        .keep_alive_timeout(settings.ping_timeout);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection: Connection = Box::pin(async move {
        // How it ended shows at the streams.
        let _broken = connection.await.is_err();
    });
    let deadline = tokio::time::Instant::now() + settings.hello_timeout;
    let first = async {
        tokio::select! {
            biased;
            frames = called => frames.map_err(|_| DialError::NoCall),
            () = &mut connection => Err(DialError::NoCall),
        }
    };
    let frames = timeout_at(deadline, first)
        .await
        .map_err(|_| DialError::Timeout)??;
    let inbound: Inbound =
        Box::pin(frames.map(|item| item.map(|proto::ConnectRequest { frame }| frame)));
    Ok(Open {
        received,
        connection,
        inbound,
        sender,
        closer,
        owner,
        keep: Box::new(()),
    })
}

/// The server's side of the one call of a connection.
struct OneCall(Mutex<Option<(Outbound, oneshot::Sender<Streaming<proto::ConnectRequest>>)>>);

#[tonic::async_trait]
impl LinkService for OneCall {
    type ConnectStream =
        Pin<Box<dyn Stream<Item = Result<proto::ConnectResponse, Status>> + Send + 'static>>;

    // Returns at once, so that the partner gets headers while it waits for nothing else.
    async fn connect(
        &self,
        request: Request<Streaming<proto::ConnectRequest>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((outbound, opened)) = first else {
            return Err(Status::resource_exhausted("one call a connection"));
        };
        if opened.send(request.into_inner()).is_err() {
            return Err(Status::cancelled("closing"));
        }
        let frames = outbound.stream(|frame| Ok(proto::ConnectResponse { frame: Some(frame) }));
        Ok(Response::new(Box::pin(frames)))
    }
}

/// A link whose call stands, without anybody who drives it.
struct Open {
    received: Received,
    connection: Connection,
    inbound: Inbound,
    sender: mpsc::Sender<Frame>,
    closer: LinkCloser,
    owner: TasksOwner,
    /// hyper ends a client's connection when its last handle goes.
    keep: Box<dyn Send>,
}

impl Open {
    fn into_session(
        self,
        partner: OrgId,
        key: VerifyingKey,
        pins: Arc<crate::transport::Pins>,
        dialled: bool,
        settings: LinkSettings,
        place: Option<Box<dyn Send>>,
    ) -> LinkSession {
        let Self {
            received,
            connection,
            inbound,
            sender,
            closer,
            owner,
            keep,
        } = self;
        let (frames, receiver) = mpsc::channel(bounds::FRAMES_QUEUE_MAX);
        let driver = Driver {
            partner,
            key,
            pins,
            settings,
            connection,
            owner,
            inbound,
            frames,
            closer: closer.clone(),
        };
        let task = tokio::spawn(async move {
            let _held_to_the_end = (keep, place);
            driver.run().await;
        });
        // The grace is used at most twice: for the goodbye, and for handing over the reason.
        let longest_end = settings.close_grace * 3;
        let handle = LinkHandle {
            closer,
            task,
            longest_end,
        };
        LinkSession {
            partner,
            dialled,
            sender,
            receiver,
            received,
            handle,
        }
    }
}
