//! How things that several commands show are put into words.

use foedus_proto::api::v1;

use crate::{bounds, time};

/// The words of an enumeration's value: its name without `prefix`. Empty for the unspecified one.
pub fn value(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix).unwrap_or(name) {
        "UNSPECIFIED" => String::new(),
        word => word.to_lowercase().replace('_', " "),
    }
}

/// State of a link.
pub fn link(state: v1::LinkState) -> String {
    if state == v1::LinkState::Resting {
        return "resting: nothing is shared".to_owned();
    }
    value(state.as_str_name(), "LINK_STATE_")
}

/// What an organisation may do.
pub fn access(access: v1::Access) -> String {
    value(access.as_str_name(), "ACCESS_").replace(' ', "-")
}

/// How far two holders of logs are apart.
pub fn lag(lag: Option<&v1::Lag>) -> String {
    let Some(lag) = lag else {
        return "unknown".to_owned();
    };
    let behind = match lag.unacknowledged_entries {
        0 => "none".to_owned(),
        behind => format!("{behind} not acknowledged"),
    };
    match &lag.known_at {
        None => behind,
        Some(at) => format!("{behind} at {}", time::show(Some(at))),
    }
}

/// How far clocks are from ours. Nothing for what says more about the network than about them.
pub fn skew(milliseconds: i64) -> String {
    let apart = milliseconds.unsigned_abs();
    if apart < bounds::CLOCK_SKEW_SHOWN_MIN {
        return String::new();
    }
    let seconds = apart / 1000;
    let side = if milliseconds > 0 {
        "ahead of"
    } else {
        "behind"
    };
    format!("{seconds} s {side} ours")
}

/// `yes`, or nothing.
pub fn yes(flag: bool) -> String {
    if flag {
        "yes".to_owned()
    } else {
        String::new()
    }
}

/// A number, or nothing for none.
pub fn some(number: u64) -> String {
    if number == 0 {
        String::new()
    } else {
        number.to_string()
    }
}

/// Who wrote: the organisation first and always in the same place, so that no name can pretend to
/// another; then whether it is another than ours, then the person.
pub fn author(author: Option<&v1::Author>) -> String {
    let Some(author) = author else {
        return "[unknown]".to_owned();
    };
    let mut marks = vec![if author.organisation_handle.is_empty() {
        author.organisation_id.clone()
    } else {
        author.organisation_handle.clone()
    }];
    if author.external {
        marks.push("external".to_owned());
        if !author.introduced_by.is_empty() {
            marks.push(format!("introduced by {}", author.introduced_by));
        } else if !author.verified {
            marks.push("unverified".to_owned());
        }
    }
    if !matches!(
        author.kind(),
        v1::MemberKind::Unspecified | v1::MemberKind::Member
    ) {
        marks.push(value(author.kind().as_str_name(), "MEMBER_KIND_"));
    }
    let person = person(author);
    let separator = if person.is_empty() { "" } else { " " };
    format!("[{}]{separator}{person}", marks.join(", "))
}

fn person(author: &v1::Author) -> String {
    match (author.display_name.as_str(), author.address.as_str()) {
        ("", "") if author.author_id.is_empty() => String::new(),
        ("", "") => "somebody whose name is not known here".to_owned(),
        ("", address) => address.to_owned(),
        (name, "") => name.to_owned(),
        (name, address) => format!("{name} <{address}>"),
    }
}

/// An identifier, shortened to what people can compare.
pub fn short_identifier(identifier: &str) -> String {
    identifier.chars().take(9).collect()
}

/// An entry's reference, shortened to what people can compare.
pub fn short_reference(reference: &str) -> String {
    match reference.split('/').collect::<Vec<_>>().as_slice() {
        [origin, incarnation, sequence] => {
            let (origin, incarnation) = (short_identifier(origin), short_identifier(incarnation));
            format!("{origin}/{incarnation}/{sequence}")
        }
        _ => reference.to_owned(),
    }
}

/// When a message was written. Both times, when they are too far apart to believe the first.
pub fn written(
    signed_at: Option<&prost_types::Timestamp>,
    arrived_at: Option<&prost_types::Timestamp>,
    in_doubt: bool,
) -> String {
    let signed = time::listed(signed_at);
    if in_doubt {
        format!("{signed} (arrived {})", time::listed(arrived_at))
    } else {
        signed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_lower_case_words() {
        assert_eq!(
            value("PARTNER_STATE_WAITING_FOR_US", "PARTNER_STATE_"),
            "waiting for us"
        );
        assert_eq!(value("PARTNER_STATE_UNSPECIFIED", "PARTNER_STATE_"), "");
        assert_eq!(access(v1::Access::ReadOnly), "read-only");
        assert_eq!(link(v1::LinkState::Up), "up");
        assert_eq!(link(v1::LinkState::Resting), "resting: nothing is shared");
    }

    fn ben() -> v1::Author {
        v1::Author {
            author_id: "auth_x".to_owned(),
            address: "ben@globex.example".to_owned(),
            display_name: "Ben".to_owned(),
            organisation_handle: "globex.example".to_owned(),
            organisation_id: "org_x".to_owned(),
            external: true,
            verified: true,
            ..v1::Author::default()
        }
    }

    #[test]
    fn an_author_is_shown_with_the_organisation() {
        assert_eq!(
            author(Some(&ben())),
            "[globex.example, external] Ben <ben@globex.example>"
        );
        let ours = v1::Author {
            external: false,
            ..ben()
        };
        assert_eq!(
            author(Some(&ours)),
            "[globex.example] Ben <ben@globex.example>"
        );
        let unverified = v1::Author {
            verified: false,
            kind: v1::MemberKind::Bot.into(),
            ..ben()
        };
        assert_eq!(
            author(Some(&unverified)),
            "[globex.example, external, unverified, bot] Ben <ben@globex.example>"
        );
        let introduced = v1::Author {
            introduced_by: "acme.example".to_owned(),
            verified: false,
            ..ben()
        };
        assert_eq!(
            author(Some(&introduced)),
            "[globex.example, external, introduced by acme.example] Ben <ben@globex.example>"
        );
        let organisation = v1::Author {
            author_id: String::new(),
            address: String::new(),
            display_name: String::new(),
            ..ben()
        };
        assert_eq!(author(Some(&organisation)), "[globex.example, external]");
    }

    #[test]
    fn clocks_are_told_from_two_seconds_on() {
        assert_eq!(skew(38), "");
        assert_eq!(skew(-1999), "");
        assert_eq!(skew(2000), "2 s ahead of ours");
        assert_eq!(skew(-125_900), "125 s behind ours");
        assert_eq!(skew(i64::MIN), "9223372036854775 s behind ours");
    }

    #[test]
    fn lag_says_what_is_behind() {
        assert_eq!(lag(None), "unknown");
        assert_eq!(lag(Some(&v1::Lag::default())), "none");
        let behind = v1::Lag {
            unacknowledged_entries: 3,
            known_at: None,
        };
        assert_eq!(lag(Some(&behind)), "3 not acknowledged");
        let then = v1::Lag {
            known_at: Some(prost_types::Timestamp::default()),
            ..behind
        };
        let told = lag(Some(&then));
        assert!(told.starts_with("3 not acknowledged at 1"), "{told}");
    }

    #[test]
    fn references_are_shortened_where_they_have_three_parts() {
        assert_eq!(
            short_reference("org_abcdefghij/inc_klmnopqrs/17"),
            "org_abcde/inc_klmno/17"
        );
        assert_eq!(short_reference("odd"), "odd");
    }
}
