//! Mirrors of channels, memberships and projects, and of what is offered about a channel.

use foedus_policy::id::{AuthorId, ChannelId, OrgId, ProjectId, RequestNumber};
use foedus_policy::state::{
    Channel, Ended, InvitationId, Membership, Offer, Project, Sharing, Visibility,
};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::{Access, Capabilities, Capability, EndCause};
use tls_codec::{TlsDeserializeBytes, TlsSerialize, TlsSize, TlsVecU16, TlsVecU32};

use super::field::{Flag, InvalidField, Text, name, text, utf8};

/// Capabilities are stored as their words, in order, with a space between: a new one changes the
/// places of the others in the set, and never their words.
fn capability_words(capabilities: Capabilities) -> Text {
    let words: Vec<&str> = capabilities.iter().map(Capability::as_str).collect();
    text(&words.join(" "))
}

fn read_capabilities(words: &Text) -> Result<Capabilities, InvalidField> {
    const FIELD: &str = "capabilities";
    utf8(FIELD, words)?
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| {
            word.parse::<Capability>()
                .map_err(|source| InvalidField::Word {
                    field: FIELD,
                    source,
                })
        })
        .collect()
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct OfferRow {
    channel: [u8; 32],
    project: Text,
    ends: Option<u64>,
    capabilities: Text,
}

impl From<&Offer> for OfferRow {
    fn from(offer: &Offer) -> Self {
        let Offer {
            channel,
            project,
            ends,
            capabilities,
        } = offer;
        Self {
            channel: channel.0,
            project: text(project.as_str()),
            ends: ends.map(|ends| ends.0),
            capabilities: capability_words(*capabilities),
        }
    }
}

impl TryFrom<OfferRow> for Offer {
    type Error = InvalidField;

    fn try_from(row: OfferRow) -> Result<Self, InvalidField> {
        let OfferRow {
            channel,
            project,
            ends,
            capabilities,
        } = row;
        Ok(Self {
            channel: ChannelId(channel),
            project: name("project", &project)?,
            ends: ends.map(Timestamp),
            capabilities: read_capabilities(&capabilities)?,
        })
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum VisibilityRow {
    Public = 1,
    Private = 2,
    Direct = 3,
}

impl From<Visibility> for VisibilityRow {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Public => Self::Public,
            Visibility::Private => Self::Private,
            Visibility::Direct => Self::Direct,
        }
    }
}

