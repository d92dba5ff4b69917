//! Mirrors of partners, invitations, and the rules about whom to have as a partner.

use foedus_policy::id::{OrgId, RequestNumber};
use foedus_policy::state::{
    Invitation, InvitationId, InvitationState, Listing, Offer, Partner, PartnerMode, PartnerState,
    Secret,
};
use foedus_policy::time::Timestamp;
use tls_codec::{TlsDeserializeBytes, TlsSerialize, TlsSize, TlsVecU16};

use super::channels::OfferRow;
use super::field::{Flag, InvalidField, Text, name, text, utf8};

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
pub(super) enum ModeRow {
    Nobody = 1,
    Listed = 2,
    AnyoneAfterApproval = 3,
}

impl From<&PartnerMode> for ModeRow {
    fn from(mode: &PartnerMode) -> Self {
        match mode {
            PartnerMode::Nobody => Self::Nobody,
            PartnerMode::Listed => Self::Listed,
            PartnerMode::AnyoneAfterApproval => Self::AnyoneAfterApproval,
        }
    }
}

impl From<ModeRow> for PartnerMode {
    fn from(row: ModeRow) -> Self {
        match row {
            ModeRow::Nobody => Self::Nobody,
            ModeRow::Listed => Self::Listed,
            ModeRow::AnyoneAfterApproval => Self::AnyoneAfterApproval,
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
pub(super) enum ListingRow {
    Allow = 1,
    Deny = 2,
}

impl From<&Listing> for ListingRow {
    fn from(listing: &Listing) -> Self {
        match listing {
            Listing::Allow => Self::Allow,
            Listing::Deny => Self::Deny,
        }
    }
}

impl From<ListingRow> for Listing {
    fn from(row: ListingRow) -> Self {
        match row {
            ListingRow::Allow => Self::Allow,
            ListingRow::Deny => Self::Deny,
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum InvitationStateRow {
    #[tls_codec(discriminant = 1)]
    Open,
    #[tls_codec(discriminant = 2)]
    Used { by: [u8; 32] },
    #[tls_codec(discriminant = 3)]
    Revoked,
    #[tls_codec(discriminant = 4)]
    Expired,
}

impl From<&InvitationState> for InvitationStateRow {
    fn from(state: &InvitationState) -> Self {
        match state {
            InvitationState::Open => Self::Open,
            InvitationState::Used { by } => Self::Used { by: by.0 },
            InvitationState::Revoked => Self::Revoked,
            InvitationState::Expired => Self::Expired,
        }
    }
}

impl From<InvitationStateRow> for InvitationState {
    fn from(row: InvitationStateRow) -> Self {
        match row {
            InvitationStateRow::Open => Self::Open,
            InvitationStateRow::Used { by } => Self::Used { by: OrgId(by) },
            InvitationStateRow::Revoked => Self::Revoked,
            InvitationStateRow::Expired => Self::Expired,
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct InvitationRow {
    secret: [u8; 32],
    expects: Option<Text>,
    addresses: TlsVecU16<Text>,
    expires: u64,
    state: InvitationStateRow,
    request: Option<u32>,
    offer: Option<OfferRow>,
}

impl From<&Invitation> for InvitationRow {
    fn from(invitation: &Invitation) -> Self {
        let Invitation {
            secret,
            expects,
            addresses,
            expires,
            state,
            request,
            offer,
        } = invitation;
        let addresses: Vec<Text> = addresses.iter().map(|address| text(address)).collect();
        Self {
            secret: secret.0,
            expects: expects.as_ref().map(|handle| text(handle.as_str())),
            addresses: addresses.into(),
            expires: expires.0,
            state: state.into(),
            request: request.map(|number| number.0),
            offer: offer.as_ref().map(OfferRow::from),
        }
    }
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = InvalidField;

    fn try_from(row: InvitationRow) -> Result<Self, InvalidField> {
        let InvitationRow {
            secret,
            expects,
            addresses,
            expires,
            state,
            request,
            offer,
        } = row;
        let expects = expects.map(|handle| name("expected handle", &handle));
        let addresses = addresses.iter().map(|address| utf8("address", address));
        Ok(Self {
            secret: Secret(secret),
            expects: expects.transpose()?,
            addresses: addresses.collect::<Result<_, _>>()?,
            expires: Timestamp(expires),
            state: state.into(),
            request: request.map(RequestNumber),
            offer: offer.map(Offer::try_from).transpose()?,
        })
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum PartnerStateRow {
    Replied = 1,
    Accepted = 2,
    Active = 3,
    Suspended = 4,
    Disconnected = 5,
}

impl From<PartnerState> for PartnerStateRow {
    fn from(state: PartnerState) -> Self {
        match state {
            PartnerState::Replied => Self::Replied,
            PartnerState::Accepted => Self::Accepted,
            PartnerState::Active => Self::Active,
            PartnerState::Suspended => Self::Suspended,
            PartnerState::Disconnected => Self::Disconnected,
        }
    }
}

impl From<PartnerStateRow> for PartnerState {
    fn from(row: PartnerStateRow) -> Self {
        match row {
            PartnerStateRow::Replied => Self::Replied,
            PartnerStateRow::Accepted => Self::Accepted,
            PartnerStateRow::Active => Self::Active,
            PartnerStateRow::Suspended => Self::Suspended,
            PartnerStateRow::Disconnected => Self::Disconnected,
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct PartnerRow {
    handle: Text,
    root: [u8; 32],
    state: PartnerStateRow,
    verified: Flag,
    invitation: [u8; 32],
    words: TlsVecU16<Text>,
    since: u64,
}

impl From<&Partner> for PartnerRow {
    fn from(partner: &Partner) -> Self {
        let Partner {
            handle,
            root,
            state,
            verified,
            invitation,
            words,
            since,
        } = partner;
        let words: Vec<Text> = words.iter().map(|word| text(word)).collect();
        Self {
            handle: text(handle.as_str()),
            root: *root,
            state: (*state).into(),
            verified: (*verified).into(),
            invitation: invitation.0,
            words: words.into(),
            since: since.0,
        }
    }
}

impl TryFrom<PartnerRow> for Partner {
    type Error = InvalidField;

    fn try_from(row: PartnerRow) -> Result<Self, InvalidField> {
        let PartnerRow {
            handle,
            root,
            state,
            verified,
            invitation,
            words,
            since,
        } = row;
        let words = words.iter().map(|word| utf8("words", word));
        let words: Vec<String> = words.collect::<Result<_, _>>()?;
        let words = words
            .try_into()
            .map_err(|words: Vec<String>| InvalidField::Count {
                field: "words",
                expected: 6,
                found: words.len(),
            })?;
        Ok(Self {
            handle: name("handle", &handle)?,
            root,
            state: state.into(),
            verified: verified.into(),
            invitation: InvitationId(invitation),
            words,
            since: Timestamp(since),
        })
    }
}
