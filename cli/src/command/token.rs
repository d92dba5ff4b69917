//! `token`.

use clap::{Subcommand, ValueEnum};
use foedus_proto::api::v1;

use super::{Limit, collect, present, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::json;
use crate::page::Page;
use crate::printer::Printer;
use crate::time::{self, Moment};

/// `token`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token, as an administrator; its secret is shown this once
    #[command(
        after_help = "Example:\n  foedus token create --for anna --label laptop --scope read --scope write --expires 30d"
    )]
    Create {
        /// The member that it acts for [default: yourself]
        #[arg(long = "for", value_name = "NAME")]
        member: Option<String>,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// What it may be used for; repeat it for more [default: read, write]
        #[arg(long = "scope", value_enum, value_name = "SCOPE")]
        scopes: Vec<ScopeArgument>,
        /// When it expires: 2026-12-31T18:00:00Z, +2h, 30d [default: 90d]
        #[arg(long, value_name = "TIME", value_parser = time::parse_moment, allow_hyphen_values = true)]
        expires: Option<Moment>,
    },
    /// Show the tokens, without their secrets
    #[command(after_help = "Example:\n  foedus token list --for anna")]
    List {
        /// Only this member's
        #[arg(long = "for", value_name = "NAME")]
        member: Option<String>,
        /// Also those that expired or were revoked
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        limit: Limit,
    },
    /// End a token and the streams opened with it, at once
    #[command(after_help = "Example:\n  foedus token revoke tok_mfrggzdfmztwq2lknnwg23tpoa")]
    Revoke {
        /// The token's identifier, from `token list`
        // Not called `token`: `--token`, by which the caller acts, would become this one.
        #[arg(value_name = "TOKEN")]
        token_id: String,
    },
}

/// What a token may be used for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ScopeArgument {
    /// Read channels
    Read,
    /// Write in channels
    Write,
    /// Administer, as far as the member may
    Administer,
}

impl From<ScopeArgument> for v1::TokenScope {
    fn from(scope: ScopeArgument) -> Self {
        match scope {
            ScopeArgument::Read => Self::Read,
            ScopeArgument::Write => Self::Write,
            ScopeArgument::Administer => Self::Administer,
        }
    }
}

pub async fn run(
    command: TokenCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match command {
        TokenCommand::Create {
            member,
            label,
            scopes,
            expires,
        } => {
            let request = v1::CreateTokenRequest {
                member: member.unwrap_or_default(),
                label: label.unwrap_or_default(),
                scopes: scopes
                    .into_iter()
                    .map(|scope| v1::TokenScope::from(scope).into())
                    .collect(),
                expires_at: expires.map(Moment::resolve_now),
                idempotency_key: session.idempotency_key(),
            };
            let response = session.call(session.tokens().create_token(request)).await?;
            let token = present(response.token.clone())?;
            printer.answer(
                &json::of(&response),
                &created_page(&token, &response.secret),
            )
        }
        TokenCommand::List { member, all, limit } => {
            list(member, all, limit, session, printer).await
        }
        TokenCommand::Revoke { token_id } => {
            let request = v1::RevokeTokenRequest { token_id };
            let response = session.call(session.tokens().revoke_token(request)).await?;
            let token = present(response.token)?;
            let page = Page::new().sentence(format!(
                "The token {} of {} is revoked.",
                token.token_id, token.member
            ));
            printer.answer(&json::of(&token), &page)
        }
    }
}

fn created_page(token: &v1::Token, secret: &str) -> Page {
    let page = Page::new().details([
        ("token", token.token_id.clone()),
        ("for", token.member.clone()),
        ("may", scopes(token)),
        ("expires", time::show_or(token.expires_at.as_ref(), "never")),
    ]);
    if secret.is_empty() {
        return page.sentence("Its secret was shown when it was made. If it is lost, revoke the token and make another.");
    }
    page.blank()
        .sentence("Its secret, shown only now; use it as FOEDUS_TOKEN, or keep it with `foedus context set`:")
        .sentence(secret)
}

fn scopes(token: &v1::Token) -> String {
    let scopes: Vec<String> = token
        .scopes()
        .map(|scope| wording::value(scope.as_str_name(), "TOKEN_SCOPE_"))
        .collect();
    scopes.join(", ")
}

async fn list(
    member: Option<String>,
    all: bool,
    limit: Limit,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let member = member.unwrap_or_default();
    let mut client = session.tokens();
    let (tokens, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListTokensRequest {
                member: member.clone(),
                include_ended: all,
                page_size,
                page_token,
            };
            let page = session.call(client.list_tokens(request)).await?;
            Ok((page.tokens, page.next_page_token))
        })
        .await?;
    let response = v1::ListTokensResponse {
        tokens,
        next_page_token,
    };
    let rows = response.tokens.iter().map(row).collect();
    let page = Page::new().table(
        &[
            "TOKEN",
            "FOR",
            "LABEL",
            "MAY",
            &time::head("EXPIRES"),
            "REVOKED",
        ],
        rows,
        "There are no tokens.",
    );
    printer.answer(&json::of(&response), &page)
}

fn row(token: &v1::Token) -> Vec<String> {
    vec![
        token.token_id.clone(),
        token.member.clone(),
        token.label.clone(),
        scopes(token),
        time::listed_or(token.expires_at.as_ref(), "never"),
        wording::yes(token.revoked),
    ]
}
