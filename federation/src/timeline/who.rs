//! Who wrote something, as it is shown to our own people.

use foedus_policy::id::{AuthorId, OrgId};
use foedus_policy::name::{Label, MemberName};

use crate::channel::{Author, ChannelView};
use crate::org::OrgSnapshot;

/// An author with what we know of its organisation. All of it is a label to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The organisation.
    pub org: OrgId,
    /// The author within the channel.
    pub author: AuthorId,
    /// What the channel knows of the author; `None` for the organisation itself and for whoever
    /// never joined.
    pub known: Option<Author>,
    /// The handle that the organisation claims, if it is known here.
    pub handle: Option<String>,
    /// Of another organisation than ours.
    pub external: bool,
    /// An administrator of ours compared the organisation's words, or it is ours.
    pub verified: bool,
    /// For an organisation that is no partner: who introduced it.
    pub introduced_by: Option<OrgId>,
}

/// Who an author of a channel is.
pub fn who(view: &ChannelView, org: &OrgSnapshot, origin: OrgId, author: AuthorId) -> Who {
    let ours = origin == view.us;
    let partner = org.state.partners().get(&origin);
    let introduced_by = match partner {
        None if !ours => org.introduced_by.get(&origin).copied(),
        _ => None,
    };
    let handle = org.claimed_handle(origin);
    let known = view.authors.get(&(origin, author)).cloned();
    let known = match ours {
        true => known,
        false => known.map(|known| shown(known, handle.as_deref())),
    };
    Who {
        org: origin,
        author,
        known,
        handle,
        external: !ours,
        verified: ours || partner.is_some_and(|partner| partner.verified),
        introduced_by,
    }
}

/// An author of another organisation, without what would pass it off as somebody else: an address
/// is shown only under the handle that its organisation goes by here, and a name only if it is one
/// line of visible text and no address.
fn shown(known: Author, handle: Option<&str>) -> Author {
    let own = known
        .address
        .rsplit_once('@')
        .is_some_and(|(name, of)| Some(of) == handle && MemberName::parse(name).is_ok());
    let is_name = !known.display_name.contains('@') && Label::parse(&known.display_name).is_ok();
    Author {
        address: if own { known.address } else { String::new() },
        display_name: if is_name {
            known.display_name
        } else {
            String::new()
        },
        ..known
    }
}

impl OrgSnapshot {
    /// The handle by which an organisation is shown, if there is one: of a partner, the one under
    /// which our administrators took it up, whatever it calls itself since; of anybody else, what
    /// it claims, unless that looks like our own handle or a partner's.
    pub fn claimed_handle(&self, of: OrgId) -> Option<String> {
        let own = self.handle().filter(|_| self.org() == Some(of));
        let partner = || {
            self.state
                .partners()
                .get(&of)
                .map(|partner| &partner.handle)
        };
        if let Some(known) = own.or_else(partner) {
            return Some(known.to_string());
        }
        let claimed = self.identities.get(&of)?.current().handle.to_string();
        let partners = self.state.partners().values();
        let mut taken = partners.map(|partner| &partner.handle).chain(self.handle());
        let looks = look(&claimed);
        (!taken.any(|taken| look(taken.as_str()) == looks)).then_some(claimed)
    }
}

/// What a handle looks like: two that a reader takes for one another look the same. Handles are
/// letters, digits, hyphens and full stops, so this is all that there is to confuse.
fn look(handle: &str) -> String {
    let handle = handle
        .replace("rn", "m")
        .replace("vv", "w")
        .replace("cl", "d");
    let plain = |letter| match letter {
        '0' => 'o',
        '1' | 'i' => 'l',
        '5' => 's',
        other => other,
    };
    handle.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_that_a_reader_confuses_look_the_same() {
        let same = [
            ("acme.example", "acrne.example"),
            ("globex.example", "g1obex.examp1e"),
            ("hooli.example", "h00ll.example"),
        ];
        for (one, other) in same {
            assert_eq!(look(one), look(other));
        }
        assert_ne!(look("acme.example"), look("acme-two.example"));
    }

    #[test]
    fn only_what_passes_nobody_off_as_somebody_else_is_shown() {
        let author = |address: &str, name: &str| {
            let author = Author {
                kind: foedus_policy::vocabulary::AuthorKind::Member,
                address: address.to_owned(),
                display_name: name.to_owned(),
                joined: true,
                said: crate::channel::Said {
                    hlc: crate::hlc::Hlc::ZERO,
                    incarnation: foedus_policy::id::IncarnationId([1; 16]),
                    sequence: 0,
                },
                left: None,
            };
            let author = shown(author, Some("globex.example"));
            (author.address, author.display_name)
        };
        let is = |address: &str, name: &str| (address.to_owned(), name.to_owned());
        let own = "carol@globex.example";
        assert_eq!(author(own, "Carol"), is(own, "Carol"));
        for false_one in [
            "anna@acme.example",
            "anna@acme.example@globex.example",
            "\u{430}nna@globex.example",
            "anna",
        ] {
            assert_eq!(author(false_one, "Carol"), is("", "Carol"));
        }
        for name in ["anna@acme.example", "\u{202e}annA", " Carol", "\u{3164}"] {
            assert_eq!(author(own, name), is(own, ""));
        }
    }
}
