//! Both ends of pairing: taking up an invitation, and taking note of the answer to one of ours.
//!
//! Knows the order in which things become durable; whether an invitation may be taken up or answered is the
//! organisation's machine to say.

use std::collections::BTreeSet;

use foedus_federation::identity::{Extension, Handle, IdentityChain};
use foedus_federation::key::VerifyingKey;
use foedus_federation::note::NoteType as _;
use foedus_federation::note::value::FreeText;
use foedus_federation::org::{self, OrgSnapshot};
use foedus_federation::pairing::{
    InvalidInvitation, InvalidReply, Invitation, InvitationReply, InvitationSecret, Offer,
    PairingReply, reply_proof, six_words,
};
use foedus_federation::record::EndpointAddress;
use foedus_federation::transport::pairing::{VerifiedInviter, identify};
use foedus_federation::transport::{PairError, PairingRefusal, Reach};
use foedus_policy::action::{self, Action, Actor, Outcome};
use foedus_policy::decide::{Decision, decide};
use foedus_policy::id::{OrgId, RequestNumber};
use foedus_policy::name::Label;
use foedus_policy::reason::Reason;
use foedus_policy::state::{self, InvitationId, InvitationState};

use super::{Ours, Runtime};
use crate::bounds::PAIRING_TIMEOUT;
use crate::random;

/// An invitation was taken up.
#[derive(Debug)]
pub struct Accepted {
    /// The request that an administrator decides.
    pub request: RequestNumber,
    /// Who invited.
    pub inviter: OrgId,
    /// Whether the inviter has our reply.
    pub delivery: Delivery,
}

/// What became of our reply to an invitation.
#[derive(Debug)]
pub enum Delivery {
    /// The inviter has stored it.
    Delivered,
    /// It has not. The text is to be brought to the inviter in another way.
    Undelivered {
        /// What the inviter pastes.
        reply_text: String,
        /// Why.
        problem: Undelivered,
    },
}

/// Why our reply did not reach the inviter.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// There is no address to try.
    #[error("the invitation names no address of the inviter")]
    NoAddress,
    /// Nobody took it at any address.
    #[error("the inviter could not be reached at any address of the invitation")]
    Unreachable(#[source] PairError),
}

