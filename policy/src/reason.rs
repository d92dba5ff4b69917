//! Why something is refused: one rule, one stable name, and what would change the answer.
//!
//! Our own people are told the name and the sentence, and nobody else is. What a partner learns is
//! coarser, and no matter of this crate: the reason of a goodbye, and how many of its entries were
//! void or withheld.

use std::fmt;

/// What kind of refusal it is, for interfaces that have few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasonKind {
    /// Nobody knows who asks.
    Unauthenticated,
    /// Who asks may not.
    Forbidden,
    /// What is named does not exist.
    Missing,
    /// What would be made exists.
    Exists,
    /// What was said breaks a rule of form, whatever the state.
    Malformed,
    /// The state of things does not allow it now.
    Unmet,
    /// A limit is reached.
    Full,
}

macro_rules! reasons {
    ($( $variant:ident $id:literal $kind:ident $remedy:literal )+) => {
        /// The rule that a refusal rests on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $( #[doc = $remedy] $variant, )+
        }

        impl Reason {
            /// Every reason that there is.
            pub const ALL: &'static [Self] = &[ $(Self::$variant),+ ];

            /// The rule's name. Stable: programs may rely on it.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// What kind of refusal it is.
            pub const fn kind(self) -> ReasonKind {
                match self { $(Self::$variant => ReasonKind::$kind,)+ }
            }

            /// What holds, and what would change the answer. For our own people only.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }
        }
    };
}

