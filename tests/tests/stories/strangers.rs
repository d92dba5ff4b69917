//! Step 8, over the wire: who holds an invitation is told what became of it, and who only knows its number learns
//! nothing, not even that it exists.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use foedus_daemon::identity_files::{IdentityFiles, KeyRole};
use foedus_federation::identity::IdentityChain;
use foedus_federation::key::SigningKey;
use foedus_federation::note::NoteType as _;
use foedus_federation::pairing::{
    Invitation, InvitationReply, InvitationSecret, PairingReply, reply_proof,
};
use foedus_federation::record::{Endpoints, Versions};
use foedus_federation::transport::pairing::identify;
use foedus_federation::transport::tls::{Pins, Tls};
use foedus_federation::transport::{PairError, PairingRefusal, Reach};
use foedus_policy::time::Timestamp;
use foedus_tests::harness::organisation::{Equipment, Organisation, text};
use foedus_tests::harness::two::{INITECH, INITECH_PEOPLE, Two};
use foedus_tests::harness::{SOON, eventually};

use super::admission::{denied, invite_anybody, partners, turned_away};

/// Longer than an invitation holds.
const FIFTEEN_DAYS: Duration = Duration::from_secs(15 * 24 * 60 * 60);

fn initech(two: &Two) -> Organisation {
    Organisation::begin(two.folder.path(), INITECH, INITECH_PEOPLE)
}

/// Nobody has answered this one yet, and nobody may any more.
#[track_caller]
fn revoke_the_open_one(of: &Organisation) {
    let administrator = of.administrator();
    let list = administrator.json(&["invitation", "list"]);
    let invitations = list["invitations"].as_array().expect("a list").iter();
    let mut open = invitations.filter(|one| one["state"] == "open");
    let id = text(open.next().expect("one is open"), "invitation_id");
    administrator.must(&["invitation", "revoke", &id]);
}

/// Time passes beyond what invitations hold, and somebody says that it has.
#[track_caller]
fn let_two_weeks_pass(of: &Organisation) {
    of.clock().is_ahead(FIFTEEN_DAYS);
    let administrator = of.administrator();
    eventually("the leap to be found", SOON, || {
        let clock = administrator.json(&["clock", "show"]);
        let paused = clock["paused"] == true;
        paused.then_some(()).ok_or(clock.to_string())
    });
    administrator.must(&["clock", "confirm"]);
}

/// An inviter whose invitations were used, revoked, and have run out, one of each, and one that is open.
struct Spent {
    two: Two,
    used: String,
    revoked: String,
    expired: String,
    open: String,
}

impl Spent {
    fn begin() -> Self {
        let two = Two::begin_with(Equipment::WITH_CLOCK);
        let alice = two.acme.administrator();
        alice.must(&["partner", "mode", "anyone-after-approval"]);
        let used = invite_anybody(&two.acme);
        drop(two.accept(&used));
        let revoked = invite_anybody(&two.acme);
        revoke_the_open_one(&two.acme);
        let expired = invite_anybody(&two.acme);
        let_two_weeks_pass(&two.acme);
        let open = invite_anybody(&two.acme);
        Self {
            two,
            used,
            revoked,
            expired,
            open,
        }
    }
}

#[test]
fn who_holds_an_invitation_that_has_run_out_is_told_so_and_it_is_noted() {
    let spent = Spent::begin();
    let acme = &spent.two.acme;
    let initech = initech(&spent.two);
    let invitations = [
        (&spent.used, "INVITATION_USED"),
        (&spent.revoked, "INVITATION_REVOKED"),
        (&spent.expired, "INVITATION_EXPIRED"),
    ];
    for (number, (invitation, rule)) in invitations.into_iter().enumerate() {
        assert_eq!(turned_away(&initech, invitation), rule);
        let denied = denied(acme);
        assert_eq!(denied.len(), number + 1, "each once: {denied:?}");
        assert!(denied.iter().any(|one| one == rule), "{rule}: {denied:?}");
    }
    let waiting = initech.administrator().json(&["request", "list"]);
    assert_eq!(waiting["requests"], serde_json::json!([]), "{waiting}");
    assert_eq!(partners(&initech), serde_json::json!([]));
    // The one that is open is as good as ever.
    let accept = ["partner", "accept", &spent.open];
    let accepted = initech.administrator().json(&accept);
    assert_eq!(accepted["delivered"], true, "{accepted}");
}

/// What the stranger tries in vain, to begin with.
const GUESSES: u64 = 5;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Waits until the audit log has counted so many refusals of strangers, in few entries.
#[track_caller]
fn counted(of: &Organisation, expected: u64) {
    let administrator = of.administrator();
    let list = ["audit", "list", "--action", "audit.denials"];
    eventually("strangers to be counted", SOON, || {
        let list = administrator.json(&list);
        let records = list["records"].as_array().into_iter().flatten();
        let of_strangers = records.filter(|record| record["subject"] == "strangers");
        let counts: Vec<u64> = of_strangers
            .filter_map(|record| record["count"].as_u64())
            .collect();
        // An hour may have been over by itself meanwhile.
        let hours_max = 3;
        let all = counts.iter().sum::<u64>() == expected && counts.len() <= hours_max;
        all.then_some(()).ok_or_else(|| list.to_string())
    });
}