/// Why an invitation was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum AcceptInvitationError {
    /// The text is no invitation.
    #[error("the text is no invitation")]
    Invitation(#[source] InvalidInvitation),
    /// We gave it out ourselves.
    #[error("this is your own invitation")]
    Own,
    /// The rules say no, or it could not be stored.
    #[error(transparent)]
    Refused(#[from] org::Refused),
    /// As many as may be are under way.
    #[error("too many invitations are being taken up at this time")]
    TooMany,
    /// Whoever answers at the address is not the organisation that invited.
    #[error(
        "who answers at the invitation's address is not the organisation that invited: nothing was \
         said to it; ask the inviter for another invitation"
    )]
    OtherInviter,
    /// The inviter did not take the reply, and did not say why.
    #[error("the inviter refused: the invitation is for another, or the inviter's rules forbid it")]
    RefusedByInviter,
    /// The inviter says that the invitation is good no more.
    #[error("the inviter refused")]
    Closed(#[source] PairingRefusal),
    /// Our reply can't be made.
    #[error("no reply can be made")]
    Reply(#[source] InvalidReply),
}

/// Why a pasted reply was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasteReplyError {
    /// The text is no reply.
    #[error("the text is no reply to an invitation")]
    Reply(#[source] InvalidReply),
    /// The rules say no, or it could not be stored.
    #[error(transparent)]
    Refused(#[from] org::Refused),
}

/// An inviter of whom we know that it is the one.
struct Met {
    connection: VerifiedInviter,
    identity: IdentityChain,
}

impl Runtime {
    /// Takes up an invitation: finds out that who answers at its address is who invited, stores a request to
    /// approve, and sends the reply. What nobody took at the other end comes back as text to bring there; if
    /// nobody could be met, by the identity that the invitation carries.
    ///
    /// The reply leaves only after the request is durable: a crash in between leaves a request whose invitation
    /// can be taken up again.
    pub async fn accept_invitation(
        &self,
        actor: Actor,
        text: &str,
    ) -> Result<Accepted, AcceptInvitationError> {
        let invitation = Invitation::parse(text).map_err(AcceptInvitationError::Invitation)?;
        let ours = self.ours()?;
        if invitation.inviter.org() == ours.keys.org {
            return Err(AcceptInvitationError::Own);
        }
        let asked = accept_action(&invitation, &invitation.inviter, &ours);
        // Asked here first, so that nobody is dialled for who may not; refused there, so that it is written down.
        if let Decision::Deny(reason) =
            decide(&self.snapshot().state, &actor, &asked, self.now().wall)
        {
            let inviter = invitation.inviter.clone();
            self.ask_accept(actor, &ours, &invitation, inviter).await?;
            // The rules were changed meanwhile: whoever asks again is answered by them.
            return Err(org::Refused::Denied(reason).into());
        }
        // It goes on when its caller is gone: without a bound, whoever may ask could have the daemon wait at as many
        // silent addresses as it has descriptors.
        let place = self.inner().accepting.take(actor.member());
        let _place = place.map_err(|_full| AcceptInvitationError::TooMany)?;
        let (connection, identity) = match meet(&ours, self.reach(), &invitation).await? {
            Ok(met) => (Ok(met.connection), met.identity),
            Err(undelivered) => (Err(undelivered), invitation.inviter.clone()),
        };
        let reply = self.reply_to(&ours, &invitation, &identity)?;
        let reply_text = reply.encode().map_err(AcceptInvitationError::Reply)?;
        let request = self.ask_accept(actor, &ours, &invitation, identity).await?;
        let delivered = match connection {
            Ok(connection) => {
                deliver(&ours, self.reach(), &invitation, connection, &reply_text).await
            }
            Err(undelivered) => Err(undelivered),
        };
        let delivery = match delivered {
            Ok(()) => Delivery::Delivered,
            Err(Undelivered::Unreachable(PairError::Refused(refusal))) if is_final(refusal) => {
                // The request can lead to nothing. If it can't be taken back it expires.
                let withdrawn = self
                    .act(actor, Action::WithdrawRequest { number: request })
                    .await;
                if let Err(refused) = withdrawn {
                    tracing::debug!(%refused, "the request of a refused invitation stays");
                }
                return Err(match refusal {
                    PairingRefusal::Refused => AcceptInvitationError::RefusedByInviter,
                    closed => AcceptInvitationError::Closed(closed),
                });
            }
            Err(problem) => {
                tracing::debug!(error = %super::chain(&problem), "a reply could not be handed to its inviter");
                Delivery::Undelivered {
                    reply_text,
                    problem,
                }
            }
        };
        Ok(Accepted {
            request,
            inviter: invitation.inviter.org(),
            delivery,
        })
    }

    /// Stores the request to approve of an invitation, if the rules permit it, and answers once it is durable.
    async fn ask_accept(
        &self,
        actor: Actor,
        ours: &Ours,
        invitation: &Invitation,
        inviter: IdentityChain,
    ) -> Result<RequestNumber, org::Refused> {
        let outcome = self
            .ask_org(|reply| org::Input::Accept {
                reply,
                actor,
                action: Box::new(accept_action(invitation, &inviter, ours)),
                addresses: addresses_of(invitation),
                inviter: Box::new(inviter),
                entropy: random::bytes(),
            })
            .await?;
        match outcome {
            Outcome::Requested { number } => Ok(number),
            _ => Err(org::Refused::Denied(Reason::PartnerExists)),
        }
    }

    /// Takes note of a reply to an invitation of ours that came as text: the reply proves only its sender, and who
    /// pastes it must be one who may let a partner in.
    pub async fn paste_reply(&self, actor: Actor, text: &str) -> Result<OrgId, PasteReplyError> {
        let reply = PairingReply::parse(text).map_err(PasteReplyError::Reply)?;
        let root = *reply.reply().note().invitee_root.as_bytes();
        let unproven = Action::RecordReply(Box::new(action::Reply {
            invitation: reply.reply().note().invitation,
            partner: reply.identity().org(),
            handle: reply.identity().current().handle.as_str().to_owned(),
            root,
            proof_holds: false,
            words: Default::default(),
        }));
        match self.record_reply(actor, reply).await {
            // What is not even proven goes through the gate as such, which refuses it: whoever of us brought it, and
            // why it was refused, is in the audit log.
            Err(refused @ org::Refused::Denied(Reason::InvitationUnknown | Reason::ProofWrong)) => {
                self.act(actor, unproven).await?;
                Err(refused.into())
            }
            recorded => Ok(recorded?),
        }
    }

    /// Takes note of a verified reply, if it proves knowledge of an invitation's secret. Answers once that is
    /// durable.
    pub(crate) async fn record_reply(
        &self,
        actor: Actor,
        reply: PairingReply,
    ) -> Result<OrgId, org::Refused> {
        let partner = reply.identity().org();
        let snapshot = self.snapshot();
        let id = reply.reply().note().invitation;
        let known = snapshot.state.invitations().get(&id);
        let known = known.ok_or(org::Refused::Denied(Reason::InvitationUnknown))?;
        let ours = snapshot.org().and_then(|us| snapshot.identity(us));
        let ours = ours.ok_or(org::Refused::Denied(Reason::NotInitialised))?;
        let secret = InvitationSecret::from_bytes(known.secret.0);
        let proved = reply
            .prove(&secret, &ours)
            .map_err(|_| org::Refused::Denied(Reason::ProofWrong))?;
        self.ask_org(|reply| org::Input::Replied {
            reply,
            actor,
            proved: Box::new(proved),
            entropy: random::bytes(),
        })
        .await?;
        Ok(partner)
    }

    pub(crate) fn ours(&self) -> Result<std::sync::Arc<Ours>, org::Refused> {
        let ours = self.inner().ours.borrow().clone();
        ours.ok_or(org::Refused::Denied(Reason::NotInitialised))
    }

    fn reply_to(
        &self,
        ours: &Ours,
        invitation: &Invitation,
        inviter: &IdentityChain,
    ) -> Result<PairingReply, AcceptInvitationError> {
        let snapshot = self.snapshot();
        let identity = ours.keys.identity.clone();
        let root = identity.current().root;
        let inviter_root = inviter.current().root;
        let note = InvitationReply {
            invitation: invitation.id(),
            inviter: invitation.inviter.org(),
            inviter_root,
            invitee: ours.keys.org,
            invitee_root: root,
            proof: reply_proof(&invitation.secret, &inviter_root, &root),
            at: self.now().wall,
        };
        let note = note
            .sign(&ours.keys.sign)
            .expect("a reply of checked parts is a valid note");
        let endpoints = snapshot
            .endpoints
            .get(&ours.keys.org)
            .ok_or(org::Refused::Denied(Reason::NotInitialised))?;
        PairingReply::verify(identity, endpoints.bytes(), note.bytes())
            .map_err(AcceptInvitationError::Reply)
    }
}

/// Dials the invitation's addresses in turn until somebody answers who is the inviter. That nobody answers is no
/// fault of the invitation; that somebody else does is.
async fn meet(
    ours: &Ours,
    reach: Reach,
    invitation: &Invitation,
) -> Result<Result<Met, Undelivered>, AcceptInvitationError> {
    let mut undelivered = Undelivered::NoAddress;
    let mut other = false;
    for address in &invitation.addresses {
        let found = match identify(&ours.tls, reach, address.as_str(), PAIRING_TIMEOUT).await {
            Ok(found) => found,
            Err(error) => {
                undelivered = Undelivered::Unreachable(error);
                continue;
            }
        };
        match found.verify(|notes, key| is_inviter(&invitation.inviter, notes, key)) {
            Ok((connection, identity)) => {
                return Ok(Ok(Met {
                    connection,
                    identity,
                }));
            }
            Err(NotTheInviter) => other = true,
        }
    }
    match other {
        true => Err(AcceptInvitationError::OtherInviter),
        false => Ok(Err(undelivered)),
    }
}

/// Whether the same reply will be refused again.
fn is_final(refusal: PairingRefusal) -> bool {
    refusal != PairingRefusal::Busy
}

struct NotTheInviter;

/// The chain continues the one in the invitation, and certifies the key that the connection proved. One under a root
/// that the inviter had replaced by then does not continue it.
fn is_inviter(
    inviter: &IdentityChain,
    notes: &[Vec<u8>],
    key: VerifyingKey,
) -> Result<IdentityChain, NotTheInviter> {
    let chain = IdentityChain::verify(notes.iter().map(Vec::as_slice));
    chain
        .ok()
        .filter(|chain| chain.current().link == key)
        .filter(|chain| chain.current().serial >= inviter.current().serial)
        .filter(|chain| {
            let continued = inviter.merge(chain);
            matches!(continued, Ok(Extension::Newer(_) | Extension::Nothing))
        })
        .ok_or(NotTheInviter)
}

/// Sends the reply; once more over a connection of its own, if the first broke meanwhile.
async fn deliver(
    ours: &Ours,
    reach: Reach,
    invitation: &Invitation,
    connection: VerifiedInviter,
    reply_text: &str,
) -> Result<(), Undelivered> {
    let first = match connection.reply(reply_text.as_bytes().to_vec()).await {
        Ok(_) => return Ok(()),
        Err(PairError::Refused(refusal)) if is_final(refusal) => {
            return Err(Undelivered::Unreachable(refusal.into()));
        }
        Err(error) => error,
    };
    match meet(ours, reach, invitation).await {
        Ok(Ok(met)) => {
            let reply = met.connection.reply(reply_text.as_bytes().to_vec()).await;
            reply.map(drop).map_err(Undelivered::Unreachable)
        }
        Ok(Err(_)) | Err(_) => Err(Undelivered::Unreachable(first)),
    }
}

fn accept_action(invitation: &Invitation, inviter: &IdentityChain, ours: &Ours) -> Action {
    let inviter_root = inviter.current().root;
    let root = ours.keys.identity.current().root;
    let words = six_words(&inviter_root, &root, &invitation.secret);
    Action::AcceptInvitation(Box::new(action::AcceptedInvitation {
        invitation: invitation.id(),
        inviter: invitation.inviter.org(),
        handle: inviter.current().handle.as_str().to_owned(),
        root: *inviter_root.as_bytes(),
        expects: invitation
            .expected
            .as_ref()
            .map(|handle| handle.as_str().to_owned()),
        expires: invitation.expires,
        offer: invitation.offer.as_ref().and_then(policy_offer),
        words: words.map(str::to_owned),
    }))
}

fn policy_offer(offer: &Offer) -> Option<state::Offer> {
    let Offer {
        channel,
        project,
        end,
        capabilities,
    } = offer;
    Some(state::Offer {
        channel: *channel,
        project: Label::parse(project.as_ref()?.as_str()).ok()?,
        ends: *end,
        capabilities: *capabilities,
    })
}

fn addresses_of(invitation: &Invitation) -> Vec<String> {
    let addresses = invitation.addresses.iter();
    addresses
        .map(|address| address.as_str().to_owned())
        .collect()
}

/// The text of an open invitation of ours, which whoever is invited pastes. It holds the secret: it is shown to
/// those who may invite, and nowhere else.
#[must_use]
pub fn invitation_text(snapshot: &OrgSnapshot, invitation: InvitationId) -> Option<String> {
    let known = snapshot.state.invitations().get(&invitation)?;
    if known.state != InvitationState::Open {
        return None;
    }
    let us = snapshot.state.identity()?;
    let addresses = known.addresses.iter();
    let addresses: BTreeSet<EndpointAddress> = addresses
        .filter_map(|address| address.parse().ok())
        .collect();
    let expected: Option<Handle> = match &known.expects {
        None => None,
        Some(handle) => Some(handle.as_str().parse().ok()?),
    };
    let offer = known.offer.as_ref().map(|offer| Offer {
        channel: offer.channel,
        project: offer.project.as_str().parse::<FreeText>().ok(),
        end: offer.ends,
        capabilities: offer.capabilities,
    });
    Invitation {
        inviter: snapshot.identity(us.org)?.as_ref().clone(),
        addresses,
        secret: InvitationSecret::from_bytes(known.secret.0),
        expires: known.expires,
        expected,
        offer,
    }
    .encode()
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use foedus_federation::identity::{Identity, org_id};
    use foedus_federation::key::SigningKey;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    fn identity(serial: u64, root: u8, link: u8) -> Identity {
        Identity {
            org: org_id(key(1).verifying_key()),
            handle: "acme.example".parse().expect("a handle"),
            serial,
            root: *key(root).verifying_key(),
            link: *key(link).verifying_key(),
            sign: *key(9).verifying_key(),
        }
    }

    /// Who has the root key that the inviter replaced is not the inviter, whatever serial it writes.
    #[test]
    fn only_who_continues_the_invitation_is_its_inviter() {
        let first = identity(1, 1, 2).sign(&key(1)).expect("valid");
        let next = identity(2, 3, 2).sign_new_root(&key(3), &key(1));
        let first = first.bytes().to_vec();
        let next = next.expect("valid").bytes().to_vec();
        let renewed = identity(3, 3, 4).sign(&key(3)).expect("valid");
        let stolen = identity(3, 1, 5).sign(&key(1)).expect("valid");
        let (renewed, stolen) = (renewed.bytes().to_vec(), stolen.bytes().to_vec());
        let invited = [first.clone(), next.clone()];
        let inviter = IdentityChain::verify(invited.iter().map(Vec::as_slice)).expect("valid");
        let is = |notes: &[&Vec<u8>], link: u8| {
            let notes: Vec<Vec<u8>> = notes.iter().map(|note| note.to_vec()).collect();
            is_inviter(&inviter, &notes, *key(link).verifying_key()).is_ok()
        };
        assert!(is(&[&first, &next], 2));
        assert!(is(&[&first, &next, &renewed], 4));
        assert!(!is(&[&first, &next, &renewed], 2), "another's link key");
        assert!(!is(&[&first], 2), "older than the invitation");
        assert!(!is(&[&first, &stolen], 5));
    }
}
