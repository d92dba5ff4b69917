//! Live streams: cursors, what they never skip, and when they end.

use foedus_proto::api::v1::subscribe_item::Item;
use tonic::Streaming;

use super::*;

type Lists = Streaming<v1::SubscribeResponse>;

fn following(cursor: &str) -> v1::SubscribeRequest {
    v1::SubscribeRequest {
        channel: "launch".to_owned(),
        cursor: cursor.to_owned(),
        from_start: cursor.is_empty(),
    }
}

async fn follow(client: &Client, request: v1::SubscribeRequest) -> Lists {
    client
        .messages()
        .subscribe(request)
        .await
        .expect("may follow")
        .into_inner()
}

async fn next(lists: &mut Lists) -> Result<Option<v1::SubscribeResponse>, Status> {
    let next = tokio::time::timeout(Duration::from_secs(5), lists.message());
    next.await.expect("something comes")
}

async fn list(lists: &mut Lists) -> v1::SubscribeResponse {
    next(lists).await.expect("goes on").expect("a list")
}

/// The texts of a list, and whether all that was there has been told.
fn texts(list: &v1::SubscribeResponse) -> (Vec<String>, bool) {
    let items = list.items.iter().filter_map(|item| item.item.as_ref());
    let texts = items.clone().filter_map(|item| match item {
        Item::Event(event) if event.kind() == v1::EventKind::Posted => Some(event.text.clone()),
        _ => None,
    });
    let caught_up = items.clone().any(|item| matches!(item, Item::CaughtUp(_)));
    (texts.collect(), caught_up)
}

/// Everything up to where the stream has caught up.
async fn all(client: &Client, request: v1::SubscribeRequest) -> (Vec<String>, String) {
    let mut lists = follow(client, request).await;
    let mut told = Vec::new();
    loop {
        let list = list(&mut lists).await;
        let (texts, caught_up) = texts(&list);
        told.extend(texts);
        if caught_up {
            return (told, list.cursor);
        }
    }
}

#[tokio::test]
async fn the_first_list_comes_at_once_and_the_rest_as_it_happens() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let now = v1::SubscribeRequest {
        from_start: false,
        ..following("")
    };
    let mut lists = follow(&anna, now).await;
    let first = list(&mut lists).await;
    assert!(!first.cursor.is_empty());
    assert_eq!(texts(&first), (vec![], true));
    post(&anna, "one").await;
    let second = list(&mut lists).await;
    assert_eq!(texts(&second), (vec!["one".to_owned()], false));
    assert_ne!(first.cursor, second.cursor);
    let (again, cursor) = all(&anna, following(&first.cursor)).await;
    assert_eq!((again, cursor), (vec!["one".to_owned()], second.cursor));
}

#[tokio::test]
async fn whoever_goes_on_from_a_cursor_misses_and_repeats_nothing() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let expected: Vec<String> = (0..400)
        .map(|number| format!("{number} {}", "x".repeat(900)))
        .collect();
    for chunk in expected.chunks(100) {
        let posts = chunk.iter().map(|text| v1::NewPost {
            text: text.clone(),
            ..v1::NewPost::default()
        });
        let list = v1::PostManyRequest {
            channel: "launch".to_owned(),
            posts: posts.collect(),
            ..v1::PostManyRequest::default()
        };
        let answers = anna
            .messages()
            .post_many(futures_util::stream::iter([list]))
            .await;
        let answer = answers
            .expect("begun")
            .into_inner()
            .message()
            .await
            .expect("answered");
        assert_eq!(answer.expect("an answer").refusal, None);
    }
    // Each list is read by a stream of its own.
    let mut told = Vec::new();
    let mut cursor = String::new();
    let mut streams = 0;
    loop {
        let list = list(&mut follow(&anna, following(&cursor)).await).await;
        assert!(prost::Message::encoded_len(&list) <= REQUEST_BYTES_MAX);
        let (texts, caught_up) = texts(&list);
        told.extend(texts);
        cursor = list.cursor;
        streams += 1;
        if caught_up {
            break;
        }
    }
    assert_eq!(told, expected);
    assert!(streams > 2, "it took {streams} lists");
    assert_eq!(all(&anna, following("")).await.0, expected);
}

