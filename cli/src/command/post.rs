//! `post`, `edit`, `retract` and `react`.

mod lines;

use clap::Args;
use foedus_proto::api::v1;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::bounds;
use crate::connection::Session;
use crate::failure::{Exit, Failure};
use crate::json;
use crate::page::Page;
use crate::printer::Printer;

/// `post`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  foedus post launch \"The date is set.\"\n  foedus post launch - < report.txt\n  foedus post launch --lines < messages.txt"
)]
pub struct PostArguments {
    /// Name or identifier of the channel
    channel: String,
    /// The text; - reads it from standard input
    #[arg(required_unless_present = "lines")]
    text: Option<String>,
    /// The message that this one answers
    #[arg(long, value_name = "REF", conflicts_with = "lines")]
    reply_to: Option<String>,
    /// Each line of standard input is a message; empty lines are left out
    #[arg(long, conflicts_with = "text")]
    lines: bool,
}

/// `edit`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  foedus edit launch org_a/inc_b/17 \"The date is the 4th.\"")]
pub struct EditArguments {
    /// Name or identifier of the channel
    channel: String,
    /// Reference of the message, from `history --refs`
    message: String,
    /// The new text; - reads it from standard input
    text: String,
}

/// `retract`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  foedus retract launch org_a/inc_b/17")]
pub struct RetractArguments {
    /// Name or identifier of the channel
    channel: String,
    /// Reference of the message, from `history --refs`
    message: String,
}

/// `react`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  foedus react launch org_a/inc_b/17 👍")]
pub struct ReactArguments {
    /// Name or identifier of the channel
    channel: String,
    /// Reference of the message, from `history --refs`
    message: String,
    /// One emoji
    emoji: String,
    /// Take the reaction back
    #[arg(long)]
    remove: bool,
}

pub async fn post(
    arguments: PostArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let PostArguments {
        channel,
        text,
        reply_to,
        lines: _,
    } = arguments;
    let Some(text) = text else {
        return lines::run(channel, session, printer).await;
    };
    let request = v1::PostRequest {
        channel,
        text: text_or_input(text).await?,
        reply_to: reply_to.unwrap_or_default(),
        idempotency_key: session.idempotency_key(),
    };
    let response = session.call(session.messages().post(request)).await?;
    let page = Page::new().sentence(format!("Posted: {}", response.entry_ref));
    printer.answer(&json::of(&response), &page)
}

pub async fn edit(
    arguments: EditArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let EditArguments {
        channel,
        message,
        text,
    } = arguments;
    let request = v1::EditRequest {
        channel,
        entry_ref: message,
        text: text_or_input(text).await?,
        idempotency_key: session.idempotency_key(),
    };
    let response = session.call(session.messages().edit(request)).await?;
    printer.answer(
        &json::of(&response),
        &Page::new().sentence("The text is replaced."),
    )
}

pub async fn retract(
    arguments: RetractArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let RetractArguments { channel, message } = arguments;
    let request = v1::RetractRequest {
        channel,
        entry_ref: message,
        idempotency_key: session.idempotency_key(),
    };
    let response = session.call(session.messages().retract(request)).await?;
    printer.answer(
        &json::of(&response),
        &Page::new().sentence("The message is taken back."),
    )
}

pub async fn react(
    arguments: ReactArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let ReactArguments {
        channel,
        message,
        emoji,
        remove,
    } = arguments;
    let request = v1::ReactRequest {
        channel,
        entry_ref: message,
        emoji,
        remove,
        idempotency_key: session.idempotency_key(),
    };
    let response = session.call(session.messages().react(request)).await?;
    let what = if remove {
        "The reaction is taken back."
    } else {
        "The reaction is given."
    };
    printer.answer(&json::of(&response), &Page::new().sentence(what))
}

async fn text_or_input(text: String) -> Result<String, Failure> {
    if text == "-" {
        read_text(tokio::io::stdin()).await
    } else {
        Ok(text)
    }
}

/// Reads a text to its end; the newline that ends it is not part of it.
async fn read_text(input: impl AsyncRead + Unpin) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    input
        .take(bounds::INPUT_BYTES_MAX as u64)
        .read_to_end(&mut bytes)
        .await
        .map_err(|source| Failure::io("cannot read standard input", &source))?;
    // What is cut off here is too long in any case, and may end within a character.
    if bytes.len() == bounds::INPUT_BYTES_MAX {
        return Err(too_long("the text"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(
            Exit::Data,
            "the text is not UTF-8",
            "convert it, for example with iconv",
        )
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.len() > bounds::TEXT_BYTES_MAX {
        return Err(too_long("the text"));
    }
    Ok(text)
}

/// What the daemon would say of a text of this length.
fn too_long(what: &str) -> Failure {
    Failure {
        reason: "TEXT_TOO_LONG".to_owned(),
        rule: "TEXT_TOO_LONG".to_owned(),
        ..Failure::new(
            Exit::Data,
            format!("{what} is longer than {} bytes", bounds::TEXT_BYTES_MAX),
            "shorten it, or send it in parts",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, Failure> {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(read_text(bytes))
    }

    #[test]
    fn the_last_newline_is_not_part_of_a_text() {
        assert_eq!(read(b"one\ntwo\n"), Ok("one\ntwo".to_owned()));
        assert_eq!(read(b"one\r\n"), Ok("one".to_owned()));
        assert_eq!(read(b"one\n\n"), Ok("one\n".to_owned()));
        assert_eq!(read(b""), Ok(String::new()));
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused() {
        assert_eq!(read(b"\xff").expect_err("refused").exit, Exit::Data);
        for bytes in [
            bounds::TEXT_BYTES_MAX + 1,
            bounds::INPUT_BYTES_MAX,
            2 * bounds::INPUT_BYTES_MAX,
        ] {
            let failure = read(&vec![b'a'; bytes]).expect_err("refused");
            assert_eq!(failure.exit, Exit::Data);
            assert_eq!(failure.reason, "TEXT_TOO_LONG");
            assert!(failure.what.contains("16384 bytes"), "{}", failure.what);
        }
        let longest = [vec![b'a'; bounds::TEXT_BYTES_MAX], b"\r\n".to_vec()].concat();
        assert!(read(&longest).is_ok());
    }
}
