//! `init`, `status` and `identity`.

use clap::{Args, Subcommand, ValueEnum};
use foedus_proto::api::v1;

use super::{invitation, present, unconfirmed, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::page::Page;
use crate::printer::Printer;
use crate::{json, time};

/// `init`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  foedus init acme.example --endpoint foedus.acme.example:7433 --administrator alice"
)]
pub struct InitArguments {
    /// The handle to claim: a domain name of yours, such as acme.example
    handle: String,
    /// Where partners may reach the daemon; leave it out when it can only dial out
    #[arg(long = "endpoint", value_name = "HOST:PORT")]
    endpoints: Vec<String>,
    /// Name of the first member, made administrator; `admin` unless given
    #[arg(long, value_name = "NAME")]
    administrator: Option<String>,
}

/// `identity`
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Show the identity, its keys and the signed note
    #[command(after_help = "Example:\n  foedus identity show")]
    Show,
    /// Make new keys for links and for signing; the root key has to be in its place
    #[command(
        after_help = "Partners hear of the new keys by themselves, also those that are away now.\n\nExamples:\n  foedus identity renew --yes --as alice\n  foedus identity renew --role link --yes --as alice"
    )]
    Renew {
        /// Which key: link, sign or all
        #[arg(long, value_enum, default_value_t = Role::All)]
        role: Role,
        /// Do it; without this, only what would change is said
        #[arg(long)]
        yes: bool,
    },
}

/// Which keys are made anew.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Role {
    /// The key of its links
    Link,
    /// The key that signs notes and checkpoints
    Sign,
    /// Both
    All,
}

impl Role {
    fn words(self) -> &'static str {
        match self {
            Self::Link => "a new key for its links",
            Self::Sign => "a new key that signs",
            Self::All => "new keys, for its links and for signing",
        }
    }

    fn keys(self) -> Vec<i32> {
        let (link, sign) = (v1::KeyRole::Link.into(), v1::KeyRole::Sign.into());
        match self {
            Self::Link => vec![link],
            Self::Sign => vec![sign],
            Self::All => vec![link, sign],
        }
    }
}

pub async fn init(
    arguments: InitArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let InitArguments {
        handle,
        endpoints,
        administrator,
    } = arguments;
    let request = v1::InitRequest {
        handle,
        endpoints,
        administrator: administrator.unwrap_or_default(),
        idempotency_key: session.idempotency_key(),
    };
    let response = session.call(session.organisation().init(request)).await?;
    let identity = present(response.identity.clone())?;
    let mut object = json::of(&identity);
    object["administrator"] = response.administrator.clone().into();
    printer.answer(&object, &made_page(&identity, &response.administrator))
}

pub async fn identity(
    command: IdentityCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match command {
        IdentityCommand::Show => show(session, printer).await,
        IdentityCommand::Renew { role, yes } => renew(role, yes, session, printer).await,
    }
}

async fn renew(
    role: Role,
    yes: bool,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::RenewKeysRequest {
        roles: role.keys(),
        idempotency_key: session.idempotency_key(),
        preview: !yes,
    };
    let response = session
        .call(session.organisation().renew_keys(request))
        .await?;
    let identity = present(response.identity)?;
    if !yes {
        return Err(unconfirmed(format_args!(
            "{} would go on under {}; its links end and come up again, and what it goes on under now is over for good",
            identity.handle,
            role.words()
        )));
    }
    let page = Page::new()
        .sentence(format!("{} goes on under new keys.", identity.handle))
        .then(identity_page(&identity));
    printer.answer(&json::of(&identity), &page)
}

async fn show(session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let response = session
        .call(
            session
                .organisation()
                .get_identity(v1::GetIdentityRequest {}),
        )
        .await?;
    let identity = present(response.identity)?;
    let page = identity_page(&identity)
        .blank()
        .sentence("Signed note:")
        .text(&identity.note);
    printer.answer(&json::of(&identity), &page)
}

/// What `init` made, and who goes on.
fn made_page(identity: &v1::Identity, administrator: &str) -> Page {
    let name = administrator.split('@').next().unwrap_or_default();
    Page::new()
        .sentence(format!("{} has its identity.", identity.handle))
        .then(identity_page(identity))
        .sentence(format!("{administrator} is its first administrator."))
        .then(unreachable_page(identity))
        .sentence(format!("Next: foedus --as {name} member add NAME"))
}

/// That partners are told of no address, which may be meant.
fn unreachable_page(identity: &v1::Identity) -> Page {
    if !identity.endpoints.is_empty() {
        return Page::new();
    }
    Page::new()
        .sentence(
            "No endpoint is named: partners can't dial this daemon, and its invitations name no address. Of two partners one has to be dialled.",
        )
        .sentence(invitation::NO_ADDRESS)
}

fn identity_page(identity: &v1::Identity) -> Page {
    Page::new().details([
        ("handle", identity.handle.clone()),
        ("organisation", identity.organisation_id.clone()),
        ("serial", identity.serial.to_string()),
        ("root key", identity.root_key.clone()),
        ("link key", identity.link_key.clone()),
        ("sign key", identity.sign_key.clone()),
        ("endpoints", identity.endpoints.join(", ")),
    ])
}

