//! Charters as the organisation deals with them: drawn up as host, offered to us, agreed to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_policy::action::{Action, Actor};
use foedus_policy::decide::offer_approved;
use foedus_policy::extension::Extension;
use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::name::Label;
use foedus_policy::reason::Reason;
use foedus_policy::state::{Offer, Sharing};
use foedus_policy::time::Now;
use foedus_policy::vocabulary::{Access, AuthorKind, AuthorKinds, EndCause};

use super::{Effect, Org, Refused};
use crate::bounds::{CONSENT_MILLIS, TEXT_BYTES_MAX};
use crate::charter::{Admission, AtEnd, Charter, DirectAtEnd, FORMAT, Newcomers, channel_id};
use crate::message::Govern;
use crate::note::Verified;
use crate::note::value::FreeText;
use crate::steploop::Step;

impl Org {
    /// Draws up the first charter of a channel of ours, and has it put before the partner.
    pub(super) fn offer_channel(
        &self,
        channel: ChannelId,
        partner: OrgId,
        step: &mut Step<'_, Effect>,
    ) {
        let Some(known) = self.state().channels().get(&channel) else {
            return;
        };
        let Sharing::Offering { offer, .. } = &known.sharing else {
            return;
        };
        let (Some(nonce), Some(host)) = (known.nonce, self.state().org()) else {
            return;
        };
        if let Some(charter) = first_charter(offer, host, nonce, partner) {
            step.effect(Effect::Govern(channel, Govern::Propose(Arc::new(charter))));
        }
    }

    pub(super) fn charter_offered(
        &mut self,
        now: Now,
        host: OrgId,
        charter: &Verified<Charter>,
        step: &mut Step<'_, Effect>,
    ) {
        let text = charter.note();
        let Some(us) = self.state().org() else { return };
        if text.host != host || !text.participants.contains_key(&us) {
            return;
        }
        // Nobody offers another's channel, and nobody's offer takes the place of another's.
        if channel_id(&text.host, &text.nonce) != text.channel {
            step.effect(Effect::Refused(host, Reason::CarrierDiffers));
            return;
        }
        let Some((offer, beyond_offer)) = terms_of(text, us) else {
            step.effect(Effect::Refused(host, Reason::NameInvalid));
            return;
        };
        let action = Action::OfferReceived {
            host,
            charter: charter.hash(),
            offer,
            beyond_offer,
        };
        // Kept before it is decided: an earlier yes is acted upon at once.
        self.keep_offer(charter, step);
        let result = self.act(now, &Actor::Partner(host), &action, [0; 64], &[], step);
        if let Err(Refused::Denied(reason)) = result {
            step.effect(Effect::Refused(host, reason));
            self.forget_offer(text.channel, charter.hash(), step);
        }
    }

    /// Passes our yes on to the channel, which signs and keeps it.
    pub(super) fn consent(
        &self,
        now: Now,
        channel: ChannelId,
        charter: NoteHash,
        step: &mut Step<'_, Effect>,
    ) {
        let Some(charter) = self.snapshot.offers.get(&(channel, charter)) else {
            return;
        };
        step.effect(Effect::Govern(
            channel,
            Govern::Consent {
                charter: charter.clone(),
                good_until: now.wall.plus_millis(CONSENT_MILLIS),
            },
        ));
    }

