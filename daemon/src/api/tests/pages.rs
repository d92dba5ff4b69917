//! Every list that comes by pages: its pages give everything once, and a token that is not its own is refused.

use data_encoding::BASE64URL_NOPAD;

use super::*;

/// How many there are at least of whatever is listed.
const ITEMS_MIN: usize = 5;

/// A list that comes by pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Members,
    Tokens,
    Channels,
    ChannelMembers(&'static str),
    HistoryBack(&'static str),
    HistoryOn(&'static str),
    Requests,
    Invitations,
    Partners,
    Projects,
    Audit,
}

/// Every one that the API has. Of two channels, for their tokens are not to be mistaken.
const LISTS: [List; 14] = [
    List::Members,
    List::Tokens,
    List::Channels,
    List::ChannelMembers("launch"),
    List::ChannelMembers("other"),
    List::HistoryBack("launch"),
    List::HistoryBack("other"),
    List::HistoryOn("launch"),
    List::HistoryOn("other"),
    List::Requests,
    List::Invitations,
    List::Partners,
    List::Projects,
    List::Audit,
];

/// A page: what names its items, and the token of the next.
type Listed = Result<(Vec<String>, String), Status>;

macro_rules! page {
    ($service:expr, $call:ident, $request:ident { $($field:ident: $value:expr),* }, $size:expr, $token:expr,
     $items:ident, $name:expr) => {{
        let request = v1::$request {
            page_size: $size,
            page_token: $token.to_owned(),
            $($field: $value,)*
            ..v1::$request::default()
        };
        let page = $service.$call(request).await?.into_inner();
        let names = page.$items.into_iter().map($name).collect();
        Ok((names, page.next_page_token))
    }};
}

impl List {
    #[expect(
        clippy::needless_update,
        reason = "one of the requests has no field that the macro does not set"
    )]
    async fn page(self, client: &Client, size: u32, token: &str) -> Listed {
        match self {
            Self::Members => page!(
                client.members(),
                list_members,
                ListMembersRequest {},
                size,
                token,
                members,
                |member| member.member_id
            ),
            Self::Tokens => page!(
                client.tokens(),
                list_tokens,
                ListTokensRequest {},
                size,
                token,
                tokens,
                |token| token.token_id
            ),
            Self::Channels => page!(
                client.channels(),
                list_channels,
                ListChannelsRequest {},
                size,
                token,
                channels,
                |channel| channel.channel_id
            ),
            Self::ChannelMembers(channel) => page!(
                client.channels(),
                list_channel_members,
                ListChannelMembersRequest {
                    channel: channel.to_owned()
                },
                size,
                token,
                members,
                |member| member.author.expect("who").address
            ),
            Self::HistoryBack(channel) => {
                history(client, channel, v1::HistoryOrder::NewestFirst, size, token).await
            }
            Self::HistoryOn(channel) => {
                history(client, channel, v1::HistoryOrder::OldestFirst, size, token).await
            }
            Self::Requests => page!(
                client.requests(),
                list_requests,
                ListRequestsRequest {},
                size,
                token,
                requests,
                |request| request.name
            ),
            Self::Invitations => page!(
                client.invitations(),
                list_invitations,
                ListInvitationsRequest {},
                size,
                token,
                invitations,
                |invitation| invitation.invitation_id
            ),
            Self::Partners => page!(
                client.partners(),
                list_partners,
                ListPartnersRequest {},
                size,
                token,
                partners,
                |partner| partner.organisation_id
            ),
            Self::Projects => page!(
                client.projects(),
                list_projects,
                ListProjectsRequest {},
                size,
                token,
                projects,
                |project| project.project_id
            ),
            Self::Audit => page!(
                client.audit(),
                list_audit_records,
                ListAuditRecordsRequest {},
                size,
                token,
                records,
                |record| record.sequence.to_string()
            ),
        }
    }

    /// What all its pages give, from the one of `token` on.
    async fn rest(self, client: &Client, size: u32, mut token: String) -> Vec<String> {
        let mut all = Vec::new();
        let most = usize::try_from(size).expect("small");
        loop {
            let page = self.page(client, size, &token).await;
            let (items, next) = page.unwrap_or_else(|refusal| panic!("{self:?}: {refusal}"));
            assert!(items.len() <= most, "{self:?}: more than asked for");
            all.extend(items);
            if next.is_empty() {
                return all;
            }
            assert_ne!(next, token, "{self:?}: a page that leads to itself");
            token = next;
        }
    }

    /// The token after its first item.
    async fn token(self, client: &Client) -> String {
        let (items, token) = self.page(client, 1, "").await.expect("listed");
        assert_eq!((items.len(), token.is_empty()), (1, false), "{self:?}");
        token
    }

    async fn refuses(self, client: &Client, token: &str, whose: &str) {
        let answer = self.page(client, 1, token).await.map(Response::new);
        let expected = (Code::InvalidArgument, "PAGE_TOKEN_INVALID".to_owned());
        assert_eq!(refused(answer), expected, "{self:?}: {whose}");
    }
}

