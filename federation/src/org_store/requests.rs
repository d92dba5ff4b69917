//! Mirrors of requests, and of who asked and decided.

use foedus_policy::id::{MemberId, NoteHash, OrgId};
use foedus_policy::state::{InvitationId, Offer, Person, Request, RequestKind, RequestState};
use foedus_policy::time::Timestamp;
use tls_codec::{TlsDeserializeBytes, TlsSerialize, TlsSize};

use super::channels::OfferRow;
use super::field::{Flag, InvalidField, Text, name, text};

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum PersonRow {
    #[tls_codec(discriminant = 1)]
    Member([u8; 16]),
    #[tls_codec(discriminant = 2)]
    Operator(u32),
    #[tls_codec(discriminant = 3)]
    Partner([u8; 32]),
}

impl From<Person> for PersonRow {
    fn from(person: Person) -> Self {
        match person {
            Person::Member(member) => Self::Member(member.0),
            Person::Operator(uid) => Self::Operator(uid),
            Person::Partner(org) => Self::Partner(org.0),
        }
    }
}

impl From<PersonRow> for Person {
    fn from(row: PersonRow) -> Self {
        match row {
            PersonRow::Member(member) => Self::Member(MemberId(member)),
            PersonRow::Operator(uid) => Self::Operator(uid),
            PersonRow::Partner(org) => Self::Partner(OrgId(org)),
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum RequestKindRow {
    #[tls_codec(discriminant = 1)]
    Share {
        partner: Text,
        offer: OfferRow,
        history: Flag,
        purpose: Text,
    },
    #[tls_codec(discriminant = 2)]
    Peer {
        partner: [u8; 32],
        invitation: [u8; 32],
        offer: Option<OfferRow>,
    },
    #[tls_codec(discriminant = 3)]
    Join {
        host: [u8; 32],
        charter: [u8; 32],
        offer: OfferRow,
    },
}

impl From<&RequestKind> for RequestKindRow {
    fn from(kind: &RequestKind) -> Self {
        match kind {
            RequestKind::Share {
                partner,
                offer,
                history,
                purpose,
            } => Self::Share {
                partner: text(partner.as_str()),
                offer: offer.into(),
                history: (*history).into(),
                purpose: text(purpose.as_str()),
            },
            RequestKind::Peer {
                partner,
                invitation,
                offer,
            } => Self::Peer {
                partner: partner.0,
                invitation: invitation.0,
                offer: offer.as_ref().map(OfferRow::from),
            },
            RequestKind::Join {
                host,
                charter,
                offer,
            } => Self::Join {
                host: host.0,
                charter: charter.0,
                offer: offer.into(),
            },
        }
    }
}

impl TryFrom<RequestKindRow> for RequestKind {
    type Error = InvalidField;

    fn try_from(row: RequestKindRow) -> Result<Self, InvalidField> {
        Ok(match row {
            RequestKindRow::Share {
                partner,
                offer,
                history,
                purpose,
            } => Self::Share {
                partner: name("partner", &partner)?,
                offer: offer.try_into()?,
                history: history.into(),
                purpose: name("purpose", &purpose)?,
            },
            RequestKindRow::Peer {
                partner,
                invitation,
                offer,
            } => Self::Peer {
                partner: OrgId(partner),
                invitation: InvitationId(invitation),
                offer: offer.map(Offer::try_from).transpose()?,
            },
            RequestKindRow::Join {
                host,
                charter,
                offer,
            } => Self::Join {
                host: OrgId(host),
                charter: NoteHash(charter),
                offer: offer.try_into()?,
            },
        })
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum RequestStateRow {
    #[tls_codec(discriminant = 1)]
    Waiting,
    #[tls_codec(discriminant = 2)]
    Approved { by: PersonRow, at: u64 },
    #[tls_codec(discriminant = 3)]
    Declined {
        by: PersonRow,
        at: u64,
        reason: Text,
    },
    #[tls_codec(discriminant = 4)]
    Withdrawn,
    #[tls_codec(discriminant = 5)]
    Expired,
}

impl From<&RequestState> for RequestStateRow {
    fn from(state: &RequestState) -> Self {
        match state {
            RequestState::Waiting => Self::Waiting,
            RequestState::Approved { by, at } => Self::Approved {
                by: (*by).into(),
                at: at.0,
            },
            RequestState::Declined { by, at, reason } => Self::Declined {
                by: (*by).into(),
                at: at.0,
                reason: text(reason.as_str()),
            },
            RequestState::Withdrawn => Self::Withdrawn,
            RequestState::Expired => Self::Expired,
        }
    }
}

impl TryFrom<RequestStateRow> for RequestState {
    type Error = InvalidField;

    fn try_from(row: RequestStateRow) -> Result<Self, InvalidField> {
        Ok(match row {
            RequestStateRow::Waiting => Self::Waiting,
            RequestStateRow::Approved { by, at } => Self::Approved {
                by: by.into(),
                at: Timestamp(at),
            },
            RequestStateRow::Declined { by, at, reason } => Self::Declined {
                by: by.into(),
                at: Timestamp(at),
                reason: name("reason", &reason)?,
            },
            RequestStateRow::Withdrawn => Self::Withdrawn,
            RequestStateRow::Expired => Self::Expired,
        })
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct RequestRow {
    kind: RequestKindRow,
    by: PersonRow,
    at: u64,
    state: RequestStateRow,
}

impl From<&Request> for RequestRow {
    fn from(request: &Request) -> Self {
        let Request {
            kind,
            by,
            at,
            state,
        } = request;
        Self {
            kind: kind.into(),
            by: (*by).into(),
            at: at.0,
            state: state.into(),
        }
    }
}

impl TryFrom<RequestRow> for Request {
    type Error = InvalidField;

    fn try_from(row: RequestRow) -> Result<Self, InvalidField> {
        let RequestRow {
            kind,
            by,
            at,
            state,
        } = row;
        Ok(Self {
            kind: kind.try_into()?,
            by: by.into(),
            at: Timestamp(at),
            state: state.try_into()?,
        })
    }
}