impl From<VisibilityRow> for Visibility {
    fn from(row: VisibilityRow) -> Self {
        match row {
            VisibilityRow::Public => Self::Public,
            VisibilityRow::Private => Self::Private,
            VisibilityRow::Direct => Self::Direct,
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum AccessRow {
    Full = 1,
    PostOnly = 2,
    ReadOnly = 3,
}

impl From<Access> for AccessRow {
    fn from(access: Access) -> Self {
        match access {
            Access::Full => Self::Full,
            Access::PostOnly => Self::PostOnly,
            Access::ReadOnly => Self::ReadOnly,
        }
    }
}

impl From<&AccessRow> for Access {
    fn from(row: &AccessRow) -> Self {
        match row {
            AccessRow::Full => Self::Full,
            AccessRow::PostOnly => Self::PostOnly,
            AccessRow::ReadOnly => Self::ReadOnly,
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct ParticipantRow {
    org: [u8; 32],
    access: AccessRow,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum EndCauseRow {
    End = 1,
    Withdrawal = 2,
    Termination = 3,
    Disconnect = 4,
}

impl From<EndCause> for EndCauseRow {
    fn from(cause: EndCause) -> Self {
        match cause {
            EndCause::End => Self::End,
            EndCause::Withdrawal => Self::Withdrawal,
            EndCause::Termination => Self::Termination,
            EndCause::Disconnect => Self::Disconnect,
        }
    }
}

impl From<EndCauseRow> for EndCause {
    fn from(row: EndCauseRow) -> Self {
        match row {
            EndCauseRow::End => Self::End,
            EndCauseRow::Withdrawal => Self::Withdrawal,
            EndCauseRow::Termination => Self::Termination,
            EndCauseRow::Disconnect => Self::Disconnect,
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct EndedRow {
    cause: EndCauseRow,
    at: u64,
}

impl From<Ended> for EndedRow {
    fn from(Ended { cause, at }: Ended) -> Self {
        Self {
            cause: cause.into(),
            at: at.0,
        }
    }
}

impl From<EndedRow> for Ended {
    fn from(EndedRow { cause, at }: EndedRow) -> Self {
        Self {
            cause: cause.into(),
            at: Timestamp(at),
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum SharingRow {
    #[tls_codec(discriminant = 1)]
    Local,
    #[tls_codec(discriminant = 2)]
    Offering {
        handle: Text,
        partner: Option<[u8; 32]>,
        invitation: Option<[u8; 32]>,
        request: u32,
        history: Flag,
        offer: OfferRow,
    },
    #[tls_codec(discriminant = 3)]
    Joining { host: [u8; 32], offer: OfferRow },
    #[tls_codec(discriminant = 4)]
    Shared {
        host: [u8; 32],
        participants: TlsVecU16<ParticipantRow>,
        ends: Option<u64>,
        ended: Option<EndedRow>,
    },
}

impl From<&Sharing> for SharingRow {
    fn from(sharing: &Sharing) -> Self {
        match sharing {
            Sharing::Local => Self::Local,
            Sharing::Offering {
                handle,
                partner,
                invitation,
                request,
                history,
                offer,
            } => Self::Offering {
                handle: text(handle.as_str()),
                partner: partner.map(|org| org.0),
                invitation: invitation.map(|invitation| invitation.0),
                request: request.0,
                history: (*history).into(),
                offer: offer.into(),
            },
            Sharing::Joining { host, offer } => Self::Joining {
                host: host.0,
                offer: offer.into(),
            },
            Sharing::Shared {
                host,
                participants,
                ends,
                ended,
            } => {
                let participants = participants.iter().map(|(org, access)| ParticipantRow {
                    org: org.0,
                    access: (*access).into(),
                });
                Self::Shared {
                    host: host.0,
                    participants: participants.collect::<Vec<_>>().into(),
                    ends: ends.map(|ends| ends.0),
                    ended: ended.map(EndedRow::from),
                }
            }
        }
    }
}

impl TryFrom<SharingRow> for Sharing {
    type Error = InvalidField;

    fn try_from(row: SharingRow) -> Result<Self, InvalidField> {
        Ok(match row {
            SharingRow::Local => Self::Local,
            SharingRow::Offering {
                handle,
                partner,
                invitation,
                request,
                history,
                offer,
            } => Self::Offering {
                handle: name("handle", &handle)?,
                partner: partner.map(OrgId),
                invitation: invitation.map(InvitationId),
                request: RequestNumber(request),
                history: history.into(),
                offer: offer.try_into()?,
            },
            SharingRow::Joining { host, offer } => Self::Joining {
                host: OrgId(host),
                offer: offer.try_into()?,
            },
            SharingRow::Shared {
                host,
                participants,
                ends,
                ended,
            } => {
                let participants = participants.iter();
                let participants = participants
                    .map(|ParticipantRow { org, access }| (OrgId(*org), Access::from(access)));
                Self::Shared {
                    host: OrgId(host),
                    participants: participants.collect(),
                    ends: ends.map(Timestamp),
                    ended: ended.map(Ended::from),
                }
            }
        })
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct ChannelRow {
    name: Text,
    nonce: Option<[u8; 16]>,
    topic: Text,
    visibility: VisibilityRow,
    sharing: SharingRow,
    project: Option<[u8; 16]>,
    archived: Flag,
}

impl From<&Channel> for ChannelRow {
    fn from(channel: &Channel) -> Self {
        let Channel {
            name,
            nonce,
            topic,
            visibility,
            sharing,
            project,
            archived,
        } = channel;
        Self {
            name: text(name.as_str()),
            nonce: *nonce,
            topic: text(topic.as_str()),
            visibility: (*visibility).into(),
            sharing: sharing.into(),
            project: project.map(|project| project.0),
            archived: (*archived).into(),
        }
    }
}

impl TryFrom<ChannelRow> for Channel {
    type Error = InvalidField;

    fn try_from(row: ChannelRow) -> Result<Self, InvalidField> {
        let ChannelRow {
            name: channel_name,
            nonce,
            topic,
            visibility,
            sharing,
            project,
            archived,
        } = row;
        Ok(Self {
            name: name("name", &channel_name)?,
            nonce,
            topic: name("topic", &topic)?,
            visibility: visibility.into(),
            sharing: sharing.try_into()?,
            project: project.map(ProjectId),
            archived: archived.into(),
        })
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct MembershipRow {
    author: [u8; 16],
    present: Flag,
}

impl From<&Membership> for MembershipRow {
    fn from(Membership { author, present }: &Membership) -> Self {
        Self {
            author: author.0,
            present: (*present).into(),
        }
    }
}

impl From<MembershipRow> for Membership {
    fn from(MembershipRow { author, present }: MembershipRow) -> Self {
        Self {
            author: AuthorId(author),
            present: present.into(),
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct ProjectRow {
    name: Text,
    ends: Option<u64>,
    partners: TlsVecU32<[u8; 32]>,
    ended: Option<u64>,
    extended_to: Option<u64>,
    ours: Flag,
}

impl From<&Project> for ProjectRow {
    fn from(project: &Project) -> Self {
        let Project {
            name,
            ends,
            partners,
            ended,
            extended_to,
            ours,
        } = project;
        let partners: Vec<[u8; 32]> = partners.iter().map(|org| org.0).collect();
        Self {
            name: text(name.as_str()),
            ends: ends.map(|ends| ends.0),
            partners: partners.into(),
            ended: ended.map(|ended| ended.0),
            extended_to: extended_to.map(|until| until.0),
            ours: (*ours).into(),
        }
    }
}

impl TryFrom<ProjectRow> for Project {
    type Error = InvalidField;

    fn try_from(row: ProjectRow) -> Result<Self, InvalidField> {
        let ProjectRow {
            name: project_name,
            ends,
            partners,
            ended,
            extended_to,
            ours,
        } = row;
        Ok(Self {
            name: name("name", &project_name)?,
            ends: ends.map(Timestamp),
            partners: partners.iter().copied().map(OrgId).collect(),
            ended: ended.map(Timestamp),
            extended_to: extended_to.map(Timestamp),
            ours: ours.into(),
        })
    }
}
