//! `context`.

use clap::Subcommand;
use serde_json::json;

use crate::arguments::Globals;
use crate::connection::Server;
use crate::context::{self, Context, Contexts};
use crate::failure::Failure;
use crate::page::Page;
use crate::printer::Printer;

/// `context`
#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    /// Make or replace a context out of --server, --token, --as and --ca
    #[command(
        after_help = "Example:\n  foedus context set anna --server https://acme.example:7444 --token TOKEN\n\nThe file is $XDG_CONFIG_HOME/foedus/contexts.toml, readable by you only."
    )]
    Set {
        /// What to call it
        name: String,
    },
    /// Show the contexts
    #[command(after_help = "Example:\n  foedus context list")]
    List,
    /// Use a context from now on
    #[command(after_help = "Example:\n  foedus context use anna")]
    Use {
        /// Its name
        name: String,
    },
}

pub fn run(
    command: ContextCommand,
    globals: &Globals,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let file = context::file()?;
    let mut contexts = Contexts::load(&file)?;
    match command {
        ContextCommand::Set { name } => {
            let server = globals.server.clone().ok_or_else(|| {
                Failure::usage(
                    "a context needs a daemon",
                    "add --server, for example --server https://acme.example:7444",
                )
            })?;
            Server::parse(&server)?;
            let made = Context {
                server,
                token: globals.token.clone().unwrap_or_default(),
                act_as: globals.act_as.clone().unwrap_or_default(),
                ca: globals.certificates.clone(),
            };
            contexts.contexts.insert(name.clone(), made);
            // The first one is what its maker wants to use.
            contexts.current.get_or_insert_with(|| name.clone());
            contexts.store(&file)?;
            let page =
                Page::new().sentence(format!("The context {name} is kept in {}.", file.display()));
            printer.answer(
                &json!({ "context": name, "current": contexts.current }),
                &page,
            )
        }
        ContextCommand::List => printer.answer(&list_json(&contexts), &list_page(&contexts)),
        ContextCommand::Use { name } => {
            contexts.get(&name)?;
            contexts.current = Some(name.clone());
            contexts.store(&file)?;
            let page = Page::new().sentence(format!("The context {name} is in use."));
            printer.answer(&json!({ "context": name, "current": name }), &page)
        }
    }
}

fn list_page(contexts: &Contexts) -> Page {
    let rows = contexts
        .contexts
        .iter()
        .map(|(name, context)| {
            vec![
                if contexts.current.as_ref() == Some(name) {
                    "*"
                } else {
                    ""
                }
                .to_owned(),
                name.clone(),
                context.server.clone(),
                if context.token.is_empty() { "" } else { "kept" }.to_owned(),
                context.act_as.clone(),
            ]
        })
        .collect();
    Page::new().table(
        &["", "CONTEXT", "SERVER", "TOKEN", "AS"],
        rows,
        "There are no contexts.",
    )
}

/// The contexts without their tokens.
fn list_json(contexts: &Contexts) -> serde_json::Value {
    let listed: Vec<_> = contexts
        .contexts
        .iter()
        .map(|(name, context)| {
            let Context {
                server,
                token,
                act_as,
                ca,
            } = context;
            json!({
                "name": name,
                "server": server,
                "has_token": !token.is_empty(),
                "as": act_as,
                "ca": ca.as_ref().map(|path| path.display().to_string()),
            })
        })
        .collect();
    json!({ "current": contexts.current, "contexts": listed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    #[test]
    fn a_list_shows_no_token() {
        let secret = Context {
            server: "https://acme.example:7444".to_owned(),
            token: "fdt_secret".to_owned(),
            ..Context::default()
        };
        let contexts = Contexts {
            current: Some("anna".to_owned()),
            contexts: [("anna".to_owned(), secret)].into(),
        };
        let drawn = list_page(&contexts).draw(Style::PLAIN);
        assert!(
            drawn.contains("anna") && !drawn.contains("fdt_secret"),
            "{drawn}"
        );
        let json = list_json(&contexts).to_string();
        assert!(
            json.contains("\"has_token\":true") && !json.contains("fdt_secret"),
            "{json}"
        );
    }
}
