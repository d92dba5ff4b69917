//! Refusals about members and their tokens.

use super::*;

pub(super) fn about_people() -> Rows {
    let mut rows = Rows::default();
    let empty = World::empty();
    rows.deny(
        &empty,
        OPERATOR,
        add_member("bob", false),
        Reason::NotInitialised,
    );
    rows.deny(&empty, Actor::System, init(), Reason::NotOperator);
    let mut world = World::acme();
    rows.deny(&world, OPERATOR, init(), Reason::AlreadyInitialised);
    let (anna, bob) = (world.anna(), world.add("bob", false));
    rows.deny(
        &world,
        member(bob),
        add_member("carl", false),
        Reason::NotAdministrator,
    );
    rows.deny(
        &world,
        with(anna, true, true, false),
        add_member("carl", false),
        Reason::ScopeMissing,
    );
    permit(
        &world,
        with(anna, false, false, true),
        add_member("carl", false),
    );
    rows.deny(
        &world,
        GLOBEX_KEY,
        add_member("carl", false),
        Reason::NotForPartners,
    );
    rows.deny(
        &world,
        Actor::System,
        add_member("carl", false),
        Reason::PeopleOnly,
    );
    rows.deny(
        &world,
        OPERATOR,
        add_member("bob", false),
        Reason::NameTaken,
    );
    rows.deny(
        &world,
        OPERATOR,
        add_member("Bob", false),
        Reason::NameInvalid,
    );
    let reversed = Action::AddMember {
        name: "carl".into(),
        display_name: "\u{202E}lrac".into(),
        administrator: false,
    };
    rows.deny(&world, OPERATOR, reversed, Reason::TextInvalid);
    let nobody = MemberId([0; 16]);
    rows.deny(
        &world,
        member(nobody),
        create_channel("x", false),
        Reason::MemberUnknown,
    );
    rows.deny(
        &world,
        OPERATOR,
        Action::DeactivateMember { member: anna },
        Reason::LastAdministrator,
    );
    rows.deny(
        &world,
        OPERATOR,
        create_token(bob, Scopes::default()),
        Reason::ScopesNeeded,
    );
    rows.deny(
        &world,
        OPERATOR,
        create_token(bob, Scopes::ALL),
        Reason::ScopeTooWide,
    );
    rows.deny(
        &world,
        member(bob),
        create_token(bob, Scopes::ALL),
        Reason::NotAdministrator,
    );
    let past = Action::CreateToken {
        member: anna,
        name: "x".into(),
        scopes: Scopes::ALL,
        expires: Some(world.now),
    };
    rows.deny(&world, OPERATOR, past, Reason::EndInPast);
    let unknown = Action::RevokeToken {
        token: TokenId([0; 16]),
    };
    rows.deny(&world, OPERATOR, unknown.clone(), Reason::TokenUnknown);
    // Who may not revoke does not learn whether there is such a token.
    rows.deny(&world, member(bob), unknown, Reason::NotAdministrator);
    world.must(OPERATOR, create_token(bob, WITHOUT_ADMINISTER));
    let token = *world.state.tokens().keys().next().expect("just made");
    permit(
        &world,
        with(bob, true, false, false),
        Action::RevokeToken { token },
    );
    world.must(OPERATOR, Action::DeactivateMember { member: bob });
    rows.deny(
        &world,
        member(bob),
        create_channel("x", false),
        Reason::MemberInactive,
    );
    rows.deny(
        &world,
        OPERATOR,
        add_member("bob", false),
        Reason::NameTaken,
    );

    let mut full = World::acme();
    for number in full.state.members().len()..MEMBERS_COUNT_MAX {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let name = MemberName::parse(&format!("m{number}")).expect("a valid name");
        let member = Member {
            name,
            display_name: label("M"),
            administrator: false,
            active: true,
        };
        full.state.put(Record::Member(MemberId(id), member));
    }
    rows.deny(
        &full,
        OPERATOR,
        add_member("one-more", false),
        Reason::LimitReached,
    );
    rows
}

pub(super) fn about_tokens() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let anna = world.anna();
    let token = |world: &mut World, expires| {
        let action = Action::CreateToken {
            member: anna,
            name: "x".into(),
            scopes: Scopes::ALL,
            expires,
        };
        match world.must(OPERATOR, action) {
            crate::action::Outcome::TokenCreated { token, text } => (token, text),
            other => panic!("{other:?}"),
        }
    };
    let (id, good) = token(&mut world, Some(START.plus_millis(10)));
    let good = good.reveal().to_owned();
    assert_eq!(
        authenticate(&world.state, &good, world.now),
        Ok(member(anna))
    );
    let mut deny = |world: &World, text: &str, now: Timestamp, reason| {
        assert_eq!(authenticate(&world.state, text, now), Err(reason), "{text}");
        rows.0.insert(reason);
    };
    for index in 0..good.len() {
        let mut text = good.clone().into_bytes();
        text[index] = if text[index] == b'a' { b'b' } else { b'a' };
        let text = String::from_utf8(text).expect("still ASCII");
        deny(&world, &text, world.now, Reason::TokenInvalid);
    }
    for text in [
        "",
        "foedus_",
        &good[..good.len() - 1],
        &format!("{good}a"),
        &good.to_uppercase(),
    ] {
        deny(&world, text, world.now, Reason::TokenInvalid);
    }
    deny(
        &world,
        &good,
        world.now.plus_millis(10),
        Reason::TokenExpired,
    );
    deny(&World::acme(), &good, world.now, Reason::TokenUnknown);
    // The right id with another secret is as good as none.
    let forged = crate::secret::token_text(id, &[0; 32]);
    deny(&world, forged.reveal(), world.now, Reason::TokenUnknown);
    world.must(OPERATOR, Action::RevokeToken { token: id });
    deny(&world, &good, world.now, Reason::TokenRevoked);
    rows
}
