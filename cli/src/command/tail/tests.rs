use foedus_proto::api::v1::{
    CaughtUp, ChannelEnded, Event, EventKind, SubscribeItem, SubscribeResponse,
};

use super::*;
use crate::page::Style;
use crate::printer::Output;

fn arguments(count: Option<u64>, state: Option<PathBuf>) -> TailArguments {
    TailArguments {
        channel: Some("launch".to_owned()),
        from: "start".to_owned(),
        state,
        count,
        no_follow: false,
        refs: false,
    }
}

fn event(sequence: u64) -> Item {
    Item::Event(Event {
        entry_ref: format!("org_a/inc_b/{sequence}"),
        kind: EventKind::Posted.into(),
        text: "hello".to_owned(),
        ..Event::default()
    })
}

fn list(items: Vec<Item>, cursor: &str) -> SubscribeResponse {
    SubscribeResponse {
        items: items
            .into_iter()
            .map(|item| SubscribeItem { item: Some(item) })
            .collect(),
        cursor: cursor.to_owned(),
    }
}

#[test]
fn a_restarted_tail_continues_after_the_last_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut printer = Printer::silent(Output::Human);
    let mut tail = Tail::new(arguments(None, Some(state.clone()))).expect("new");
    assert!(tail.from_start);
    assert_eq!(
        tail.list(list(vec![event(0), event(1)], "c1"), &mut printer),
        Ok(Next::GoOn)
    );

    let restarted = Tail::new(arguments(None, Some(state))).expect("restarted");
    assert_eq!(restarted.position.cursor, "c1");
    assert!(!restarted.from_start);
}

#[test]
fn a_tail_that_stops_in_the_middle_of_a_list_neither_skips_nor_repeats() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let mut printer = Printer::silent(Output::Human);
    let mut tail = Tail::new(arguments(Some(1), Some(state.clone()))).expect("new");
    assert_eq!(
        tail.list(list(Vec::new(), "c0"), &mut printer),
        Ok(Next::GoOn)
    );
    assert_eq!(
        tail.list(list(vec![event(0), event(1)], "c1"), &mut printer),
        Ok(Next::Stop)
    );
    assert_eq!(tail.position.cursor, "c0");

    let mut tail = Tail::new(arguments(Some(1), Some(state.clone()))).expect("restarted");
    assert_eq!(tail.position.cursor, "c0");
    assert_eq!(tail.position.printed, ["org_a/inc_b/0"]);
    // The first event is left out, so the second one is the one that counts.
    assert_eq!(
        tail.list(list(vec![event(0), event(1), event(2)], "c1"), &mut printer),
        Ok(Next::Stop)
    );
    assert_eq!(tail.position.printed, ["org_a/inc_b/0", "org_a/inc_b/1"]);

    let mut tail = Tail::new(arguments(None, Some(state))).expect("restarted");
    assert_eq!(
        tail.list(list(vec![event(0), event(1), event(2)], "c1"), &mut printer),
        Ok(Next::GoOn)
    );
    assert_eq!(tail.position.cursor, "c1");
    assert!(tail.position.printed.is_empty());
}

#[test]
fn the_end_of_the_channel_ends_its_tail_and_not_that_of_all() {
    let mut printer = Printer::silent(Output::Human);
    let ended = || list(vec![Item::ChannelEnded(ChannelEnded::default())], "c");
    let mut tail = Tail::new(arguments(None, None)).expect("new");
    assert_eq!(tail.list(ended(), &mut printer), Ok(Next::Stop));
    let all = TailArguments {
        channel: None,
        ..arguments(None, None)
    };
    let mut tail = Tail::new(all).expect("new");
    assert_eq!(tail.list(ended(), &mut printer), Ok(Next::GoOn));
}

#[test]
fn what_is_no_place_to_begin_names_those_that_are() {
    let refused = || Failure {
        reason: "CURSOR_INVALID".to_owned(),
        ..Failure::new(Exit::Data, "no cursor", "begin without one")
    };
    let banana = TailArguments {
        from: "banana".to_owned(),
        ..arguments(None, None)
    };
    let explained = Tail::new(banana).expect("new").explain(refused());
    assert!(
        explained.fix.contains("--from start, now, or a cursor"),
        "{explained:?}"
    );
    let other = Failure::new(Exit::Data, "another", "fix");
    let tail = Tail::new(arguments(None, None)).expect("new");
    assert_eq!(tail.explain(other.clone()), other);
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("nodir/deep/state");
    let Err(failure) = Tail::new(arguments(None, Some(state))) else {
        panic!("a tail without a place for its state");
    };
    assert_eq!(failure.exit, Exit::NotFound);
    assert!(!folder.path().join("nodir").exists());
}

#[test]
fn without_following_it_stops_when_caught_up() {
    let mut printer = Printer::silent(Output::Human);
    let caught_up = || list(vec![Item::CaughtUp(CaughtUp {})], "c");
    let mut tail = Tail::new(arguments(None, None)).expect("new");
    assert_eq!(tail.list(caught_up(), &mut printer), Ok(Next::GoOn));
    let mut tail = Tail::new(TailArguments {
        no_follow: true,
        ..arguments(None, None)
    })
    .expect("new");
    assert_eq!(tail.list(caught_up(), &mut printer), Ok(Next::Stop));
}

#[test]
fn each_kind_of_event_is_told() {
    let told = |kind: EventKind| {
        let event = Event {
            kind: kind.into(),
            text: "hello".to_owned(),
            target: "org_abcdefgh/inc_ijklmnop/7".to_owned(),
            emoji: "👍".to_owned(),
            channel_name: "launch".to_owned(),
            ..Event::default()
        };
        event_page(&event, true, false).draw(Style::PLAIN)
    };
    assert!(told(EventKind::Posted).ends_with("    hello\n"));
    assert!(
        told(EventKind::Edited).contains("edited org_abcde/inc_ijklm/7")
            && told(EventKind::Edited).contains("    hello")
    );
    assert!(told(EventKind::Retracted).contains("took back org_abcde/inc_ijklm/7"));
    assert!(!told(EventKind::Retracted).contains("hello"));
    assert!(told(EventKind::Reacted).contains("gave 👍 to org_abcde/inc_ijklm/7"));
    assert!(told(EventKind::Joined).contains("joined  in launch"));
}

#[test]
fn an_item_names_its_kind_first() {
    let json = item_json("caught_up", crate::json::of(&CaughtUp {}));
    assert_eq!(json.to_string(), r#"{"item":"caught_up"}"#);
    let json = item_json("channel_ended", crate::json::of(&ChannelEnded::default())).to_string();
    assert!(
        json.starts_with(r#"{"item":"channel_ended","channel_id":"""#),
        "{json}"
    );
}
