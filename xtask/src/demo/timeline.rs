//! Whether both sides tell one timeline: the same entries in the same order, by the same people of the same
//! organisations, with the same texts, corrections and reactions. What each says from where it stands is left out of
//! the comparison, and looked at by itself: who is external there.

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::demo::stage::Side;
use crate::demo::teller::json;

/// What each side says for itself of a message: when it arrived there.
const OF_A_SIDE: [&str; 2] = ["arrived_at", "time_in_doubt"];

/// What each side says for itself of an author.
const OF_A_SIDE_OF_AUTHORS: [&str; 3] = ["external", "verified", "introduced_by"];

/// The whole history of a channel, oldest first, as one side tells it.
#[derive(Debug)]
pub struct Timeline {
    whose: &'static str,
    messages: Vec<Value>,
}

impl Timeline {
    /// What a member is told of a channel.
    pub fn read(side: &Side, member: &str, channel: &str) -> anyhow::Result<Self> {
        let history = [
            "--as", member, "history", channel, "--oldest", "--limit", "1000000",
        ];
        let page = json(side, &history)?;
        Self::of(side.name, side.handle, &page)
    }

    /// The messages of one page, which must name as external whoever is of another organisation, and nobody else.
    fn of(whose: &'static str, handle: &str, page: &Value) -> anyhow::Result<Self> {
        let messages = page["messages"]
            .as_array()
            .with_context(|| format!("no list of messages at {whose}: {page}"))?;
        for message in messages {
            let givers = list(&message["reactions"]).flat_map(|given| list(&given["authors"]));
            for author in givers.chain([&message["author"]]) {
                let is_external = author["organisation_handle"] != handle;
                ensure!(
                    author["external"] == is_external && author["verified"] == true,
                    "at {whose}, an author is to be verified, and external or not by its organisation: {author}"
                );
            }
        }
        Ok(Self {
            whose,
            messages: messages.clone(),
        })
    }

    /// What was said, in the order of the timeline; not what was taken back, nor who joined.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let posted = self
            .messages
            .iter()
            .filter(|message| message["kind"] == "posted" && message["retracted"] != true);
        posted.filter_map(|message| message["text"].as_str())
    }

    /// Fails with the first difference, if `guest` tells something else. The host alone has what was before the
    /// channel was shared: who joined it then.
    pub fn is_that_of(&self, guest: &Self) -> anyhow::Result<()> {
        let first = guest.messages.first().map(|message| &message["entry_ref"]);
        let first = first.with_context(|| format!("{} tells nothing", guest.whose))?;
        let begin = self
            .messages
            .iter()
            .position(|message| message["entry_ref"] == *first);
        let begin = begin.with_context(|| {
            format!(
                "{} begins with {first}, which {} does not tell",
                guest.whose, self.whose
            )
        })?;
        let (before, shared) = self.messages.split_at(begin);
        if let Some(message) = before.iter().find(|message| message["kind"] != "joined") {
            bail!("{} does not tell {message}", guest.whose);
        }
        for (number, (ours, theirs)) in (1..).zip(shared.iter().zip(&guest.messages)) {
            let (ours, theirs) = (common(ours), common(theirs));
            if let Some((field, ours, theirs)) = difference(&ours, &theirs) {
                bail!(
                    "the timelines differ at number {number}, in {field}:\n{}: {ours}\n{}: {theirs}",
                    self.whose,
                    guest.whose
                );
            }
        }
        ensure!(
            shared.len() == guest.messages.len(),
            "{} tells {} messages, {} tells {}",
            self.whose,
            shared.len(),
            guest.whose,
            guest.messages.len()
        );
        Ok(())
    }
}

/// A message without what each side says for itself.
fn common(message: &Value) -> Value {
    let mut common = message.clone();
    without(&mut common, &OF_A_SIDE);
    without(&mut common["author"], &OF_A_SIDE_OF_AUTHORS);
    let reactions = common["reactions"].as_array_mut();
    for reaction in reactions.into_iter().flatten() {
        let authors = reaction["authors"].as_array_mut();
        for author in authors.into_iter().flatten() {
            without(author, &OF_A_SIDE_OF_AUTHORS);
        }
    }
    common
}

fn without(value: &mut Value, fields: &[&str]) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|name, _| !fields.contains(&name.as_str()));
    }
}

