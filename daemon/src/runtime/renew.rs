//! Operational keys made anew while everything runs: their files, the note that names them, and who has to hear of it
//! in which order.
//!
//! Knows the order in which things become durable; whether somebody may is the organisation's machine to say.

use std::sync::Arc;

use foedus_federation::identity::{Extension, Identity, IdentityChain};
use foedus_federation::key::{SigningKey, VerifyingKey};
use foedus_federation::note::NoteType as _;
use foedus_federation::org;
use foedus_federation::steploop::Failure;
use foedus_federation::transport::tls::{InvalidLinkIdentity, Tls};
use foedus_policy::action::{Action, Actor, RenewedKeys};
use foedus_policy::decide::{Decision, decide};

use super::{Ours, Runtime, StartError};
use crate::bounds::{LINKS_REPLACED_MAX, RENEW_ATTEMPTS_MAX};
use crate::identity_files::{IdentityFiles, KeyFileError, KeyRole, Seed};
use crate::random;

/// Why keys were not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The rules say no, or it could not be stored.
    #[error(transparent)]
    Refused(#[from] org::Refused),
    /// A key file can't be read or made. The root key's may be kept elsewhere.
    #[error("a key file could not be used")]
    Keys(#[from] KeyFileError),
    /// The root key's file does not hold the root key of the newest identity note.
    #[error("root.key is not the root key that the newest identity note names")]
    OtherRoot,
    /// The link key is no use for TLS.
    #[error("the link key can't be used")]
    Link(#[from] InvalidLinkIdentity),
}

/// Keys that are on disk beside those in use.
#[derive(Debug, Clone)]
pub(super) struct Renewing {
    roles: Vec<KeyRole>,
    action: Action,
    ours: Arc<Ours>,
}

/// The key that the identity note names. A crash may have come between the note and the place of its key: then the key
/// is still beside the one that was in use, and takes its place now.
pub(super) fn named_key(
    files: &IdentityFiles,
    role: KeyRole,
    named: &VerifyingKey,
) -> Result<Seed, StartError> {
    let seed = files.load(role)?;
    if seed.signing_key().verifying_key() == named {
        return Ok(seed);
    }
    match files.load_next(role)? {
        Some(next) if next.signing_key().verifying_key() == named => {
            files.take_next(role)?;
            Ok(next)
        }
        _ => Err(StartError::OtherKey { role }),
    }
}

fn key_of(identity: &Identity, role: KeyRole) -> &VerifyingKey {
    match role {
        KeyRole::Root => &identity.root,
        KeyRole::Link => &identity.link,
        KeyRole::Sign => &identity.sign,
    }
}

impl Runtime {
    /// Makes operational keys anew and goes on under them.
    ///
    /// The new keys are on disk before the note that names them is durable, and take the place of the old ones only
    /// after that: a crash anywhere in between leaves the keys that the newest note names. Links end and come up again
    /// under the new keys before channels write under them.
    pub async fn renew_keys(&self, actor: Actor, keys: RenewedKeys) -> Result<(), RenewError> {
        let mut renewing = self.inner().renewing.lock().await;
        // What became of an earlier attempt has to be known first.
        if let Some(earlier) = renewing.clone() {
            match self.store_keys(actor, &earlier).await {
                Err(unknown @ org::Refused::Failed(Failure::Unknown)) => return Err(unknown.into()),
                Ok(()) => self.take_keys(&earlier).await?,
                Err(_) => {}
            }
            *renewing = None;
        }
        let action = |serial| Action::RenewKeys { keys, serial };
        let now = self.now().wall;
        // Asked here first, so that a refusal leaves no files; refused there, so that it is written down.
        if let Decision::Deny(_) = decide(&self.snapshot().state, &actor, &action(0), now) {
            let refused = self.act(actor, action(0)).await;
            return refused.map(drop).map_err(RenewError::from);
        }
        let next = self.make_keys(keys)?;
        *renewing = Some(next.clone());
        match self.store_keys(actor, &next).await {
            // It is not over before the keys that the durable note names are in their place: others would overwrite them.
            Ok(()) => self.take_keys(&next).await?,
            Err(unknown @ org::Refused::Failed(Failure::Unknown)) => return Err(unknown.into()),
            Err(refused) => {
                *renewing = None;
                return Err(refused.into());
            }
        }
        *renewing = None;
        Ok(())
    }

    /// Whether keys could be made anew: by the rules, and with the root key that is in its place.
    pub fn may_renew_keys(&self, actor: Actor, keys: RenewedKeys) -> Result<(), RenewError> {
        let action = Action::RenewKeys { keys, serial: 0 };
        let decision = decide(&self.snapshot().state, &actor, &action, self.now().wall);
        let decided = decision.into_result().map(drop);
        decided.map_err(org::Refused::Denied)?;
        self.root_key().map(drop)
    }

    fn root_key(&self) -> Result<SigningKey, RenewError> {
        let root = self.inner().files.load(KeyRole::Root)?.signing_key();
        match *root.verifying_key() == self.ours()?.keys.identity.current().root {
            true => Ok(root),
            false => Err(RenewError::OtherRoot),
        }
    }

    /// Makes the files of the new keys, and the note that names them.
    fn make_keys(&self, keys: RenewedKeys) -> Result<Renewing, RenewError> {
        let files = &self.inner().files;
        let ours = self.ours()?;
        let known = &ours.keys.identity;
        let root = self.root_key()?;
        let roles: Vec<KeyRole> = match keys {
            RenewedKeys::Link => vec![KeyRole::Link],
            RenewedKeys::Sign => vec![KeyRole::Sign],
            RenewedKeys::All => vec![KeyRole::Link, KeyRole::Sign],
        };
        let seed = |role| match roles.contains(&role) {
            true => files.make_next(role, random::bytes),
            false => files.load(role),
        };
        let sign = seed(KeyRole::Sign)?.signing_key();
        let tls = Tls::new(
            seed(KeyRole::Link)?.expose(),
            Arc::clone(&self.inner().pins),
        )?;
        let identity = Identity {
            serial: known.current().serial + 1,
            link: tls.key(),
            sign: *sign.verifying_key(),
            ..known.current().clone()
        };
        let action = Action::RenewKeys {
            keys,
            serial: identity.serial,
        };
        let note = identity
            .sign(&root)
            .expect("an identity of checked parts is a valid note");
        let identity = following(known, note.bytes());
        Ok(Renewing {
            roles,
            action,
            ours: Arc::new(Ours::new(sign, identity, tls)),
        })
    }

    /// Makes the note durable. Where nobody knows whether it is, it is asked again: said twice it changes nothing.
    async fn store_keys(&self, actor: Actor, next: &Renewing) -> Result<(), org::Refused> {
        let before = self.ours()?;
        let mut stored = Err(org::Refused::Failed(Failure::Unknown));
        for _ in 0..RENEW_ATTEMPTS_MAX {
            stored = self
                .ask_org(|reply| org::Input::Renew {
                    reply,
                    actor,
                    action: Box::new(next.action.clone()),
                    keys: next.ours.keys.clone(),
                    before: before.keys.clone(),
                })
                .await;
            if !matches!(stored, Err(org::Refused::Failed(Failure::Unknown))) {
                break;
            }
        }
        stored.map(drop)
    }

    /// Goes on under keys whose note is durable.
    async fn take_keys(&self, next: &Renewing) -> Result<(), KeyFileError> {
        let inner = self.inner();
        for role in &next.roles {
            let named = key_of(next.ours.keys.identity.current(), *role);
            let in_place = inner.files.load(*role);
            // Where an attempt before this one came as far, it is there already.
            if !in_place.is_ok_and(|seed| seed.signing_key().verifying_key() == named) {
                // A crash before this: the next start finds the key beside the other, and takes it.
                inner.files.take_next(*role)?;
            }
        }
        inner.ours_sender.send_replace(Some(next.ours.clone()));
        // Whoever is slow to end hears of words under keys that it does not know, and asks again.
        let replaced = inner.links.all_replaced();
        let in_time = tokio::time::timeout(LINKS_REPLACED_MAX, replaced).await;
        if in_time.is_err() {
            tracing::debug!("a link of before is there still when channels take the new keys");
        }
        inner.writers_sender.send_replace(Some(next.ours.clone()));
        tracing::info!(
            serial = next.ours.keys.identity.current().serial,
            "operational keys were renewed"
        );
        Ok(())
    }
}

/// Our chain with one more note, made to follow it.
fn following(known: &IdentityChain, note: &[u8]) -> IdentityChain {
    match known.extend(note) {
        Ok(Extension::Newer(newer)) => newer,
        other => unreachable!("the next note of our own root follows: {other:?}"),
    }
}
