//! A channel that is loaded again stands as it stood, whatever its participants said and in whatever order.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What is said next: which kind of note, by whom, and a number that tells one from another.
type Said = (u8, u8, u64);

/// All that was said so far, so that more can be said about it.
struct Talk {
    governance: Governance,
    notes: Vec<GovernanceNote>,
    texts: Vec<Charter>,
    yeses: Vec<Verified<Consent>>,
    left: Vec<(u8, NoteHash)>,
}

impl Talk {
    fn say(&mut self, note: GovernanceNote) {
        // What is refused changes nothing.
        self.told(&note).ok();
        self.notes.push(note);
    }

    fn told(&mut self, note: &GovernanceNote) -> Result<Learned, Breach> {
        let before = self.governance.notes().count();
        let learned = self.governance.told(note);
        if learned.is_err_and(|breach| breach != Breach::TwoSeals) {
            assert!(self.governance.notes().count() <= before, "{learned:?}");
        }
        learned
    }

    fn text(&self, number: u64) -> Charter {
        let newest = self.texts.len() - 1;
        let back = usize::try_from(number % 3).expect("it is small");
        self.texts[newest.saturating_sub(back)].clone()
    }

    fn yes(&mut self, text: &Charter, root: u8, number: u64, named: Option<NoteHash>) {
        let consent = Consent {
            withdrawal: named,
            ..consent(text, root, AT.plus_millis(number)).note().clone()
        };
        let consent = signed(&consent, root);
        self.yeses.push(consent.clone());
        self.say(GovernanceNote::Consent(consent));
    }

    fn seal(&mut self, text: &Charter, one_of_each: bool) {
        let mut cited: Vec<&Verified<Consent>> = Vec::new();
        for yes in self
            .yeses
            .iter()
            .filter(|yes| yes.note().charter == text.hash())
        {
            let known = |it: &&&Verified<Consent>| it.note().org == yes.note().org;
            if !one_of_each || !cited.iter().any(|it| known(&it)) {
                cited.push(yes);
            }
        }
        let seal = seal(text, &cited, AT);
        self.say(seal);
    }

    fn go_on(&mut self, (kind, who, number): Said) {
        let root = [GLOBEX, INITECH, ACME][usize::from(who) % 3];
        let text = self.text(number);
        match kind {
            0 => {
                let before = self.governance.newest().map(Revision::charter);
                let before = before.cloned().unwrap_or(text);
                let change = [adding, taking, by_host][usize::from(who) % 3];
                let text = change(&before);
                self.texts.push(text.clone());
                self.say(charter_note(&text));
            }
            1 | 2 => self.yes(&text, root, number, None),
            3 => {
                let left = self.left.iter().rev().find(|(org, _)| *org == root);
                let named = left.map(|(_, hash)| *hash);
                self.yes(&text, root, number, named);
            }
            4 => self.seal(&text, true),
            5 => self.seal(&text, false),
            6 => {
                let left = Withdrawal {
                    channel: text.channel,
                    org: org(root),
                    revision: text.hash(),
                    heads: LogHeads::new(),
                    at: AT.minus_millis(self.left.len() as u64 + number),
                };
                let left = GovernanceNote::Withdrawal(signed(&left, root));
                self.left.push((root, left.hash()));
                self.say(left);
            }
            _ => {
                let again = usize::try_from(number).expect("it is small") % self.notes.len();
                let again = self.notes[again].clone();
                self.say(again);
            }
        }
    }

    /// As a channel is loaded: from what is held alone, in its order.
    fn loaded(&self) -> Governance {
        let mut loaded = Governance::local(self.governance.us);
        for (hash, _) in self.governance.notes() {
            let note = self.notes.iter().find(|note| note.hash() == hash);
            let note = note.expect("it was said");
            let learned = loaded.told(note);
            let finds_its_place = matches!(
                learned,
                Ok(Learned::Kept | Learned::InForce) | Err(Breach::TwoSeals)
            );
            assert!(finds_its_place, "{note:?}: {learned:?}");
        }
        loaded
    }
}

/// Begins with a text of all three in force, as one of its participants sees it.
fn talk() -> Talk {
    let text = first();
    let mut talk = Talk {
        governance: Governance::local(org(GLOBEX)),
        notes: Vec::new(),
        texts: vec![text.clone()],
        yeses: Vec::new(),
        left: Vec::new(),
    };
    talk.say(charter_note(&text));
    for root in [GLOBEX, INITECH] {
        talk.yes(&text, root, DAY_MILLIS, None);
    }
    talk.seal(&text, true);
    assert_eq!(
        talk.governance.newest().map(Revision::hash),
        Some(text.hash())
    );
    talk
}

#[track_caller]
fn stands_as_it_stood(talk: &Talk) {
    let (held, loaded) = (&talk.governance, talk.loaded());
    assert_eq!(loaded.digest(), held.digest());
    assert_eq!(loaded.revisions, held.revisions);
    assert_eq!(loaded.withdrawals, held.withdrawals);
    assert_eq!(loaded.two_seals, held.two_seals);
}

/// A host may name two yeses of one organisation in its seal: both are kept.
#[test]
fn a_seal_that_names_two_yeses_of_one_organisation_is_loaded_again() {
    let mut talk = talk();
    let second = taking(&talk.texts[0]);
    talk.texts.push(second.clone());
    talk.say(charter_note(&second));
    for number in 1..=2 {
        talk.yes(&second, ACME, number, None);
    }
    talk.seal(&second, false);
    let newest = talk.governance.newest().map(Revision::hash);
    assert_eq!(newest, Some(second.hash()));
    stands_as_it_stood(&talk);
}

/// Who agreed by a yes that the host did not need comes back, and then leaves so often, each time before, that what it came
/// back after is forgotten.
#[test]
fn who_agreed_unasked_and_came_back_is_loaded_again() {
    let mut talk = talk();
    let second = by_host(&talk.texts[0]);
    talk.texts.push(second.clone());
    talk.say(charter_note(&second));
    for root in [GLOBEX, INITECH] {
        talk.yes(&second, root, DAY_MILLIS, None);
    }
    talk.seal(&second, true);
    let third = adding(&second);
    talk.texts.push(third.clone());
    talk.say(charter_note(&third));
    talk.yes(&third, INITECH, DAY_MILLIS, None);
    let sealed = seal(&third, &[], AT);
    talk.say(sealed);
    let newest = talk.governance.newest().map(Revision::hash);
    assert_eq!(newest, Some(third.hash()));
    talk.go_on((6, 1, 0));
    talk.go_on((3, 1, 0));
    let back = talk.notes.last().expect("it was said").hash();
    assert!(talk.governance.holds(back), "it came back");
    for _ in 0..=WITHDRAWALS_PER_ORG_MAX {
        talk.go_on((6, 1, 0));
    }
    stands_as_it_stood(&talk);
}

proptest! {
    #[test]
    fn what_is_loaded_again_stands_as_it_stood(said in vec((0..8_u8, 0..3_u8, 0..40_u64), 1..80)) {
        let mut talk = talk();
        for said in said {
            talk.go_on(said);
        }
        stands_as_it_stood(&talk);
    }
}
