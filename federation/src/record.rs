//! Notes between two organisations about each other: endpoints, peering, suspension, and the
//! record of what each held when a channel ended.
//!
//! What they say and how they read. What follows from one is decided by the machines.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use foedus_policy::id::{ChannelId, InvitationId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::EndCause;

use crate::bounds::ENDPOINT_ADDRESSES_MAX;
use crate::charter::read_heads;
use crate::identity::{Serial, is_domain_name};
use crate::key::VerifyingKey;
use crate::note::lines::{InvalidText, LineReader, LineWriter, Value};
use crate::note::value::{LogHeadLine, LogHeads, choices, printed_values};
use crate::note::{KeyName, NoteType};

#[cfg(test)]
mod tests;

/// Why a text is no endpoint address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected host and port, such as `foedus.acme.example:7433`, `192.0.2.1:7433` or `[2001:db8::1]:7433`"
)]
pub struct InvalidEndpointAddress;

/// Where an organisation can be dialled: a domain name in lower case, an IPv4 address or an IPv6
/// address in brackets, a colon, and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointAddress(String);

impl EndpointAddress {
    /// The text, as a resolver takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without the port; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let (host, _port) = self.0.rsplit_once(':').expect("an address has a port");
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return inner
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.to_string() == inner);
    }
    // What looks like numbers must be an IPv4 address, for resolvers read `1.2` as one too.
    let last = host.rsplit('.').next().unwrap_or(host);
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return host
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.to_string() == host);
    }
    is_domain_name(host)
}

impl FromStr for EndpointAddress {
    type Err = InvalidEndpointAddress;

    fn from_str(text: &str) -> Result<Self, InvalidEndpointAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidEndpointAddress)?;
        let port = u16::read(port).filter(|port| *port > 0);
        if port.is_some() && is_host(host) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEndpointAddress)
        }
    }
}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

printed_values! {
    EndpointAddress, "host and port";
}

/// The versions of the link's protocol that somebody speaks, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The lowest, from 1.
    pub min: u16,
    /// The highest.
    pub max: u16,
}

impl Versions {
    /// The highest version that both speak.
    pub fn common(self, other: Self) -> Option<u16> {
        let highest = self.max.min(other.max);
        (highest >= self.min.max(other.min)).then_some(highest)
    }
}

impl Value for Versions {
    const EXPECTED: &'static str = "a range of versions from 1, such as `1-1`";

    fn read(text: &str) -> Option<Self> {
        let (min, max) = text.split_once('-')?;
        let versions = Self {
            min: u16::read(min)?,
            max: u16::read(max)?,
        };
        (1 <= versions.min && versions.min <= versions.max).then_some(versions)
    }

    fn write(&self, out: &mut String) {
        self.min.write(out);
        out.push('-');
        self.max.write(out);
    }
}

/// Where an organisation can be dialled and what it speaks. For partners only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Which organisation.
    pub org: OrgId,
    /// Grows with every change.
    pub serial: u64,
    /// Where; nowhere if it only dials out.
    pub addresses: BTreeSet<EndpointAddress>,
    /// Versions of the link's protocol.
    pub versions: Versions,
}

impl NoteType for Endpoints {
    const TYPE: &'static str = "foedus/endpoints/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.org)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            org,
            serial,
            addresses,
            versions,
        } = self;
        lines.field("org", org);
        lines.field("serial", serial);
        lines.repeated("address", addresses.iter().cloned());
        lines.field("versions", versions);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            org: lines.field("org")?,
            serial: lines.field::<Serial>("serial")?.0,
            addresses: lines.set("address", ENDPOINT_ADDRESSES_MAX)?,
            versions: lines.field("versions")?,
        })
    }
}

/// One side's statement that it trusts a partner, with the keys by which it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peering {
    /// Who states it.
    pub org: OrgId,
    /// Whom it trusts.
    pub partner: OrgId,
    /// Its own root key at the time.
    pub org_root: VerifyingKey,
    /// The partner's root key that its administrator approved.
    pub partner_root: VerifyingKey,
    /// The invitation by which they met.
    pub invitation: InvitationId,
    /// When, by its clock.
    pub at: Timestamp,
}

impl NoteType for Peering {
    const TYPE: &'static str = "foedus/peering/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.org)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            org,
            partner,
            org_root,
            partner_root,
            invitation,
            at,
        } = self;
        lines.field("org", org);
        lines.field("partner", partner);
        lines.field("org-root", org_root);
        lines.field("partner-root", partner_root);
        lines.field("invitation", invitation);
        lines.field("at", at);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            org: lines.field("org")?,
            partner: lines.field("partner")?,
            org_root: lines.field("org-root")?,
            partner_root: lines.field("partner-root")?,
            invitation: lines.field("invitation")?,
            at: lines.field("at")?,
        })
    }
}

choices!(
    /// Whether a suspension holds.
    SuspensionState, "`on` or `off`",
    {
        /// The partner is cut off.
        On = "on",
        /// No longer.
        Off = "off",
    }
);

/// One side's statement that it has cut a partner off for the time being, or no longer. It asks
/// others not to relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// Who states it.
    pub org: OrgId,
    /// Whom it cuts off.
    pub partner: OrgId,
    /// Grows with every change between the two; the highest counts.
    pub serial: u64,
    /// On or off.
    pub state: SuspensionState,
    /// When, by its clock.
    pub at: Timestamp,
}

impl NoteType for Suspension {
    const TYPE: &'static str = "foedus/suspension/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.org)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            org,
            partner,
            serial,
            state,
            at,
        } = self;
        lines.field("org", org);
        lines.field("partner", partner);
        lines.field("serial", serial);
        lines.field("state", state);
        lines.field("at", at);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            org: lines.field("org")?,
            partner: lines.field("partner")?,
            serial: lines.field::<Serial>("serial")?.0,
            state: lines.field("state")?,
            at: lines.field("at")?,
        })
    }
}

/// What one side held of a channel's logs when the channel ended for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisconnectRecord {
    /// Which channel.
    pub channel: ChannelId,
    /// Whose record it is.
    pub org: OrgId,
    /// The newest revision that it knew.
    pub revision: NoteHash,
    /// Why.
    pub cause: EndCause,
    /// When, by its clock.
    pub at: Timestamp,
    /// Every log as it held it.
    pub logs: LogHeads,
}

impl NoteType for DisconnectRecord {
    const TYPE: &'static str = "foedus/disconnect-record/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.org)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            channel,
            org,
            revision,
            cause,
            at,
            logs,
        } = self;
        lines.field("channel", channel);
        lines.field("org", org);
        lines.field("revision", revision);
        lines.field("cause", cause);
        lines.field("at", at);
        lines.repeated("log", LogHeadLine::of(logs));
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            channel: lines.field("channel")?,
            org: lines.field("org")?,
            revision: lines.field("revision")?,
            cause: lines.field("cause")?,
            at: lines.field("at")?,
            logs: read_heads(lines, "log")?,
        })
    }
}