#[tokio::test]
async fn a_cursor_is_good_after_a_restart_and_for_its_channel_only() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    post(&anna, "before").await;
    let (_, cursor) = all(&anna, following("")).await;
    let (folder, engine) = daemon.stop().await;
    let daemon = Daemon::start_with(folder, engine, None).await;
    let anna = daemon.client(Some("anna")).await;
    let (told, cursor) = all(&anna, following(&cursor)).await;
    assert!(told.is_empty());
    post(&anna, "after").await;
    assert_eq!(all(&anna, following(&cursor)).await.0, ["after"]);
    create_channel(&anna, "other").await;
    let elsewhere = v1::SubscribeRequest {
        channel: "other".to_owned(),
        ..following(&cursor)
    };
    assert_eq!(
        reason(anna.messages().subscribe(elsewhere).await),
        "CURSOR_INVALID"
    );
    assert_eq!(
        reason(anna.messages().subscribe(following("x")).await),
        "CURSOR_INVALID"
    );
    let stands = cursor::read(&cursor).expect("a cursor");
    let of_another_run = stands.into_iter().map(|(channel, stand)| {
        let cursor = foedus_federation::frame::Cursor {
            run: foedus_policy::id::RunId([9; 16]),
            ..stand.cursor
        };
        (channel, cursor::Stand { cursor, ..stand })
    });
    let unknown = cursor::write(&of_another_run.collect());
    let refusal = anna.messages().subscribe(following(&unknown)).await;
    assert_eq!(
        refused(refusal),
        (Code::FailedPrecondition, "CURSOR_UNKNOWN".to_owned())
    );
}

#[tokio::test]
async fn one_stream_follows_all_channels_of_a_member() {
    let daemon = Daemon::acme().await;
    let (anna, bob) = (
        daemon.client(Some("anna")).await,
        daemon.client(Some("bob")).await,
    );
    let mut lists = follow(&bob, v1::SubscribeRequest::default()).await;
    assert_eq!(texts(&list(&mut lists).await), (vec![], true));
    create_channel(&anna, "second").await;
    anna.messages()
        .post(posting("second", "unseen"))
        .await
        .expect("posted");
    let join = v1::JoinChannelRequest {
        channel: "second".to_owned(),
        ..v1::JoinChannelRequest::default()
    };
    bob.channels().join_channel(join).await.expect("joined");
    // The stream follows the channel from when it finds out that there is one more: knock until it does.
    let mut knocks = tokio::time::interval(Duration::from_millis(20));
    let knocked = loop {
        tokio::select! {
            list = list(&mut lists) => break texts(&list).0,
            _ = knocks.tick() => {
                let knock = anna.messages().post(posting("second", "knock")).await;
                knock.expect("posted");
            }
        }
    };
    assert!(knocked.iter().all(|text| text == "knock"), "{knocked:?}");
    anna.messages()
        .post(posting("second", "two"))
        .await
        .expect("posted");
    post(&anna, "one").await;
    let mut told = Vec::new();
    let mut cursor = String::new();
    while told.len() < 2 {
        let list = list(&mut lists).await;
        told.extend(texts(&list).0.into_iter().filter(|text| text != "knock"));
        cursor = list.cursor;
    }
    told.sort();
    assert_eq!(told, ["one", "two"]);
    post(&anna, "three").await;
    let goes_on = v1::SubscribeRequest {
        cursor,
        ..v1::SubscribeRequest::default()
    };
    assert_eq!(all(&bob, goes_on).await.0, ["three"]);
    let operator = daemon.client(None).await;
    let refusal = operator
        .messages()
        .subscribe(v1::SubscribeRequest::default())
        .await;
    assert_eq!(reason(refusal), "MEMBER_NEEDED");
}

#[tokio::test]
async fn a_stream_ends_when_its_caller_loses_the_right() {
    let daemon = Daemon::acme().await;
    let bob = daemon.client(Some("bob")).await;
    let mut lists = follow(&bob, following("")).await;
    list(&mut lists).await;
    let operator = daemon.client(None).await;
    let gone = v1::DeactivateMemberRequest {
        member: "bob".to_owned(),
        preview: false,
    };
    operator
        .members()
        .deactivate_member(gone)
        .await
        .expect("done");
    let begun = std::time::Instant::now();
    let status = loop {
        match next(&mut lists).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it says why it ends"),
            Err(status) => break status,
        }
    };
    assert!(begun.elapsed() < Duration::from_secs(1));
    let info = status.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "MEMBER_INACTIVE");
}

#[tokio::test]
async fn a_stream_ends_with_its_deadline_and_with_the_daemon() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let mut request = Request::new(following(""));
    request.set_timeout(Duration::from_millis(300));
    let mut lists = anna
        .messages()
        .subscribe(request)
        .await
        .expect("begun")
        .into_inner();
    let ended = loop {
        match next(&mut lists).await {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    // The client's own clock may be first.
    assert!(
        matches!(ended.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{ended:?}"
    );
    let mut lists = follow(&anna, following("")).await;
    list(&mut lists).await;
    let stopped = tokio::spawn(daemon.stop());
    let ended = loop {
        match next(&mut lists).await {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    stopped.await.expect("it ends");
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_up_nobody_and_misses_nothing() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let mut slow = follow(&anna, following("")).await;
    let text = "x".repeat(8 * 1024);
    for _ in 0..200 {
        post(&anna, &text).await;
    }
    // Writing went on; now the reader gets all of it.
    let mut told = 0;
    while told < 200 {
        told += texts(&list(&mut slow).await).0.len();
    }
    assert_eq!(told, 200);
}