    /// Says again what a channel does not know, because a crash came between the two.
    pub(super) fn remind_channels(&self, now: Now, step: &mut Step<'_, Effect>) {
        for (channel, known) in self.state().channels() {
            match &known.sharing {
                Sharing::Offering {
                    partner: Some(partner),
                    ..
                } => {
                    self.offer_channel(*channel, *partner, step);
                }
                Sharing::Shared {
                    ended: Some(ended), ..
                } if ended.cause != EndCause::End => {
                    step.effect(Effect::Govern(*channel, Govern::Leave));
                }
                _ => {}
            }
        }
        for (id, project) in self.state().projects() {
            let Some(until) = project.extended_to else {
                continue;
            };
            for channel in Extension::of(self.state(), *id, until, now.wall).channels {
                step.effect(Effect::Govern(channel, Govern::Extend { until }));
            }
        }
        let Some(us) = self.state().org() else { return };
        for ((channel, hash), charter) in &self.snapshot.offers {
            let text = charter.note();
            // Asked anew: what is kept may also be an offer that nobody has said yes to.
            let approved = terms_of(text, us).is_some_and(|(offer, beyond_offer)| {
                offer_approved(
                    self.state(),
                    text.host,
                    *hash,
                    &offer,
                    beyond_offer,
                    now.wall,
                )
            });
            if approved {
                self.consent(now, *channel, *hash, step);
            }
        }
    }

    fn keep_offer(&mut self, charter: &Verified<Charter>, step: &mut Step<'_, Effect>) {
        let channel = charter.note().channel;
        let key = (channel, charter.hash());
        if self.snapshot.offers.contains_key(&key) {
            return;
        }
        // One offer a channel: the newest.
        self.forget_offers_of(channel, step);
        self.put_note(super::store::OFFER, &offer_id(&key), charter.bytes(), step);
        self.snapshot.offers.insert(key, Arc::new(charter.clone()));
        self.changed = true;
    }

    pub(super) fn forget_offer(
        &mut self,
        channel: ChannelId,
        charter: NoteHash,
        step: &mut Step<'_, Effect>,
    ) {
        let key = (channel, charter);
        if self.snapshot.offers.remove(&key).is_some() {
            step.delete(super::store::note_key(super::store::OFFER, &offer_id(&key)));
            self.changed = true;
        }
    }

    pub(super) fn forget_offers_of(&mut self, channel: ChannelId, step: &mut Step<'_, Effect>) {
        let keys: Vec<_> = self
            .snapshot
            .offers
            .keys()
            .filter(|(of, _)| *of == channel)
            .copied()
            .collect();
        for (channel, charter) in keys {
            self.forget_offer(channel, charter, step);
        }
    }
}

fn offer_id((channel, charter): &(ChannelId, NoteHash)) -> Vec<u8> {
    [channel.as_bytes().as_slice(), charter.as_bytes()].concat()
}

/// What a charter comes to as an offer to us, and whether it says more than an offer can; `None` if its project
/// could not be named here.
fn terms_of(text: &Charter, us: OrgId) -> Option<(Offer, bool)> {
    let project = text.project.as_ref()?;
    let offer = Offer {
        channel: text.channel,
        project: Label::parse(project.as_str()).ok()?,
        ends: text.end,
        capabilities: text.capabilities,
    };
    let plain = first_charter(&offer, text.host, text.nonce, us);
    let beyond_offer = plain.as_ref() != Some(text);
    Some((offer, beyond_offer))
}

/// The charter that an offer comes to, between its host and one other: whoever agreed to the
/// offer agreed to exactly this text.
pub(super) fn first_charter(
    offer: &Offer,
    host: OrgId,
    nonce: [u8; 16],
    partner: OrgId,
) -> Option<Charter> {
    let both = [(host, Access::Full), (partner, Access::Full)];
    Some(Charter {
        channel: offer.channel,
        nonce,
        number: 1,
        predecessor: None,
        format: FORMAT,
        host,
        participants: BTreeMap::from(both),
        capabilities: offer.capabilities,
        kinds: AuthorKinds::NONE
            .with(AuthorKind::Member)
            .with(AuthorKind::Bot),
        custom: BTreeSet::new(),
        project: Some(offer.project.as_str().parse::<FreeText>().ok()?),
        end: offer.ends,
        at_end: AtEnd::Keep,
        direct_at_end: DirectAtEnd::Keep,
        newcomers: Newcomers::FromJoin,
        text_bytes: TEXT_BYTES_MAX,
        admission: Admission::All,
        finals: BTreeMap::new(),
    })
}