async fn history(
    client: &Client,
    channel: &str,
    order: v1::HistoryOrder,
    size: u32,
    token: &str,
) -> Listed {
    page!(
        client.messages(),
        list_history,
        ListHistoryRequest {
            channel: channel.to_owned(),
            order: order.into()
        },
        size,
        token,
        messages,
        |message| message.entry_ref
    )
}

/// Acme with some of everything.
async fn full() -> (Daemon, Client) {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    create_channel(&anna, "other").await;
    for number in 0..ITEMS_MIN {
        add_member(&anna, &format!("m{number}")).await;
        for channel in ["launch", "other"] {
            let add = v1::AddChannelMemberRequest {
                channel: channel.to_owned(),
                member: format!("m{number}"),
                ..v1::AddChannelMemberRequest::default()
            };
            anna.channels()
                .add_channel_member(add)
                .await
                .expect("added");
            let said = posting(channel, &number.to_string());
            anna.messages().post(said).await.expect("posted");
        }
        create_channel(&anna, &format!("c{number}")).await;
        let token = v1::CreateTokenRequest {
            label: format!("laptop {number}"),
            ..v1::CreateTokenRequest::default()
        };
        anna.tokens().create_token(token).await.expect("made");
        let project = v1::CreateProjectRequest {
            name: format!("Project {number}"),
            no_end: true,
            ..v1::CreateProjectRequest::default()
        };
        anna.projects()
            .create_project(project)
            .await
            .expect("begun");
        invited(&anna, &format!("guest{number}.example")).await;
        let name = format!("host{number}.example");
        accept(&anna, invitation_of(&name).await).await;
    }
    (daemon, anna)
}

async fn invited(client: &Client, handle: &str) -> String {
    let invite = v1::InvitePartnerRequest {
        handle: handle.to_owned(),
        ..v1::InvitePartnerRequest::default()
    };
    let invited = client.partners().invite_partner(invite).await;
    invited.expect("invited").into_inner().invitation_text
}

/// Another organisation's invitation for Acme. Nobody listens where it says.
async fn invitation_of(handle: &str) -> String {
    let other = Daemon::start().await;
    let init = v1::InitRequest {
        handle: handle.to_owned(),
        administrator: "olga".to_owned(),
        endpoints: vec!["127.0.0.1:1".to_owned()],
        ..v1::InitRequest::default()
    };
    let operator = other.client(None).await;
    operator.organisation().init(init).await.expect("made");
    let olga = other.client(Some("olga")).await;
    let text = invited(&olga, "acme.example").await;
    drop((operator, olga));
    other.stop().await;
    text
}

/// Takes up an invitation: that makes a partner and a request.
async fn accept(client: &Client, invitation_text: String) {
    let accept = v1::AcceptInvitationRequest {
        invitation_text,
        ..v1::AcceptInvitationRequest::default()
    };
    let accepted = client.partners().accept_invitation(accept).await;
    accepted.expect("accepted");
}