reasons! {
    NotInitialised "NOT_INITIALISED" Unmet
        "This organisation does not exist yet: give it a name with `foedus init HANDLE`."
    AlreadyInitialised "ALREADY_INITIALISED" Exists
        "This organisation exists already; another one needs another data folder."
    NotOperator "NOT_OPERATOR" Forbidden
        "Only somebody at the administration socket, in nobody's name, can do this: leave `--as` out there."
    NotAdministrator "NOT_ADMINISTRATOR" Forbidden
        "Only an administrator can do this: ask one."
    NotForPartners "NOT_FOR_PARTNERS" Forbidden
        "No partner can ask this of us: our own people can."
    PeopleOnly "PEOPLE_ONLY" Forbidden
        "Only a person can do this, never the daemon by itself: an administrator can."
    DaemonOnly "DAEMON_ONLY" Forbidden
        "Only the daemon records this: leave it to it; nobody can ask for it."
    MemberNeeded "MEMBER_NEEDED" Unmet
        "This is done in a member's name: name one with `--as NAME`, or use a member's token."
    MemberUnknown "MEMBER_UNKNOWN" Missing
        "There is no such member: `foedus member list --all` shows who there is; an administrator can add one."
    MemberInactive "MEMBER_INACTIVE" Unmet
        "This member was deactivated; a new member needs another name."
    LastAdministrator "LAST_ADMINISTRATOR" Unmet
        "This is the only active administrator: add another one first."
    ScopeMissing "SCOPE_MISSING" Forbidden
        "The token's scopes do not cover this: use a token with a wider scope."
    ScopeTooWide "SCOPE_TOO_WIDE" Forbidden
        "The member is no administrator, so no token of theirs can have the scope `administer`: leave that scope out."
    ScopesNeeded "SCOPES_NEEDED" Malformed
        "A token needs at least one scope: `read`, `write` or `administer`."
    TokenInvalid "TOKEN_INVALID" Unauthenticated
        "The text is no token, or was not copied whole: it begins with `foedus_`."
    TokenUnknown "TOKEN_UNKNOWN" Unauthenticated
        "No such token is known here: ask an administrator for a new one."
    TokenExpired "TOKEN_EXPIRED" Unauthenticated
        "The token has expired: ask an administrator for a new one."
    TokenRevoked "TOKEN_REVOKED" Unauthenticated
        "The token was revoked: ask an administrator for a new one."
    NameInvalid "NAME_INVALID" Malformed
        "A name begins with a lower-case letter or digit and goes on with those, `_`, `-` (and `.` for members): 64 bytes at most for a member, 80 for a channel."
    NameTaken "NAME_TAKEN" Exists
        "The name is in use here: choose another one."
    TextInvalid "TEXT_INVALID" Malformed
        "The text must be one line of visible characters without space at its ends: 128 bytes at most for a name that must be given, 256 for a topic, purpose or reason."
    HandleInvalid "HANDLE_INVALID" Malformed
        "This is no handle: give a name as in DNS, in lower case, like `acme.example`."
    HandleTaken "HANDLE_TAKEN" Exists
        "Another partner, or this organisation itself, goes by this handle: disconnect that partner first, or ask the new one about it."
    PatternInvalid "PATTERN_INVALID" Malformed
        "This is no pattern: give a handle (`globex.example`), all handles under one (`*.example`), or an org id (`org_…`)."
    EndNeeded "END_NEEDED" Malformed
        "The project is new: say when it ends, or that it has no end."
    EndInPast "END_IN_PAST" Malformed
        "The end lies in the past: give a later one."
    EndNotLater "END_NOT_LATER" Unmet
        "It ends then or later already, or not at all: give a later time."
    EndNotReached "END_NOT_REACHED" Unmet
        "The end has not come by this organisation's clock: wait for it, or end the project by hand."
    CauseInvalid "CAUSE_INVALID" Malformed
        "This is not how it can end here: the host of a channel terminates it, anybody else withdraws from it."
    LimitReached "LIMIT_REACHED" Full
        "As many of these as this organisation keeps exist already: remove or decide some first."
    ChannelUnknown "CHANNEL_UNKNOWN" Missing
        "There is no such channel here: `foedus channel list --all` shows those that there are."
    ChannelEnded "CHANNEL_ENDED" Unmet
        "The channel has ended: it can be read, and nothing can be added. To go on, share a new one."
    ChannelArchived "CHANNEL_ARCHIVED" Unmet
        "The channel is archived: it can be read, and nothing can be added; `foedus channel unarchive` takes it up again."
    ChannelNotSealed "CHANNEL_NOT_SEALED" Unmet
        "The channel's charter is not in force yet: its host has to seal it."
    ChannelNotPublic "CHANNEL_NOT_PUBLIC" Forbidden
        "The channel is private: somebody who is in it, or an administrator, can add you."
    ChannelDirect "CHANNEL_DIRECT" Unmet
        "A direct channel is between the people it was opened for: open another channel."
    ChannelShared "CHANNEL_SHARED" Unmet
        "The channel is shared or offered already: use another one, or end that first."
    ChannelNotShared "CHANNEL_NOT_SHARED" Unmet
        "The channel is not shared with anybody, so there is nothing to end: `foedus channel list` shows which are."
    ChannelIdTaken "CHANNEL_ID_TAKEN" Exists
        "A channel with this id exists here for another reason: its host has to open a new one."
    ChannelNameNeeded "CHANNEL_NAME_NEEDED" Malformed
        "A channel comes with this: say what to call it here."
    NotHost "NOT_HOST" Forbidden
        "Another organisation hosts what is shared here, and only the host can propose a further revision: ask its administrator."
    NotInChannel "NOT_IN_CHANNEL" Forbidden
        "You are not in this channel: join it with `foedus channel join`, or have somebody who is in it add you."
    AccessReadOnly "ACCESS_READ_ONLY" Forbidden
        "The charter lets this organisation read the channel and not write to it: its host can grant more."
    CapabilityNotGranted "CAPABILITY_NOT_GRANTED" Forbidden
        "The channel does not grant this: in a shared one, its host can propose a charter that does."
    ParticipantsInvalid "PARTICIPANTS_INVALID" Malformed
        "The charter does not name whom it must: its host and this organisation, and at most 250 in all."
    TermsDiffer "TERMS_DIFFER" Unmet
        "The charter does not say what was approved: its host has to offer the new terms."
    ProjectUnknown "PROJECT_UNKNOWN" Missing
        "There is no such project here: `foedus project list --all` shows those that there are."
    ProjectExists "PROJECT_EXISTS" Exists
        "A project of this name exists, or did: choose another name; `foedus project list --all` shows those that are taken."
    ProjectEnded "PROJECT_ENDED" Unmet
        "The project has ended: name another one."
    ProjectEndDiffers "PROJECT_END_DIFFERS" Unmet
        "The project exists with another end: ask with `--ends-with-project` instead of an end, or name another project."
    RequestUnknown "REQUEST_UNKNOWN" Missing
        "There is no such request: `foedus request list --all` shows those that there are."
    RequestNotWaiting "REQUEST_NOT_WAITING" Unmet
        "The request is decided or gone: ask anew if it is still wanted."
    RequestExpired "REQUEST_EXPIRED" Unmet
        "Nobody decided the request within 30 days, or before the end that it asks for: ask anew."
    RequestExists "REQUEST_EXISTS" Exists
        "The same is asked already: wait for an administrator to decide it."
    RequestOwn "REQUEST_OWN" Forbidden
        "You asked for this yourself: another administrator has to approve it."
    RequestNotYours "REQUEST_NOT_YOURS" Forbidden
        "Only who asked can take a request back; an administrator can decline it."
    RequestsFull "REQUESTS_FULL" Full
        "So many requests of this partner wait already: decide some of them."
    WordsNeeded "WORDS_NEEDED" Malformed
        "The six words are needed: compare them with the partner, by telephone or face to face, and give them."
    WordsDiffer "WORDS_DIFFER" Forbidden
        "These are not the six words of this peering: compare them with the partner again. If theirs are others, somebody stands between you; `foedus partner show` says how to end it."
    InvitationUnknown "INVITATION_UNKNOWN" Missing
        "No such invitation was given out here: `foedus invitation list --all` shows those that were."
    InvitationUsed "INVITATION_USED" Unmet
        "The invitation was answered already: give out a new one."
    InvitationRevoked "INVITATION_REVOKED" Unmet
        "The invitation was revoked: give out a new one."
    InvitationExpired "INVITATION_EXPIRED" Unmet
        "The invitation has expired: ask for, or give out, a new one."
    InvitationForAnother "INVITATION_FOR_ANOTHER" Forbidden
        "The invitation expects another organisation: the inviter has to give out one for the right handle."
    InvitationOpen "INVITATION_OPEN" Exists
        "An invitation to this organisation is open: wait for its answer, or revoke it."
    ClockPaused "CLOCK_PAUSED" Unmet
        "Our clock leapt by more than 48 hours, so what rests on it waits: put it right, then an administrator says `foedus clock confirm`. If it leapt while the daemon was down, a partner whose clock agrees ends the wait, too."
    ProofWrong "PROOF_WRONG" Forbidden
        "The answer does not prove knowledge of the invitation's secret, or its signature is wrong: give out another invitation."
    CarrierDiffers "CARRIER_DIFFERS" Forbidden
        "An organisation can say this for itself only: it has to come from the one that it is about."
    PartnerUnknown "PARTNER_UNKNOWN" Missing
        "This organisation is no partner: invite it, or take up an invitation of theirs."
    PartnerExists "PARTNER_EXISTS" Exists
        "This organisation is a partner already, or waits to become one: `foedus partner list` shows what is still to be done."
    PartnerNotWaiting "PARTNER_NOT_WAITING" Unmet
        "This partner does not wait for a confirmation: `foedus partner show` says how it is."
    PartnerNotApproved "PARTNER_NOT_APPROVED" Unmet
        "This partner has not been approved here yet: confirm it, or approve the request about it."
    PartnerSuspended "PARTNER_SUSPENDED" Unmet
        "The partner is suspended: an administrator can resume it."
    PartnerDisconnected "PARTNER_DISCONNECTED" Unmet
        "The peering is over: a new invitation begins anew."
    PartnerDenied "PARTNER_DENIED" Forbidden
        "The partner is on the deny list: an administrator can take it off."
    PartnerNotListed "PARTNER_NOT_LISTED" Forbidden
        "The partner is not on the allow list: an administrator can add it with `foedus partner allow HANDLE`."
    PartnersNotAllowed "PARTNERS_NOT_ALLOWED" Forbidden
        "This organisation takes no new partners: an administrator can change the mode."
    RootKeyDiffers "ROOT_KEY_DIFFERS" Forbidden
        "This is not the root key that is known of the partner: compare it with them again; if theirs is another, somebody stands between you: suspend the partner."
    LinkKeyTaken "LINK_KEY_TAKEN" Exists
        "The link key stands for another organisation: one key is one organisation's; whoever claims it has to make a key of its own."
    OfferDeclined "OFFER_DECLINED" Unmet
        "An administrator declined exactly this offer: its host can offer other terms."
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id(), self.remedy())
    }
}
