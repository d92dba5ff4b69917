//! Writing and reading messages.

use super::*;

async fn history(client: &Client, order: v1::HistoryOrder, page_size: u32) -> Vec<v1::Message> {
    let mut messages = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListHistoryRequest {
            channel: "launch".to_owned(),
            order: order.into(),
            page_size,
            page_token,
            ..v1::ListHistoryRequest::default()
        };
        let page = client
            .messages()
            .list_history(request)
            .await
            .expect("read")
            .into_inner();
        messages.extend(page.messages);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return messages;
        }
    }
}

#[tokio::test]
async fn what_is_written_is_read_as_it_is_now() {
    let daemon = Daemon::acme().await;
    let (anna, bob) = (
        daemon.client(Some("anna")).await,
        daemon.client(Some("bob")).await,
    );
    let first = post(&anna, "hello").await;
    let second = post(&bob, "hi").await;
    let edit = v1::EditRequest {
        channel: "launch".to_owned(),
        entry_ref: first.clone(),
        text: "hello all".to_owned(),
        ..v1::EditRequest::default()
    };
    assert_eq!(
        reason(bob.messages().edit(edit.clone()).await),
        "NOT_THE_AUTHOR"
    );
    anna.messages().edit(edit).await.expect("edited");
    let react = v1::ReactRequest {
        channel: "launch".to_owned(),
        entry_ref: first.clone(),
        emoji: "👍".to_owned(),
        ..v1::ReactRequest::default()
    };
    bob.messages().react(react.clone()).await.expect("reacted");
    anna.messages().react(react.clone()).await.expect("reacted");
    let remove = v1::ReactRequest {
        remove: true,
        ..react
    };
    anna.messages().react(remove).await.expect("taken back");
    let retract = v1::RetractRequest {
        channel: "launch".to_owned(),
        entry_ref: second.clone(),
        ..v1::RetractRequest::default()
    };
    bob.messages().retract(retract).await.expect("taken back");
    let answer = v1::PostRequest {
        reply_to: first.clone(),
        ..posting("launch", "welcome")
    };
    bob.messages().post(answer).await.expect("posted");
    let all = history(&anna, v1::HistoryOrder::OldestFirst, 2).await;
    let mut back = history(&anna, v1::HistoryOrder::NewestFirst, 3).await;
    back.reverse();
    assert_eq!(all, back);
    let joined = all
        .iter()
        .filter(|message| message.kind() == v1::EventKind::Joined);
    assert_eq!(joined.count(), 2);
    let hello = all
        .iter()
        .find(|message| message.entry_ref == first)
        .expect("there");
    assert_eq!((hello.text.as_str(), hello.edited), ("hello all", true));
    assert_eq!(hello.reactions.len(), 1);
    let given = &hello.reactions[0].authors;
    assert_eq!(
        given
            .iter()
            .map(|author| author.address.as_str())
            .collect::<Vec<_>>(),
        ["bob@acme.example"]
    );
    let author = hello.author.as_ref().expect("who");
    assert!(!author.external && author.verified && author.address == "anna@acme.example");
    let taken = all
        .iter()
        .find(|message| message.entry_ref == second)
        .expect("there");
    assert!(taken.retracted && taken.text.is_empty());
    let thread = v1::ListHistoryRequest {
        channel: "launch".to_owned(),
        thread: first.clone(),
        ..v1::ListHistoryRequest::default()
    };
    let thread = anna
        .messages()
        .list_history(thread)
        .await
        .expect("read")
        .into_inner();
    let texts: Vec<&str> = thread
        .messages
        .iter()
        .map(|message| message.text.as_str())
        .collect();
    assert_eq!(texts, ["welcome", "hello all"]);
}

#[tokio::test]
async fn the_same_key_posts_once() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let keyed = |text: &str| v1::PostRequest {
        idempotency_key: "k".to_owned(),
        ..posting("launch", text)
    };
    let first = anna
        .messages()
        .post(keyed("once"))
        .await
        .expect("posted")
        .into_inner();
    let again = anna
        .messages()
        .post(keyed("once"))
        .await
        .expect("repeated")
        .into_inner();
    assert_eq!(first, again);
    let other = anna.messages().post(keyed("another")).await;
    assert_eq!(
        refused(other),
        (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED".to_owned())
    );
    let posts = history(&anna, v1::HistoryOrder::NewestFirst, 0).await;
    assert_eq!(
        posts
            .iter()
            .filter(|message| message.text == "once")
            .count(),
        1
    );
}

