//! The organisation as of one version, shared with channels, links and the API; and the keys that
//! it signs with.
//!
//! It must not know any machine: whoever holds a snapshot only reads.

use std::sync::Arc;

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::name::Handle;
use foedus_policy::state::State;
use foedus_policy::time::{Now, Timestamp};
use imbl::OrdMap;

use crate::charter::Charter;
use crate::clock::{Reading, Reliance};
use crate::identity::IdentityChain;
use crate::key::SigningKey;
use crate::note::Verified;
use crate::record::{Endpoints, Peering};

/// Our operational keys, and the identity that certifies them.
#[derive(Debug, Clone)]
pub struct OurKeys {
    /// Our id.
    pub org: OrgId,
    /// Signs notes and checkpoints.
    pub sign: SigningKey,
    /// Our identity notes.
    pub identity: IdentityChain,
}

/// An immutable version of the organisation. A clone shares what did not change.
#[derive(Debug, Clone, Default)]
pub struct OrgSnapshot {
    /// Members, partners, requests, projects, channels, rules.
    pub state: State,
    /// Who we, our partners and introduced organisations are.
    pub identities: OrdMap<OrgId, Arc<IdentityChain>>,
    /// Who introduced those that are no partners.
    pub introduced_by: OrdMap<OrgId, OrgId>,
    /// Evidence that a root key is misused: two identity notes of one serial.
    pub conflicts: OrdMap<OrgId, Vec<Vec<u8>>>,
    /// Where we and our partners can be reached, as each says.
    pub endpoints: OrdMap<OrgId, Arc<Verified<Endpoints>>>,
    /// Where an invitation said that its inviter can be reached.
    pub addresses: OrdMap<OrgId, Vec<String>>,
    /// Our sides of our peerings.
    pub peerings: OrdMap<OrgId, Arc<Verified<Peering>>>,
    /// Our partners' sides.
    pub their_peerings: OrdMap<OrgId, Arc<Verified<Peering>>>,
    /// Charters that wait for an answer of ours.
    pub offers: OrdMap<(ChannelId, NoteHash), Arc<Verified<Charter>>>,
    /// What is known of our clock.
    pub reliance: Reliance,
}

impl OrgSnapshot {
    /// Which version this is.
    pub fn version(&self) -> u64 {
        self.state.version()
    }

    /// What our clock is good for.
    pub fn clock(&self, now: Now) -> Reading {
        self.reliance.read(now, self.state.leap().is_some())
    }

    /// What a hello of ours says that it is.
    pub fn told_wall(&self, now: Now) -> Timestamp {
        self.reliance.told(now, self.state.leap().is_some())
    }

    /// Our id, once we exist.
    pub fn org(&self) -> Option<OrgId> {
        self.state.org()
    }

    /// What we call ourselves.
    pub fn handle(&self) -> Option<&Handle> {
        self.state.identity().map(|identity| &identity.handle)
    }

    /// Who somebody is, if we know.
    pub fn identity(&self, org: OrgId) -> Option<Arc<IdentityChain>> {
        self.identities.get(&org).cloned()
    }

    /// The identity notes of somebody, to pass on.
    pub fn identity_bytes(&self, org: OrgId) -> Option<Vec<Vec<u8>>> {
        let chain = self.identities.get(&org)?;
        Some(
            chain
                .notes()
                .iter()
                .map(|note| note.bytes().to_vec())
                .collect(),
        )
    }

    /// The partners with which a link may be, each with the key that it must show.
    pub fn pins(&self) -> impl Iterator<Item = (OrgId, [u8; 32])> + '_ {
        self.state
            .partners()
            .iter()
            .filter(|(org, _)| carrier_allowed(&self.state, **org).is_ok())
            .filter_map(|(org, _)| {
                let identity = self.identities.get(org)?;
                Some((*org, *identity.current().link.as_bytes()))
            })
    }

    /// Where a partner can be dialled: as it said last, and as its invitation said.
    pub fn dial_addresses(&self, partner: OrgId) -> Vec<String> {
        let endpoints = self.endpoints.get(&partner);
        let said = endpoints
            .into_iter()
            .flat_map(|note| &note.note().addresses);
        let mut addresses: Vec<String> = said.map(|address| address.as_str().to_owned()).collect();
        for address in self.addresses.get(&partner).into_iter().flatten() {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        addresses
    }
}
