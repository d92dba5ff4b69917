//! Loading the organisation from the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_policy::id::{IncarnationId, OrgId};
use foedus_policy::state::State;
use foedus_policy::time::{Now, Timestamp};

use super::audit::{AuditLog, Denials, Strangers};
use super::clock::Watch;
use super::introduced::CostlyIntroductions;
use super::learn::plain_bytes;
use super::store::{
    ADDRESS, AUDIT, CLOCK, CONFLICT, ENDPOINTS, IDENTITY, INTRODUCED, OFFER, PEERING,
    THEIR_PEERING, VERSION,
};
use super::{Org, OrgSnapshot, Setup};
use crate::batch::{Key, Value};
use crate::charter::Charter;
use crate::clock::Reliance;
use crate::damaged::{DamageCause, Damaged};
use crate::hlc::Hlc;
use crate::identity::IdentityChain;
use crate::keys;
use crate::note::{Claimed, KeyName, NoteType, Verified};
use crate::org_store::read_record;
use crate::steploop::Rows;
use crate::stored::{AuditHead, ClockKept, Record, StateVersion};
use crate::tree::Frontier;

pub(super) fn load(setup: &Setup, tainted: u32, rows: Vec<Rows>) -> Result<Org, Damaged> {
    let mut rows = rows.into_iter();
    let records = rows.next().unwrap_or_default();
    let notes = rows.next().unwrap_or_default();
    let records = records
        .iter()
        .map(|(key, value)| {
            read_record(key, value).map_err(|wrong| {
                Damaged::new(key.clone(), "a record of the organisation").caused_by(wrong)
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut loading = Loading::default();
    for (key, value) in notes {
        loading.take(key, value)?;
    }
    let mut snapshot = OrgSnapshot {
        state: State::restore(loading.version, records),
        reliance: reliance(setup, loading.clock.as_ref()),
        ..OrgSnapshot::default()
    };
    loading.identities(&mut snapshot)?;
    loading.rest(&mut snapshot)?;
    // Keys that were made for an organisation that did not come into being are nobody's; nor are those
    // whose identity note did not become durable, or that another has replaced since.
    let newest = snapshot.org().and_then(|us| snapshot.identity(us));
    let known = [&setup.keys, &setup.renewed].into_iter().flatten();
    let ours = known
        .filter(|keys| snapshot.org() == Some(keys.org))
        .find(|keys| newest.as_deref().map(IdentityChain::newest) == Some(keys.identity.newest()))
        .cloned();
    Ok(Org {
        ours,
        run: setup.run,
        seed: setup.seed,
        tainted,
        snapshot,
        audit: loading.audit,
        denials: Denials::default(),
        strangers: Strangers::default(),
        changed: true,
        watch: Watch::new(loading.clock.is_some_and(|kept| kept.run == setup.run.0)),
        reminded_steady_millis: 0,
        costly_introductions: CostlyIntroductions::default(),
    })
}

/// What an earlier run wrote down is counted from the beginning of this one, and whether the clock
/// was right then says nothing of it now.
fn reliance(setup: &Setup, kept: Option<&ClockKept>) -> Reliance {
    let Some(kept) = kept else {
        return Reliance::default();
    };
    let same_run = kept.run == setup.run.0;
    Reliance {
        relied: Some(Now {
            wall: Timestamp(kept.wall),
            steady_millis: if same_run { kept.steady_millis } else { 0 },
        }),
        in_doubt: !same_run || kept.in_doubt != 0,
    }
}

#[derive(Default)]
struct Loading {
    version: u64,
    audit: AuditLog,
    clock: Option<ClockKept>,
    identity_notes: BTreeMap<OrgId, Vec<Vec<u8>>>,
    addresses: BTreeMap<OrgId, Vec<String>>,
    others: Vec<(u8, Vec<u8>, Key, Vec<u8>)>,
}

impl Loading {
    fn take(&mut self, key: Key, value: Value) -> Result<(), Damaged> {
        let damaged = |expected| Damaged::new(key.clone(), expected);
        let (kind, id) = match key.get(2..) {
            Some([kind, id @ ..]) => (*kind, id.to_vec()),
            _ => return Err(damaged("a note of the organisation")),
        };
        let org = || org_of(&id).ok_or_else(|| damaged("a note of an organisation"));
        match kind {
            VERSION => self.version = StateVersion::from_value(&key, &value)?.version,
            AUDIT => self.audit = audit(&key, &value)?,
            CLOCK => self.clock = Some(ClockKept::from_value(&key, &value)?),
            // Serials ascend with the keys.
            IDENTITY => {
                let bytes = plain_bytes(&key, &value)?;
                self.identity_notes.entry(org()?).or_default().push(bytes);
            }
            ADDRESS => {
                let text = String::from_utf8(plain_bytes(&key, &value)?)
                    .map_err(|_| damaged("an address"))?;
                self.addresses.entry(org()?).or_default().push(text);
            }
            _ => {
                let bytes = plain_bytes(&key, &value)?;
                self.others.push((kind, id, key, bytes));
            }
        }
        Ok(())
    }

    fn identities(&mut self, snapshot: &mut OrgSnapshot) -> Result<(), Damaged> {
        for (org, notes) in std::mem::take(&mut self.identity_notes) {
            let chain =
                IdentityChain::verify(notes.iter().map(Vec::as_slice)).map_err(|wrong| {
                    let key = keys::org_note(IDENTITY, org.as_bytes());
                    Damaged::new(key, "a chain of identity notes").caused_by(wrong)
                })?;
            snapshot.identities.insert(org, Arc::new(chain));
        }
        for (org, addresses) in std::mem::take(&mut self.addresses) {
            snapshot.addresses.insert(org, addresses);
        }
        Ok(())
    }

    fn rest(&mut self, snapshot: &mut OrgSnapshot) -> Result<(), Damaged> {
        for (kind, id, key, bytes) in std::mem::take(&mut self.others) {
            let damaged = |expected| Damaged::new(key.clone(), expected);
            let org = org_of(&id).ok_or_else(|| damaged("a note of an organisation"));
            match kind {
                INTRODUCED => {
                    let by = org_of(&bytes).ok_or_else(|| damaged("an organisation"))?;
                    snapshot.introduced_by.insert(org?, by);
                }
                CONFLICT => {
                    let pair = snapshot.conflicts.get(&org.clone()?).cloned();
                    let mut pair = pair.unwrap_or_default();
                    pair.push(bytes);
                    snapshot.conflicts.insert(org?, pair);
                }
                ENDPOINTS => {
                    if let Some(note) = kept(&bytes, &key, "endpoints", snapshot)? {
                        snapshot.endpoints.insert(org?, Arc::new(note));
                    }
                }
                PEERING => {
                    if let Some(note) = kept(&bytes, &key, "a peering", snapshot)? {
                        snapshot.peerings.insert(org?, Arc::new(note));
                    }
                }
                THEIR_PEERING => {
                    if let Some(note) = kept(&bytes, &key, "a peering", snapshot)? {
                        snapshot.their_peerings.insert(org?, Arc::new(note));
                    }
                }
                OFFER => {
                    if let Some(note) = kept::<Charter>(&bytes, &key, "a charter", snapshot)? {
                        let key = (note.note().channel, note.hash());
                        snapshot.offers.insert(key, Arc::new(note));
                    }
                }
                _ => return Err(damaged("a known kind of note")),
            }
        }
        Ok(())
    }
}

fn org_of(id: &[u8]) -> Option<OrgId> {
    Some(OrgId(id.get(..32)?.try_into().ok()?))
}

/// A note as it was kept. A partner that renewed its keys so often that the one which signed this is
/// let go of must not keep us from starting: its note is left out, and the next hello brings another.
fn kept<T: NoteType>(
    bytes: &[u8],
    key: &[u8],
    expected: &'static str,
    snapshot: &OrgSnapshot,
) -> Result<Option<Verified<T>>, Damaged> {
    let ours = |claimed: &Claimed<T>| match claimed.claims().signer() {
        KeyName::Sign(org) => snapshot.org() == Some(org),
        _ => false,
    };
    match verified(bytes, snapshot) {
        Ok(note) => Ok(Some(note)),
        Err(DamageCause::Signature(_)) if !Claimed::parse(bytes).is_ok_and(|it| ours(&it)) => {
            Ok(None)
        }
        Err(wrong) => Err(Damaged::new(key.to_vec(), expected).caused_by(wrong)),
    }
}

/// A note of ours or a partner's, under any key that its signer had.
fn verified<T: NoteType>(bytes: &[u8], snapshot: &OrgSnapshot) -> Result<Verified<T>, DamageCause> {
    let claimed = Claimed::<T>::parse(bytes).map_err(|_| DamageCause::Note)?;
    let KeyName::Sign(org) = claimed.claims().signer() else {
        return Err(DamageCause::UnknownSigner);
    };
    let identity = snapshot.identity(org).ok_or(DamageCause::UnknownSigner)?;
    Ok(claimed.verify_any(&identity.sign_keys())?)
}

fn audit(key: &[u8], value: &[u8]) -> Result<AuditLog, Damaged> {
    let head = AuditHead::from_value(key, value)?;
    Ok(AuditLog {
        number: head.number,
        incarnation: head.incarnation.map(IncarnationId),
        run: head.run,
        tainted: head.tainted,
        frontier: Frontier::decode(&head.frontier)
            .map_err(|_| Damaged::new(key.to_vec(), "the right edge of a tree"))?,
        checkpoint: head.checkpoint,
        hlc: Hlc(head.hlc),
        pending: Vec::new(),
    })
}