#[tokio::test]
async fn the_pages_of_every_list_give_everything_once() {
    let (_daemon, anna) = full().await;
    for list in LISTS {
        let (all, next) = list.page(&anna, 200, "").await.expect("listed");
        assert!(next.is_empty(), "{list:?}: it fits in a page");
        assert!(all.len() >= ITEMS_MIN, "{list:?}: {}", all.len());
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all.len(), "{list:?}: {all:?}");
        for size in [1, 2, 3, u32::try_from(all.len()).expect("small")] {
            let paged = list.rest(&anna, size, String::new()).await;
            assert_eq!(paged, all, "{list:?} by {size}");
        }
    }
}

#[tokio::test]
async fn a_token_that_its_list_did_not_give_is_refused() {
    let (_daemon, anna) = full().await;
    for list in LISTS {
        let own = list.token(&anna).await;
        for other in LISTS.into_iter().filter(|other| *other != list) {
            other
                .refuses(&anna, &own, &format!("that of {list:?}"))
                .await;
        }
        let bytes = BASE64URL_NOPAD.decode(own.as_bytes()).expect("base64");
        // The first byte is the version: a token of an older release is one of these.
        for index in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[index] ^= 1;
            let forged = BASE64URL_NOPAD.encode(&forged);
            list.refuses(&anna, &forged, &format!("byte {index} changed"))
                .await;
        }
        let longer = BASE64URL_NOPAD.encode(&[&bytes[..], &[0]].concat());
        let shorter = BASE64URL_NOPAD.encode(&bytes[..bytes.len() - 1]);
        for forged in [&longer, &shorter, "nonsense", "AAAA", "ü", &own[1..]] {
            list.refuses(&anna, forged, forged).await;
        }
    }
}

/// The check of a token keeps nobody from making one: a place that is none is refused all the same.
#[tokio::test]
async fn a_token_that_is_well_made_and_names_no_place_is_refused() {
    let (_daemon, anna) = full().await;
    let get = v1::GetChannelRequest {
        channel: "launch".to_owned(),
    };
    let launch = anna.channels().get_channel(get).await;
    let launch = launch.expect("there").into_inner().channel;
    let launch: ChannelId = launch.expect("which").channel_id.parse().expect("an id");
    for place in [&b""[..], b"x", &[0xff; 7], &[0xff; 9], launch.as_bytes()] {
        for (list, kind) in [
            (List::Audit, "audit"),
            (List::HistoryBack("launch"), "history back"),
            (List::HistoryOn("launch"), "history on"),
        ] {
            list.refuses(&anna, &page::seal(kind, place), "no place")
                .await;
        }
    }
}

#[tokio::test]
async fn what_comes_and_goes_between_pages_repeats_nothing() {
    let (_daemon, anna) = full().await;
    let lists = [
        List::Members,
        List::Audit,
        List::HistoryBack("launch"),
        List::Requests,
        List::Invitations,
    ];
    let mut begun = Vec::new();
    for list in lists {
        let (all, _) = list.page(&anna, 200, "").await.expect("listed");
        let (first, token) = list.page(&anna, 2, "").await.expect("listed");
        assert_eq!(first, all[..2]);
        begun.push((list, all, token));
    }
    // The last of the first page goes, and something comes that stands before it.
    let go = v1::DeactivateMemberRequest {
        member: "bob".to_owned(),
        preview: false,
    };
    anna.members().deactivate_member(go).await.expect("gone");
    add_member(&anna, "adam").await;
    post(&anna, "and another thing").await;
    invited(&anna, "late.example").await;
    accept(&anna, invitation_of("later.example").await).await;
    for (list, all, token) in begun {
        let rest = list.rest(&anna, 2, token).await;
        assert_eq!(rest, all[2..], "{list:?}");
    }
}