pub async fn status(session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let status = session
        .call(session.organisation().get_status(v1::GetStatusRequest {}))
        .await?;
    printer.answer(&json::of(&status), &status_page(&status))
}

fn status_page(status: &v1::GetStatusResponse) -> Page {
    let started = time::show(status.started_at.as_ref());
    if !status.initialised {
        return Page::new()
            .sentence("This daemon has no identity yet.")
            .details([
                ("version", status.version.clone()),
                ("running since", started),
            ])
            .sentence("Give it one: foedus init HANDLE");
    }
    let identity = status.identity.clone().unwrap_or_default();
    let counts = status.counts.unwrap_or_default();
    let skew = status.clock_skew_ms;
    let page = Page::new().heading(&identity.handle).details([
        ("organisation", identity.organisation_id),
        ("version", status.version.clone()),
        ("running since", started),
        (
            "partners",
            format!("{}, links up {}", counts.partners, counts.links_up),
        ),
        (
            "channels",
            format!(
                "{} shared, {} local",
                counts.shared_channels, counts.local_channels
            ),
        ),
        ("projects", counts.projects.to_string()),
        ("members", counts.members.to_string()),
        ("requests waiting", wording::some(counts.requests_waiting)),
        ("open invitations", wording::some(counts.invitations_open)),
        ("held entries", wording::some(counts.held_entries)),
        ("links at", status.link_listen_addresses.join(", ")),
        ("API at", status.api_listen_addresses.join(", ")),
        (
            "store",
            format!(
                "{}, {}, {} free on its disk",
                status.store_engine,
                size_or_unknown(status.store_bytes),
                size_or_unknown(status.disk_free_bytes)
            ),
        ),
        (
            "clock",
            match wording::skew(skew) {
                skew if skew.is_empty() => skew,
                skew => format!("partners' clocks are {skew}"),
            },
        ),
    ]);
    if status.problems.is_empty() {
        return page.sentence("Nothing needs attention.");
    }
    status
        .problems
        .iter()
        .fold(page.blank().heading("Needs attention:"), |page, problem| {
            page.then(problem_page(problem))
        })
}

/// What is wrong, and what to do.
pub fn problem_page(problem: &v1::Problem) -> Page {
    let subject = if problem.subject.is_empty() {
        String::new()
    } else {
        format!("{}: ", problem.subject)
    };
    let fix = if problem.fix.is_empty() {
        String::new()
    } else {
        format!("  to do: {}", problem.fix)
    };
    Page::new()
        .sentence(format!("- {subject}{} ({})", problem.text, problem.reason))
        .sentence_if(fix)
}

fn size_or_unknown(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), size)
}

fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (bytes.max(1).ilog2() / 10).min(4);
    let divisor = 1_u64 << (10 * step);
    let (whole, tenth) = (bytes / divisor, (bytes % divisor) * 10 / divisor);
    let unit = units[step as usize];
    if step == 0 {
        format!("{whole} {unit}")
    } else {
        format!("{whole}.{tenth} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    #[test]
    fn sizes_have_units() {
        let check = |bytes, expected| assert_eq!(size(bytes), expected);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1536, "1.5 KiB");
        check(256 << 20, "256.0 MiB");
        check(u64::MAX, "16777215.9 TiB");
    }

    #[test]
    fn a_daemon_without_identity_says_what_to_do() {
        let drawn = status_page(&v1::GetStatusResponse {
            version: "0.1.0".to_owned(),
            ..Default::default()
        })
        .draw(Style::PLAIN);
        assert!(drawn.contains("foedus init"), "{drawn}");
    }

    #[test]
    fn what_was_made_names_its_administrator_and_the_next_step() {
        let mut identity = v1::Identity {
            handle: "acme.example".to_owned(),
            ..Default::default()
        };
        let drawn = made_page(&identity, "alice@acme.example").draw(Style::PLAIN);
        assert!(drawn.contains("No endpoint is named"), "{drawn}");
        assert!(drawn.contains("link.advertise"), "{drawn}");
        identity.endpoints = vec!["acme.example:7433".to_owned()];
        let drawn = made_page(&identity, "alice@acme.example").draw(Style::PLAIN);
        assert!(!drawn.contains("No endpoint"), "{drawn}");
        assert!(
            drawn.contains("alice@acme.example is its first administrator.\n"),
            "{drawn}"
        );
        assert!(
            drawn.ends_with("Next: foedus --as alice member add NAME\n"),
            "{drawn}"
        );
    }

    #[test]
    fn problems_are_told_with_what_to_do() {
        let status = v1::GetStatusResponse {
            initialised: true,
            problems: vec![v1::Problem {
                reason: "PARTNER_UNREACHABLE".to_owned(),
                text: "the link is down since 10:00".to_owned(),
                fix: "ask them to open port 7433".to_owned(),
                subject: "globex.example".to_owned(),
            }],
            ..Default::default()
        };
        let drawn = status_page(&status).draw(Style::PLAIN);
        assert!(drawn.contains("- globex.example: the link is down since 10:00 (PARTNER_UNREACHABLE)\n  to do: ask them to open port 7433\n"), "{drawn}");
    }
}
