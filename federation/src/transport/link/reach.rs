//! Where may be dialled, whatever a partner says that it can be reached at.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::bounds::transport::{DIALLED_ADDRESSES_MAX, LOOKUPS_MAX};

/// Room for names that are being looked up. It is the process's, as the pool of threads is.
static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);

/// None of the addresses behind a name may be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is this machine's, or only of its network segment, and is not dialled")]
pub struct OutOfReach;

/// Where may be dialled, for a link or an inviter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Anywhere.
    #[default]
    Everywhere,
    /// Anywhere but this machine, and what only those on its own network segment have: a partner
    /// must not send us to services that trust whoever can reach them, such as a cloud's metadata.
    Elsewhere,
}

impl Reach {
    /// Whether an address may be dialled.
    pub fn includes(self, address: IpAddr) -> bool {
        self == Self::Everywhere
            || match address.to_canonical() {
                IpAddr::V4(address) => {
                    !(address.is_loopback()
                        || address.is_unspecified()
                        || address.is_link_local()
                        || address.is_broadcast()
                        || address.is_multicast()
                        || address.octets()[0] == 0)
                }
                IpAddr::V6(address) => {
                    !(address.is_loopback()
                        || address.is_unspecified()
                        || address.is_unicast_link_local()
                        || address.is_multicast()
                        || address == METADATA_V6)
                }
            }
    }

    /// Connects to the first of the addresses behind `host:port` that may be dialled and answers.
    pub(in crate::transport) async fn connect(
        self,
        address: &str,
    ) -> Result<io::Result<TcpStream>, OutOfReach> {
        let found = match look_up(address).await {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let mut failure = Err(OutOfReach);
        for address in found
            .into_iter()
            .filter(|found| self.includes(found.ip()))
            .take(DIALLED_ADDRESSES_MAX)
        {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(Ok(stream)),
                Err(error) => failure = Ok(Err(error)),
            }
        }
        failure
    }
}

/// The addresses behind `host:port`.
async fn look_up(address: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = address.parse() {
        return Ok(vec![address]);
    }
    let room = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let address = address.to_owned();
    let looked_up = spawn_blocking(move || {
        // Whoever asked may be gone: the thread is taken until the lookup ends.
        let _room = room;
        address.to_socket_addrs().map(Iterator::collect)
    });
    looked_up.await.map_err(io::Error::other)?
}

/// Where a large cloud has its metadata in IPv6.
const METADATA_V6: std::net::Ipv6Addr =
    std::net::Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_sends_us_nowhere_on_this_machine_or_segment() {
        for refused in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ] {
            let address = refused.parse().expect("an address");
            assert!(!Reach::Elsewhere.includes(address), "{refused}");
            assert!(Reach::Everywhere.includes(address), "{refused}");
        }
        // Partners may share a private network.
        for dialled in [
            "192.0.2.1",
            "10.1.2.3",
            "192.168.1.1",
            "fd12::1",
            "2001:db8::1",
        ] {
            let address = dialled.parse().expect("an address");
            assert!(Reach::Elsewhere.includes(address), "{dialled}");
        }
    }

    #[tokio::test]
    async fn what_is_out_of_reach_is_not_even_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let refused = Reach::Elsewhere.connect(&address).await;
        assert!(matches!(refused, Err(OutOfReach)), "{refused:?}");
        let reached = Reach::Everywhere.connect(&address).await;
        reached.expect("it is in reach").expect("it listens");
    }

    #[tokio::test]
    async fn few_names_are_looked_up_at_a_time_and_addresses_wait_for_none() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("bound");
        let name = format!("localhost:{}", address.port());
        let all = u32::try_from(LOOKUPS_MAX).expect("a few");
        let taken = LOOKUPS.acquire_many(all).await.expect("it is never closed");
        let reached = Reach::Everywhere.connect(&address.to_string()).await;
        reached.expect("it is in reach").expect("it listens");
        let mut waiting = std::pin::pin!(Reach::Everywhere.connect(&name));
        let soon = std::time::Duration::from_millis(50);
        let waited = tokio::time::timeout(soon, &mut waiting).await;
        assert!(waited.is_err(), "{waited:?}");
        drop(taken);
        let reached = waiting.await;
        reached.expect("it is in reach").expect("it listens");
    }
}