#[tokio::test]
async fn what_makes_no_message_is_refused_each_in_its_way() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let first = post(&anna, "hello").await;
    for (request, expected) in [
        (posting("launch", ""), "TEXT_EMPTY"),
        (
            posting("launch", &"x".repeat(16 * 1024 + 1)),
            "TEXT_TOO_LONG",
        ),
        (posting("launch", "a\0b"), "TEXT_INVALID"),
        (posting("nowhere", "x"), "CHANNEL_UNKNOWN"),
        (
            posting("launch", &"x".repeat(300 * 1024)),
            "MESSAGE_TOO_LARGE",
        ),
    ] {
        assert_eq!(reason(anna.messages().post(request).await), expected);
    }
    let unanswerable = v1::PostRequest {
        reply_to: "x".to_owned(),
        ..posting("launch", "x")
    };
    assert_eq!(
        reason(anna.messages().post(unanswerable).await),
        "ENTRY_REF_INVALID"
    );
    let edit = |entry_ref: &str| v1::EditRequest {
        channel: "launch".to_owned(),
        entry_ref: entry_ref.to_owned(),
        text: "x".to_owned(),
        ..v1::EditRequest::default()
    };
    let unknown = format!("{}9", first);
    assert_eq!(
        reason(anna.messages().edit(edit(&unknown)).await),
        "ENTRY_UNKNOWN"
    );
    let (log, _) = first.rsplit_once('/').expect("a reference");
    let opening = format!("{log}/0");
    assert_eq!(
        reason(anna.messages().edit(edit(&opening)).await),
        "NOT_A_MESSAGE"
    );
    let react = v1::ReactRequest {
        channel: "launch".to_owned(),
        entry_ref: first.clone(),
        ..v1::ReactRequest::default()
    };
    assert_eq!(reason(anna.messages().react(react).await), "EMOJI_INVALID");
    let operator = daemon.client(None).await;
    let refusal = operator.messages().post(posting("launch", "x")).await;
    assert_eq!(
        refused(refusal),
        (Code::FailedPrecondition, "MEMBER_NEEDED".to_owned())
    );
    let bad_page = v1::ListHistoryRequest {
        channel: "launch".to_owned(),
        page_token: "x".to_owned(),
        ..v1::ListHistoryRequest::default()
    };
    assert_eq!(
        reason(anna.messages().list_history(bad_page).await),
        "PAGE_TOKEN_INVALID"
    );
    assert_eq!(
        history(&anna, v1::HistoryOrder::NewestFirst, 0).await.len(),
        3,
        "nothing was half done"
    );
}

#[tokio::test]
async fn a_private_channel_is_not_there_for_others() {
    let daemon = Daemon::acme().await;
    let (anna, bob) = (
        daemon.client(Some("anna")).await,
        daemon.client(Some("bob")).await,
    );
    let private = v1::CreateChannelRequest {
        name: "board".to_owned(),
        visibility: v1::Visibility::Private.into(),
        ..v1::CreateChannelRequest::default()
    };
    anna.channels()
        .create_channel(private)
        .await
        .expect("created");
    anna.messages()
        .post(posting("board", "secret"))
        .await
        .expect("posted");
    let read = v1::ListHistoryRequest {
        channel: "board".to_owned(),
        ..v1::ListHistoryRequest::default()
    };
    assert_eq!(
        reason(bob.messages().list_history(read.clone()).await),
        "CHANNEL_UNKNOWN"
    );
    let listed = bob
        .channels()
        .list_channels(v1::ListChannelsRequest::default())
        .await;
    let names: Vec<String> = listed
        .expect("listed")
        .into_inner()
        .channels
        .into_iter()
        .map(|channel| channel.name)
        .collect();
    assert_eq!(names, ["launch"]);
    // Being an administrator opens no private channel.
    let operator = daemon.client(None).await;
    assert_eq!(
        reason(operator.messages().list_history(read.clone()).await),
        "NOT_IN_CHANNEL"
    );
    let add = v1::AddChannelMemberRequest {
        channel: "board".to_owned(),
        member: "bob".to_owned(),
        ..v1::AddChannelMemberRequest::default()
    };
    anna.channels()
        .add_channel_member(add)
        .await
        .expect("added");
    assert!(bob.messages().list_history(read.clone()).await.is_ok());
    let members = v1::ListChannelMembersRequest {
        channel: "board".to_owned(),
        ..v1::ListChannelMembersRequest::default()
    };
    let members = bob
        .channels()
        .list_channel_members(members)
        .await
        .expect("listed")
        .into_inner();
    assert_eq!(members.members.len(), 2);
    let leave = v1::LeaveChannelRequest {
        channel: "board".to_owned(),
        ..v1::LeaveChannelRequest::default()
    };
    bob.channels().leave_channel(leave).await.expect("left");
    assert_eq!(
        reason(bob.messages().list_history(read).await),
        "CHANNEL_UNKNOWN"
    );
}

