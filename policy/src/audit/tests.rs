use super::*;
use crate::id::{ChannelId, RequestNumber};
use crate::state::Scopes;
use crate::testing::*;

#[test]
fn an_event_says_who_did_what_and_how_it_ended() {
    let mut world = World::acme();
    let action = approve(
        RequestNumber(7),
        Some("these are not the six words"),
        Some("name"),
    );
    let actor = world.other_eyes();
    let reason = world
        .decided(actor, &action)
        .expect_err("there is no such request");
    let event = audit_event(&actor, &action, Err(reason));
    assert_eq!(
        (event.verb, event.object.as_str()),
        ("request.approve", "REQ-0007")
    );
    assert_eq!(event.outcome, AuditOutcome::Denied(Reason::RequestUnknown));
    assert_eq!(event.details, [("channel_name", "name".to_owned())]);

    let action = add_member("bob", false);
    let outcome = world.must(OPERATOR, action.clone());
    let event = audit_event(&OPERATOR, &action, Ok(&outcome));
    assert_eq!(event.outcome, AuditOutcome::Done);
    assert!(event.details.iter().any(|(name, _)| *name == "member"));
}

#[test]
fn lists_are_told_word_by_word() {
    let world = World::acme();
    let details = |action| audit_event(&OPERATOR, &action, Err(Reason::RequestUnknown)).details;

    let asked = share(ChannelId([7; 32]), "globex.example", world.launch_end());
    let ends = world.launch_end().expect("it ends").0.to_string();
    let expected = [
        ("partner", "globex.example"),
        ("project", "Launch"),
        ("ends_ms", ends.as_str()),
        ("capabilities", "edit,post"),
        ("history", "false"),
    ];
    assert_eq!(
        details(asked),
        expected.map(|(name, value)| (name, value.to_owned()))
    );

    let token = details(create_token(world.anna(), Scopes::ALL));
    let scopes = token.iter().find(|(name, _)| *name == "scopes");
    assert_eq!(scopes.expect("named").1, "read,write,administer");
}

#[test]
fn no_secret_gets_into_an_event() {
    let mut world = World::acme();
    let anna = world.anna();
    let action = create_token(anna, Scopes::ALL);
    let outcome = world.must(OPERATOR, action.clone());
    let Outcome::TokenCreated { text, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    let event = format!("{:?}", audit_event(&OPERATOR, &action, Ok(&outcome)));
    assert!(!event.contains(text.reveal()) && !format!("{outcome:?}").contains(text.reveal()));

    let action = Action::InvitePartner {
        handle: Some("globex.example".into()),
    };
    let outcome = world.must(world.other_eyes(), action.clone());
    let Outcome::Invited { secret, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    let event = format!(
        "{:?}{outcome:?}",
        audit_event(&OPERATOR, &action, Ok(&outcome))
    );
    assert!(!event.contains(&crate::id::base32(&secret.0)));
    assert!(!event.contains(&format!("{:?}", secret.0)));

    let event = format!(
        "{:?}",
        audit_event(&OPERATOR, &confirm(GLOBEX), Err(Reason::WordsDiffer))
    );
    assert!(!event.contains("able"), "{event}");
}
