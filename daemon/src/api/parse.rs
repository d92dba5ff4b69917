//! What callers name, turned into what the organisation knows: one place per kind of name.

use foedus_federation::org::OrgSnapshot;
use foedus_policy::action::{Actor, Ends};
use foedus_policy::id::{
    ChannelId, EntryRef, IncarnationId, InvalidId, MemberId, OrgId, ProjectId,
};
use foedus_policy::name::Handle;
use foedus_policy::reason::Reason;
use foedus_policy::state::{State, Visibility};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::{Capabilities, Capability};

use super::Seen;
use super::caller::administrator;
use super::refusal::Refusal;

fn invalid_id(invalid: &InvalidId) -> Refusal {
    Refusal::malformed("ID_INVALID", invalid.to_string(), "copy it whole")
}

/// An identifier, if the text begins as one.
fn id<T: std::str::FromStr<Err = InvalidId>>(
    text: &str,
    prefix: &str,
) -> Result<Option<T>, Refusal> {
    let begins = text
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.starts_with('_'));
    match begins {
        true => text
            .parse()
            .map(Some)
            .map_err(|invalid| invalid_id(&invalid)),
        false => Ok(None),
    }
}

fn needed(what: &'static str, text: &str) -> Result<(), Refusal> {
    match text.is_empty() {
        true => Err(Refusal::malformed(
            "FIELD_NEEDED",
            format!("the request names no {what}"),
            format!("name the {what}"),
        )),
        false => Ok(()),
    }
}

/// The format of a handle leaves it open how many labels it has; what people type is to be a name in DNS, and a name without a
/// domain is nobody's.
pub(super) fn domain(handle: &str, fix: &'static str) -> Result<(), Refusal> {
    match handle.contains('.') {
        true => Ok(()),
        false => Err(Refusal::malformed(
            "HANDLE_INVALID",
            format!("`{handle}` is no domain name: it has no dot"),
            fix,
        )),
    }
}

impl Seen {
    /// Whether some organisation may go by this, so that waiting for it makes sense: what is no handle is for others to
    /// refuse.
    pub(super) fn may_be_a_partner(&self, text: &str) -> Result<(), Refusal> {
        let unknown = Handle::parse(text)
            .ok()
            .filter(|handle| self.state().partner_named(handle).is_none());
        match unknown {
            Some(_) => domain(text, "give all of their handle, like `globex.example`"),
            None => Ok(()),
        }
    }

    pub(super) fn state(&self) -> &State {
        &self.org.state
    }

    /// The channel of this identifier or local name. One that the caller may not find does not exist for it.
    pub(super) fn channel(&self, actor: &Actor, text: &str) -> Result<ChannelId, Refusal> {
        needed("channel", text)?;
        // No local name has an underscore after these letters and is as long.
        let channel = match text.parse() {
            Ok(id) => Some(id),
            Err(invalid) => match self.state().channel_named(text) {
                Some(channel) => Some(channel),
                None if text.starts_with("chan_") => return Err(invalid_id(&invalid)),
                None => None,
            },
        };
        channel
            .filter(|channel| self.can_find(actor, *channel))
            .ok_or_else(|| Reason::ChannelUnknown.into())
    }

    /// Whether the caller may know that there is such a channel.
    pub(super) fn can_find(&self, actor: &Actor, channel: ChannelId) -> bool {
        let Some(known) = self.state().channels().get(&channel) else {
            return false;
        };
        known.visibility == Visibility::Public
            || actor
                .member()
                .is_some_and(|member| self.state().author(channel, member).is_some())
            || administrator(self.state(), actor).is_ok()
    }

    /// The member of this identifier, name or address.
    pub(super) fn member(&self, text: &str) -> Result<MemberId, Refusal> {
        needed("member", text)?;
        if let Some(id) = id::<MemberId>(text, MemberId::PREFIX)? {
            return match self.state().members().contains_key(&id) {
                true => Ok(id),
                false => Err(Reason::MemberUnknown.into()),
            };
        }
        let ours = self.org.handle().map(Handle::as_str);
        let name = match text.split_once('@') {
            Some((name, handle)) if Some(handle) == ours => name,
            Some(_) => return Err(Reason::MemberUnknown.into()),
            None => text,
        };
        let member = self.state().member_named(name);
        member.ok_or_else(|| Reason::MemberUnknown.into())
    }