#[tokio::test]
async fn lists_are_posted_whole_or_not_and_answered_in_order() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let list = |list_number: u64, texts: &[&str]| v1::PostManyRequest {
        channel: if list_number == 1 {
            "launch".to_owned()
        } else {
            String::new()
        },
        posts: texts
            .iter()
            .map(|text| v1::NewPost {
                text: (*text).to_owned(),
                ..v1::NewPost::default()
            })
            .collect(),
        list_number,
        idempotency_key: format!("k-{list_number}"),
    };
    let too_long = vec!["x"; 257];
    let lists = [
        list(1, &["one", "two"]),
        list(2, &["three", ""]),
        list(3, &[]),
        list(4, &too_long),
        list(5, &["four"]),
        list(5, &["four"]),
    ];
    let answers = anna
        .messages()
        .post_many(futures_util::stream::iter(lists))
        .await;
    let mut answers = answers.expect("begun").into_inner();
    let mut found = Vec::new();
    while let Some(answer) = answers.message().await.expect("goes on") {
        let refusal = answer.refusal.map(|refusal| refusal.reason);
        found.push((answer.list_number, answer.entry_refs.len(), refusal));
    }
    let refused = |reason: &str| Some(reason.to_owned());
    let expected = [
        (1, 2, None),
        (2, 0, refused("TEXT_EMPTY")),
        (3, 0, refused("LIST_EMPTY")),
        (4, 0, refused("LIST_TOO_LONG")),
        (5, 1, None),
        (5, 1, None),
    ];
    assert_eq!(found, expected);
    let texts: Vec<String> = history(&anna, v1::HistoryOrder::OldestFirst, 0)
        .await
        .into_iter()
        .filter(|message| message.kind() == v1::EventKind::Posted)
        .map(|message| message.text)
        .collect();
    assert_eq!(texts, ["one", "two", "four"]);
}

#[tokio::test]
async fn many_lists_keep_their_order() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let lists = (0..100_u64).map(|list_number| v1::PostManyRequest {
        channel: "launch".to_owned(),
        posts: (0..10)
            .map(|index| v1::NewPost {
                text: (list_number * 10 + index).to_string(),
                ..v1::NewPost::default()
            })
            .collect(),
        list_number,
        ..v1::PostManyRequest::default()
    });
    let answers = anna
        .messages()
        .post_many(futures_util::stream::iter(lists))
        .await;
    let mut answers = answers.expect("begun").into_inner();
    let mut count = 0;
    while let Some(answer) = answers.message().await.expect("goes on") {
        assert_eq!((answer.list_number, answer.refusal), (count, None));
        count += 1;
    }
    assert_eq!(count, 100);
    let numbers: Vec<u64> = history(&anna, v1::HistoryOrder::OldestFirst, 200)
        .await
        .into_iter()
        .filter_map(|message| message.text.parse().ok())
        .collect();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
}

/// What tonic refuses in the midst of a stream says why, as everything else does.
#[tokio::test]
async fn a_list_that_is_too_large_or_broken_ends_the_stream_with_a_reason() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let list = |number, text: &str| v1::PostManyRequest {
        channel: "launch".to_owned(),
        posts: vec![v1::NewPost {
            text: text.to_owned(),
            ..v1::NewPost::default()
        }],
        list_number: number,
        ..v1::PostManyRequest::default()
    };
    let large = "x".repeat(REQUEST_BYTES_MAX + 1);
    let answers = anna
        .messages()
        .post_many(futures_util::stream::iter([
            list(1, "one"),
            list(2, &large),
        ]))
        .await;
    let mut answers = answers.expect("begun").into_inner();
    let first = answers
        .message()
        .await
        .expect("goes on")
        .expect("an answer");
    assert_eq!((first.list_number, first.refusal), (1, None));
    let ended = answers.message().await.map(Response::new);
    assert_eq!(
        refused(ended),
        (Code::OutOfRange, "MESSAGE_TOO_LARGE".to_owned())
    );

    // Another message's bytes: a text where a list of messages is expected.
    let codec: tonic_prost::ProstCodec<v1::PostResponse, v1::PostManyResponse> =
        tonic_prost::ProstCodec::default();
    let broken = v1::PostResponse {
        entry_ref: "launch".to_owned(),
        signed_at: Some(prost_types::Timestamp {
            seconds: 1,
            nanos: 1,
        }),
    };
    let path = http::uri::PathAndQuery::from_static("/foedus.api.v1.MessageService/PostMany");
    let mut client = tonic::client::Grpc::new(anna.0.clone());
    client.ready().await.expect("connected");
    let answers = client
        .streaming(
            Request::new(futures_util::stream::iter([broken])),
            path,
            codec,
        )
        .await;
    let mut answers = answers.expect("begun").into_inner();
    let ended = answers.message().await.map(Response::new);
    assert_eq!(
        refused(ended),
        (Code::InvalidArgument, "MESSAGE_INVALID".to_owned())
    );
}
