//! Bare gRPC over TLS on loopback: a server that does nothing, and a client that asks it, each with one thread.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use foedus_proto::api::v1;
use foedus_proto::api::v1::message_service_client::MessageServiceClient;
use foedus_proto::api::v1::message_service_server::{MessageService, MessageServiceServer};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::{
    Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
};
use tonic::{Request, Response, Status, Streaming};

use crate::bench::bounds::{IN_FLIGHT, LIST_MESSAGES, LISTS_QUEUED, PACE, PACED_TIMES};
use crate::bench::failed::Failed;
use crate::bench::figure::percentile;
use crate::bench::ledger::message;
use crate::bench::role::Role;

/// The name in the certificate.
const NAME: &str = "bare.invalid";

type Client = MessageServiceClient<Channel>;

/// What came out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls a second, one at a time.
    pub in_turn: f64,
    /// Calls a second, many at a time.
    pub together: f64,
    /// Messages a second over one stream.
    pub streamed: f64,
    /// How long half of the calls take at most that come at the pace of `paced`, in milliseconds.
    pub paced_millis: f64,
}

/// Measures each for `time`.
pub fn measure(time: Duration) -> Result<Limits, Failed> {
    // Two providers in one program panic at first use; an error only says that it was named before.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let (server, caller) = (Role::begin("bare-server")?, Role::begin("bare-client")?);
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let identity = Identity::from_pem(cert.pem(), signing_key.serialize_pem());
    let listener =
        server.run(async { Ok(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?) })?;
    let address = listener.local_addr()?;
    let tls = ServerTlsConfig::new().identity(identity);
    let served = Server::builder()
        .tls_config(tls)?
        .tcp_nodelay(true)
        .add_service(MessageServiceServer::new(Bare))
        .serve_with_incoming(TcpListenerStream::new(listener).map(without_delay));
    let serving = server.spawn(served);
    let certificate = Certificate::from_pem(cert.pem());
    let client = caller.run(async move {
        let tls = ClientTlsConfig::new()
            .ca_certificate(certificate)
            .domain_name(NAME);
        let endpoint = Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?;
        let channel = endpoint.tcp_nodelay(true).connect().await?;
        Ok(MessageServiceClient::new(channel))
    })?;
    let limits = Limits {
        in_turn: caller.run(calls(client.clone(), 1, time))?,
        together: caller.run(calls(client.clone(), IN_FLIGHT, time))?,
        streamed: caller.run(stream(client.clone(), time))?,
        paced_millis: percentile(&mut caller.run(paced(client, time * PACED_TIMES))?, 0.50)?,
    };
    serving.abort();
    Ok(limits)
}

/// An accepted connection without Nagle's delay, as the daemons set it.
fn without_delay(
    accepted: std::io::Result<tokio::net::TcpStream>,
) -> std::io::Result<tokio::net::TcpStream> {
    let stream = accepted?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn calls(client: Client, at_a_time: usize, time: Duration) -> Result<f64, Failed> {
    let (began, count) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..at_a_time {
        let (mut client, count) = (client.clone(), Arc::clone(&count));
        callers.spawn(async move {
            while began.elapsed() < time {
                let request = v1::PostRequest {
                    text: message(count.fetch_add(1, Ordering::SeqCst), 0),
                    ..v1::PostRequest::default()
                };
                client.post(request).await?;
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.map_err(|_| Failed::Panicked)??;
    }
    Ok(count.load(Ordering::SeqCst) as f64 / began.elapsed().as_secs_f64())
}

async fn paced(mut client: Client, time: Duration) -> Result<Vec<f64>, Failed> {
    let (began, mut samples) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        tokio::time::sleep(PACE).await;
        let request = v1::PostRequest {
            text: message(samples.len() as u64, 0),
            ..v1::PostRequest::default()
        };
        let at = Instant::now();
        client.post(request).await?;
        samples.push(at.elapsed().as_secs_f64() * 1e3);
    }
    Ok(samples)
}

async fn stream(mut client: Client, time: Duration) -> Result<f64, Failed> {
    let (lists, receiver) = mpsc::channel(LISTS_QUEUED);
    let began = Instant::now();
    let writer = tokio::spawn(async move {
        let mut number = 0;
        while began.elapsed() < time {
            let posts = (0..LIST_MESSAGES as u64).map(|place| v1::NewPost {
                text: message(number * LIST_MESSAGES as u64 + place, 0),
                reply_to: String::new(),
            });
            let list = v1::PostManyRequest {
                posts: posts.collect(),
                list_number: number,
                ..v1::PostManyRequest::default()
            };
            if lists.send(list).await.is_err() {
                break;
            }
            number += 1;
        }
    });
    let mut answers = client
        .post_many(ReceiverStream::new(receiver))
        .await?
        .into_inner();
    let mut answered = 0.0;
    while answers.message().await?.is_some() {
        answered += 1.0;
    }
    writer.await.map_err(|_| Failed::Panicked)?;
    Ok(answered * LIST_MESSAGES as f64 / began.elapsed().as_secs_f64())
}

/// Answers and does nothing.
#[derive(Debug)]
struct Bare;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The methods that nobody calls here.
macro_rules! unused {
    ($($method:ident: $request:ident => $response:ident,)+ { $($rest:tt)+ }) => {
        #[tonic::async_trait]
        impl MessageService for Bare {
            $(
                async fn $method(
                    &self,
                    _: Request<v1::$request>,
                ) -> Result<Response<v1::$response>, Status> {
                    Err(Status::unimplemented("nobody calls it here"))
                }
            )+
            $($rest)+
        }
    };
}

unused!(
    edit: EditRequest => EditResponse,
    retract: RetractRequest => RetractResponse,
    react: ReactRequest => ReactResponse,
    list_history: ListHistoryRequest => ListHistoryResponse,
    {
        type PostManyStream = Answers<v1::PostManyResponse>;
        type SubscribeStream = Answers<v1::SubscribeResponse>;

        async fn post(&self, _: Request<v1::PostRequest>) -> Result<Response<v1::PostResponse>, Status> {
            Ok(Response::new(v1::PostResponse::default()))
        }

        async fn post_many(
            &self,
            lists: Request<Streaming<v1::PostManyRequest>>,
        ) -> Result<Response<Self::PostManyStream>, Status> {
            let answers = lists.into_inner().map(|list| {
                let list_number = list?.list_number;
                Ok(v1::PostManyResponse {
                    list_number,
                    ..v1::PostManyResponse::default()
                })
            });
            Ok(Response::new(Box::pin(answers)))
        }

        async fn subscribe(
            &self,
            _: Request<v1::SubscribeRequest>,
        ) -> Result<Response<Self::SubscribeStream>, Status> {
            Err(Status::unimplemented("nobody calls it here"))
        }
    }
);
