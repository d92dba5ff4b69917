//! A program's way to a daemon: gRPC over loopback TCP, with a member's token.

use std::net::SocketAddr;

use foedus_proto::api::v1;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::organisation::{Organisation, text};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    /// Nobody answers there.
    #[error("no connection")]
    Transport(#[from] tonic::transport::Error),
    /// A token that is no header.
    #[error("a token that can't be sent")]
    Token(#[from] tonic::metadata::errors::InvalidMetadataValue),
}

/// Where a daemon serves its API, and the secret of a token.
#[derive(Debug, Clone)]
pub struct Access {
    /// The address.
    pub address: SocketAddr,
    /// The secret.
    pub secret: String,
}

/// Shows the token with each call.
#[derive(Debug, Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let header = self.0.clone();
        request.metadata_mut().insert("authorization", header);
        Ok(request)
    }
}

/// What clients send through.
pub type Service = InterceptedService<Channel, Bearer>;

/// A connection to a daemon.
#[derive(Debug, Clone)]
pub struct Client(Service);

impl Access {
    /// A member's way to its daemon, by a new token.
    #[track_caller]
    pub fn of(organisation: &Organisation, name: &str, scopes: &[&str]) -> Self {
        let mut arguments = vec!["token", "create", "--for", name, "--label", "client"];
        for scope in scopes {
            arguments.extend(["--scope", *scope]);
        }
        let made = organisation.administrator().json(&arguments);
        Self {
            address: organisation.daemon.place.api,
            secret: text(&made, "secret"),
        }
    }

    /// Connects, on the runtime that it is called on.
    pub async fn connect(&self) -> Result<Client, NotConnected> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address))?;
        let channel = endpoint.tcp_nodelay(true).connect().await?;
        let bearer = Bearer(format!("Bearer {}", self.secret).parse()?);
        Ok(Client(InterceptedService::new(channel, bearer)))
    }
}

macro_rules! services {
    ($($(#[$doc:meta])* $function:ident: $module:ident::$client:ident,)+) => {
        impl Client {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $function(&self) -> v1::$module::$client<Service> {
                    v1::$module::$client::new(self.0.clone())
                }
            )+
        }
    };
}

services!(
    /// Requests.
    requests: request_service_client::RequestServiceClient,
    /// Channels.
    channels: channel_service_client::ChannelServiceClient,
    /// Members.
    members: member_service_client::MemberServiceClient,
    /// Messages.
    messages: message_service_client::MessageServiceClient,
);