/// Initech's keys in the hands of a test.
struct Stranger {
    identity: IdentityChain,
    sign: SigningKey,
    tls: Tls,
}

impl Stranger {
    fn of(organisation: &Organisation) -> Self {
        let shown = organisation.foedus().json(&["identity", "show"]);
        let note = text(&shown, "note");
        let files = IdentityFiles::of(&organisation.daemon.place.data());
        let key = |role| *files.load(role).expect("its own key").expose();
        Self {
            identity: IdentityChain::verify([note.as_bytes()]).expect("it is one"),
            sign: SigningKey::from_seed(&key(KeyRole::Sign)),
            tls: Tls::new(&key(KeyRole::Link), Arc::new(Pins::default())).expect("a key"),
        }
    }

    /// What the inviter says to a reply about `invitation` by whom knows `secret`.
    #[track_caller]
    fn told(
        &self,
        address: &str,
        invitation: &Invitation,
        secret: &InvitationSecret,
    ) -> PairingRefusal {
        let (us, root) = (self.identity.org(), self.identity.current().root);
        let inviter_root = invitation.inviter.current().root;
        let endpoints = Endpoints {
            org: us,
            serial: 1,
            addresses: BTreeSet::new(),
            versions: Versions { min: 1, max: 1 },
        };
        let reply = InvitationReply {
            invitation: invitation.id(),
            inviter: invitation.inviter.org(),
            inviter_root,
            invitee: us,
            invitee_root: root,
            proof: reply_proof(secret, &inviter_root, &root),
            at: Timestamp(1_800_000_000_000),
        };
        let endpoints = endpoints.sign(&self.sign).expect("a text");
        let reply = reply.sign(&self.sign).expect("a text");
        let reply = PairingReply::verify(self.identity.clone(), endpoints.bytes(), reply.bytes());
        let reply = reply.and_then(|reply| reply.encode()).expect("a reply");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let answer = runtime.block_on(async {
            let found = identify(&self.tls, Reach::Everywhere, address, SOON).await?;
            let checked = found.verify(|_, _| Ok::<_, PairError>(()))?;
            checked.0.reply(reply.into_bytes()).await
        });
        match answer {
            Err(PairError::Refused(refusal)) => refusal,
            other => panic!("expected a refusal, found {other:?}"),
        }
    }
}

#[test]
fn who_only_knows_the_number_of_an_invitation_learns_nothing_of_it() {
    let spent = Spent::begin();
    let acme = &spent.two.acme;
    let initech = initech(&spent.two);
    let stranger = Stranger::of(&initech);
    let address = acme.daemon.place.link.to_string();
    let guessed = InvitationSecret::from_bytes([7; 32]);
    let parse = |text: &str| Invitation::parse(text).expect("an invitation");
    let mut unknown = parse(&spent.open);
    unknown.secret = guessed.clone();

    // Used, revoked, run out, open, or never there: it is one answer.
    for invitation in [&spent.used, &spent.revoked, &spent.expired, &spent.open] {
        let invitation = parse(invitation);
        let told = stranger.told(&address, &invitation, &guessed);
        assert_eq!(told, PairingRefusal::Refused, "{:?}", invitation.id());
    }
    let told = stranger.told(&address, &unknown, &guessed);
    assert_eq!(told, PairingRefusal::Refused);

    // One by one they are not written down; when the hour is over, how many there were is.
    let exact = denied(acme);
    acme.clock().is_ahead(FIFTEEN_DAYS + HOUR);
    counted(acme, GUESSES);
    assert_eq!(
        denied(acme),
        exact,
        "nothing of it is written down by itself"
    );
    let told = stranger.told(&address, &unknown, &guessed);
    assert_eq!(told, PairingRefusal::Refused);
    acme.clock().is_ahead(FIFTEEN_DAYS + 2 * HOUR);
    counted(acme, GUESSES + 1);

    // It is the same stranger to whom it is said what became of those that it holds.
    for (invitation, expected) in [
        (&spent.used, PairingRefusal::Used),
        (&spent.revoked, PairingRefusal::Revoked),
        (&spent.expired, PairingRefusal::Expired),
    ] {
        let invitation = parse(invitation);
        let told = stranger.told(&address, &invitation, &invitation.secret);
        assert_eq!(told, expected);
    }
    // Nobody came to wait by any of this, and the open one is still good.
    let accept = ["partner", "accept", &spent.open];
    let accepted = initech.administrator().json(&accept);
    assert_eq!(accepted["delivered"], true, "{accepted}");
}