    /// The partner of this identifier or handle.
    pub(super) fn partner(&self, text: &str) -> Result<OrgId, Refusal> {
        needed("partner", text)?;
        let partner = match id::<OrgId>(text, OrgId::PREFIX)? {
            Some(org) => Some(org).filter(|org| self.state().partners().contains_key(org)),
            None => {
                let handle = Handle::parse(text).map_err(|_| Reason::HandleInvalid)?;
                self.state().partner_named(&handle)
            }
        };
        partner.ok_or_else(|| Reason::PartnerUnknown.into())
    }

    /// The project of this identifier or name.
    pub(super) fn project(&self, text: &str) -> Result<ProjectId, Refusal> {
        needed("project", text)?;
        let project = match text.parse() {
            Ok(id) => Some(id).filter(|id| self.state().projects().contains_key(id)),
            Err(_) => self.state().project_named(text),
        };
        project.ok_or_else(|| Reason::ProjectUnknown.into())
    }
}

/// `<org>/<incarnation>/<sequence>`, as [`entry_text`] writes it.
pub fn entry(text: &str) -> Result<EntryRef, Refusal> {
    let invalid = || {
        Refusal::malformed(
            "ENTRY_REF_INVALID",
            "expected a reference `<org>/<incarnation>/<sequence>`",
            "`foedus history --refs` shows the references",
        )
    };
    let mut parts = text.split('/');
    let mut part = || parts.next().ok_or_else(invalid);
    let origin: OrgId = part()?.parse().map_err(|_| invalid())?;
    let incarnation: IncarnationId = part()?.parse().map_err(|_| invalid())?;
    let sequence = part()?.parse().map_err(|_| invalid())?;
    let entry = EntryRef {
        origin,
        incarnation,
        sequence,
    };
    match entry_text(entry) == text {
        true => Ok(entry),
        false => Err(invalid()),
    }
}

/// The same, or `None` for an empty text.
pub fn entry_or_none(text: &str) -> Result<Option<EntryRef>, Refusal> {
    match text.is_empty() {
        true => Ok(None),
        false => entry(text).map(Some),
    }
}

/// The text form of a reference.
pub fn entry_text(entry: EntryRef) -> String {
    format!("{}/{}/{}", entry.origin, entry.incarnation, entry.sequence)
}