/// The first field of two messages that is not the same, and what it is in each.
fn difference(ours: &Value, theirs: &Value) -> Option<(String, Value, Value)> {
    if ours == theirs {
        return None;
    }
    let (Some(one), Some(other)) = (ours.as_object(), theirs.as_object()) else {
        return Some(("the whole".to_owned(), ours.clone(), theirs.clone()));
    };
    let names = one.keys().chain(other.keys());
    let field = names
        .into_iter()
        .find(|name| one.get(*name) != other.get(*name))?;
    Some((field.clone(), ours[field].clone(), theirs[field].clone()))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Timeline;

    fn author(name: &str, organisation: &str, at: &str) -> Value {
        json!({
            "address": format!("{name}@{organisation}"),
            "organisation_handle": organisation,
            "external": organisation != at,
            "verified": true,
        })
    }

    /// What was told at an organisation: Anna's post, on which Gwen's eye fell.
    fn told(at: &str) -> Vec<Value> {
        let anna = |kind: &str, entry: &str| {
            json!({
                "entry_ref": entry, "kind": kind, "text": "Hello.", "edited": true, "retracted": false,
                "author": author("anna", "acme.example", at),
                "arrived_at": at, "time_in_doubt": false,
                "reactions": [{ "emoji": "👀", "authors": [author("gwen", "globex.example", at)] }],
            })
        };
        vec![
            anna("joined", "a/0"),
            anna("posted", "a/1"),
            anna("posted", "a/2"),
        ]
    }

    fn check(ours: Vec<Value>, theirs: Vec<Value>) -> Result<(), String> {
        let told = |whose, handle: &str, messages: Vec<Value>| {
            Timeline::of(whose, handle, &json!({ "messages": messages }))
        };
        let compared = told("Acme", "acme.example", ours).and_then(|ours| {
            let theirs = told("Globex", "globex.example", theirs)?;
            ours.is_that_of(&theirs)
        });
        compared.map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_side_says_for_itself_makes_no_difference() {
        let (ours, theirs) = (told("acme.example"), told("globex.example"));
        assert_eq!(check(ours.clone(), theirs.clone()), Ok(()));
        // Who joined before the channel was shared is the host's alone.
        assert_eq!(check(ours, theirs[1..].to_vec()), Ok(()));
    }

    #[test]
    fn anything_else_that_differs_is_told() {
        for (field, other) in [
            ("/text", json!("Hello!")),
            ("/edited", json!(false)),
            ("/retracted", json!(true)),
            ("/kind", json!("custom")),
            ("/author/address", json!("eve@acme.example")),
            ("/reactions/0/emoji", json!("👍")),
            ("/reactions/0/authors", json!([])),
            ("/reactions", json!([])),
        ] {
            let mut theirs = told("globex.example");
            *theirs[1].pointer_mut(field).expect("it is there") = other.clone();
            let found = check(told("acme.example"), theirs).expect_err(field);
            let name = field.split('/').nth(1).expect("a name");
            assert!(found.contains(&format!("number 2, in {name}:")), "{found}");
            assert!(
                found.contains("\nAcme: ") && found.contains("\nGlobex: "),
                "{found}"
            );
        }
    }

    #[test]
    fn another_order_and_more_or_fewer_messages_are_told() {
        let (ours, theirs) = (told("acme.example"), told("globex.example"));
        let swapped = vec![theirs[0].clone(), theirs[2].clone(), theirs[1].clone()];
        assert!(check(ours.clone(), swapped).is_err());
        assert!(check(ours.clone(), theirs[..2].to_vec()).is_err());
        assert!(check(ours[..2].to_vec(), theirs.clone()).is_err());
        // What was posted before the channel was shared would be missing, too.
        assert!(check(ours.clone(), theirs[2..].to_vec()).is_err());
        assert!(check(ours, Vec::new()).is_err());
    }

    #[test]
    fn who_is_external_is_looked_at_on_each_side() {
        let mut theirs = told("globex.example");
        theirs[1]["author"]["external"] = json!(false);
        let found = check(told("acme.example"), theirs).expect_err("Anna is no member of Globex");
        assert!(found.contains("at Globex"), "{found}");
        let mut ours = told("acme.example");
        ours[2]["reactions"][0]["authors"][0]["organisation_handle"] = json!("acme.example");
        assert!(check(ours, told("globex.example")).is_err());
    }
}