/// A time from 1970 on.
pub fn time(time: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, Refusal> {
    let Some(time) = time else { return Ok(None) };
    let invalid = || Refusal::malformed("TIME_INVALID", "the time is not one from 1970 on", "");
    let seconds = u64::try_from(time.seconds).map_err(|_| invalid())?;
    let nanos = u64::try_from(time.nanos).map_err(|_| invalid())?;
    // The last second of the year 9999, as the type's own definition says.
    if nanos >= 1_000_000_000 || seconds > 253_402_300_799 {
        return Err(invalid());
    }
    Ok(Some(Timestamp(seconds * 1000 + nanos / 1_000_000)))
}

/// When something ends, of an end and the word that there is none. Neither: with its project.
pub fn ends(at: Option<prost_types::Timestamp>, no_end: bool) -> Result<Ends, Refusal> {
    match time(at)? {
        Some(_) if no_end => Err(Refusal::malformed(
            "END_TWICE",
            "an end and no end are both asked for",
            "leave one of them out",
        )),
        Some(at) => Ok(Ends::At(at)),
        None if no_end => Ok(Ends::Never),
        None => Ok(Ends::WithProject),
    }
}

/// The capabilities that this release does something with.
const CAPABILITIES: [Capability; 5] = [
    Capability::Post,
    Capability::Thread,
    Capability::React,
    Capability::Edit,
    Capability::Retract,
];

/// The capabilities of these names; all that there are in this release if there are none.
pub fn capabilities(names: &[String]) -> Result<Capabilities, Refusal> {
    if names.is_empty() {
        return Ok(CAPABILITIES.into_iter().collect());
    }
    let capability = |name: &String| {
        let capability =
            name.parse()
                .map_err(|unknown: foedus_policy::vocabulary::UnknownWord| {
                    Refusal::malformed(
                        "CAPABILITY_UNKNOWN",
                        format!("`{name}` is no capability"),
                        unknown.to_string(),
                    )
                })?;
        match CAPABILITIES.contains(&capability) {
            true => Ok(capability),
            false => Err(Refusal::not_yet(
                &format!("capability `{name}`"),
                "name others: post, thread, react, edit, retract",
            )),
        }
    };
    names.iter().map(capability).collect()
}

/// A local name for a channel that comes with a request, made of who offers it and what for: one that is free.
pub fn channel_name(org: &OrgSnapshot, handle: &str, project: &str) -> String {
    let plain = |text: &str| {
        let lower = text.to_lowercase();
        let letters = lower.chars().map(|letter| match letter {
            'a'..='z' | '0'..='9' => letter,
            _ => '-',
        });
        let text: String = letters.collect();
        let words: Vec<&str> = text.split('-').filter(|word| !word.is_empty()).collect();
        words.join("-")
    };
    let first = handle.split('.').next().unwrap_or(handle);
    let parts = [plain(first), plain(project)];
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    let mut name = parts.join("-");
    name.truncate(foedus_policy::bounds::CHANNEL_NAME_BYTES_MAX - 8);
    let name = name.trim_end_matches('-').to_owned();
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.clone())
        .chain(numbered)
        .find(|name| org.state.channel_named(name).is_none())
        .expect("there are more numbers than channels")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back_and_nothing_else_does() {
        let reference = EntryRef {
            origin: OrgId([1; 32]),
            incarnation: IncarnationId([2; 16]),
            sequence: 17,
        };
        let text = entry_text(reference);
        assert_eq!(entry(&text), Ok(reference));
        assert_eq!(entry_or_none(""), Ok(None));
        for bad in [
            text.replace("/17", "/017"),
            text.replace("/17", "/+17"),
            text.replace("/17", ""),
            format!("{text}/1"),
            "x".to_owned(),
        ] {
            assert_eq!(entry(&bad).expect_err(&bad).reason, "ENTRY_REF_INVALID");
        }
    }

    #[test]
    fn capabilities_that_nothing_implements_are_refused() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let reason = |text: &str| {
            let refused = capabilities(&names(&["post", text])).expect_err(text);
            refused.reason
        };
        for later in ["custom", "direct", "file", "mention", "moderate", "pin"] {
            assert_eq!(reason(later), "NOT_IN_THIS_RELEASE", "{later}");
        }
        assert_eq!(reason("teapot"), "CAPABILITY_UNKNOWN");
        assert_eq!(capabilities(&[]).expect("usual").len(), CAPABILITIES.len());
        let usual = CAPABILITIES.map(|capability| capability.to_string());
        assert_eq!(capabilities(&usual), capabilities(&[]));
    }

    #[test]
    fn times_are_from_1970_to_9999() {
        let at = |seconds, nanos| time(Some(prost_types::Timestamp { seconds, nanos }));
        assert_eq!(at(1, 5_000_000), Ok(Some(Timestamp(1005))));
        assert_eq!(time(None), Ok(None));
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000), (253_402_300_800, 0)] {
            assert_eq!(
                at(seconds, nanos).expect_err("refused").reason,
                "TIME_INVALID"
            );
        }
    }

    #[test]
    fn a_channel_gets_a_name_of_letters() {
        let org = OrgSnapshot::default();
        assert_eq!(
            channel_name(&org, "acme.example", "Launch \"Züge\" 2"),
            "acme-launch-z-ge-2"
        );
        assert_eq!(channel_name(&org, "acme.example", "…"), "acme");
        let long = channel_name(&org, "acme.example", &"x".repeat(500));
        assert!(foedus_policy::name::ChannelName::parse(&long).is_ok());
    }
}
