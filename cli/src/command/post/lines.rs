//! `post --lines`: each line of standard input is a message, sent in lists over one stream.
//!
//! A list is filled with the lines that are there and goes out as soon as none is; so a slow
//! source is posted line by line and a fast one in full lists.

use foedus_proto::api::v1;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::bounds;
use crate::connection::Session;
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::printer::Printer;

/// Posts the lines of standard input. Each list's references are printed when it is durable.
pub async fn run(channel: String, session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let (sender, receiver) = mpsc::channel(bounds::POST_LISTS_QUEUED_MAX);
    let key = session.idempotency_key();
    let reading = tokio::spawn(read_lists(tokio::io::stdin(), channel, key, sender));
    let mut answers = session
        .call(session.messages().post_many(ReceiverStream::new(receiver)))
        .await?;
    let mut posted: u64 = 0;
    // No time limit: how long the next line takes is not the daemon's affair.
    let after = |mut failure: Failure, posted: u64| {
        failure.what = format!("{} (after {posted} messages that are posted)", failure.what);
        failure
    };
    loop {
        let answer = match answers.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) => break,
            Err(status) => {
                reading.abort();
                return Err(after(status.into(), posted));
            }
        };
        let v1::PostManyResponse {
            list_number,
            entry_refs,
            refusal,
        } = answer;
        if let Some(refusal) = refusal {
            reading.abort();
            return Err(after(refusal.into(), posted));
        }
        posted += entry_refs.len() as u64;
        let page = entry_refs.iter().fold(Page::new(), |page, entry_ref| {
            page.sentence(format!("Posted: {entry_ref}"))
        });
        printer.item(
            &json!({ "list_number": list_number, "entry_refs": entry_refs }),
            &page,
        )?;
    }
    match reading.await {
        Ok(Ok(sent)) if sent == posted => Ok(()),
        Ok(Ok(sent)) => Err(Failure::new(
            Exit::Unavailable,
            format!("the daemon answered {posted} of {sent} messages"),
            "post the others again",
        )),
        Ok(Err(failure)) => Err(after(failure, posted)),
        Err(_) => Err(Failure::new(
            Exit::Software,
            "reading standard input broke off",
            "",
        )),
    }
}

/// Reads lines into lists until the input ends; gives the number of messages.
async fn read_lists(
    input: impl AsyncRead + Unpin,
    channel: String,
    key: String,
    sender: mpsc::Sender<v1::PostManyRequest>,
) -> Result<u64, Failure> {
    let mut input = BufReader::new(input);
    let mut sent: u64 = 0;
    let (mut list_number, mut lines) = (0, 0);
    loop {
        let (posts, ended) = read_list(&mut input, &mut lines).await?;
        if !posts.is_empty() {
            list_number += 1;
            sent += posts.len() as u64;
            let request = v1::PostManyRequest {
                channel: channel.clone(),
                posts,
                idempotency_key: format!("{key}-{list_number}"),
                list_number,
            };
            // The other end is gone when the call failed, which is told by the call.
            if sender.send(request).await.is_err() {
                return Ok(sent);
            }
        }
        if ended {
            return Ok(sent);
        }
    }
}

/// Reads the next list: at least one line, and those after it that are there already. Empty lines
/// are no messages. Also says whether the input has ended.
async fn read_list<R: AsyncRead + Unpin>(
    input: &mut BufReader<R>,
    lines: &mut u64,
) -> Result<(Vec<v1::NewPost>, bool), Failure> {
    let mut posts = Vec::new();
    let mut list_bytes = 0;
    loop {
        let mut line = Vec::new();
        *lines += 1;
        let read = read_line(input, &mut line, *lines).await?;
        if read == 0 {
            return Ok((posts, true));
        }
        let text = String::from_utf8(line).map_err(|_| {
            Failure::new(
                Exit::Data,
                format!("line {lines} is not UTF-8"),
                "convert the input, for example with iconv",
            )
        })?;
        let text = text.trim_end_matches(['\n', '\r']);
        if !text.is_empty() {
            list_bytes += text.len();
            posts.push(v1::NewPost {
                text: text.to_owned(),
                reply_to: String::new(),
            });
        }
        let full =
            posts.len() >= bounds::POST_LIST_ITEMS_MAX || list_bytes >= bounds::POST_LIST_BYTES_MAX;
        let more_is_there = input.buffer().contains(&b'\n');
        if full || (!more_is_there && !posts.is_empty()) {
            return Ok((posts, false));
        }
    }
}

async fn read_line<R: AsyncRead + Unpin>(
    input: &mut BufReader<R>,
    line: &mut Vec<u8>,
    number: u64,
) -> Result<usize, Failure> {
    use tokio::io::AsyncReadExt as _;
    let read = input
        .take(bounds::POST_LIST_BYTES_MAX as u64)
        .read_until(b'\n', line)
        .await
        .map_err(|source| Failure::io("cannot read standard input", &source))?;
    if read == bounds::POST_LIST_BYTES_MAX && !line.ends_with(b"\n") {
        return Err(super::too_long(&format!("line {number}")));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(input: &[u8]) -> Result<Vec<Vec<String>>, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (sender, mut receiver) = mpsc::channel(1000);
            let sent = read_lists(input, "launch".to_owned(), "k".to_owned(), sender).await?;
            let mut lists = Vec::new();
            while let Some(request) = receiver.recv().await {
                assert_eq!(request.list_number, lists.len() as u64 + 1);
                assert_eq!(
                    request.idempotency_key,
                    format!("k-{}", request.list_number)
                );
                lists.push(
                    request
                        .posts
                        .into_iter()
                        .map(|post| post.text)
                        .collect::<Vec<_>>(),
                );
            }
            assert_eq!(lists.iter().map(Vec::len).sum::<usize>() as u64, sent);
            Ok(lists)
        })
    }

    #[test]
    fn lines_that_are_there_make_a_list() {
        assert_eq!(
            lists(b"one\ntwo\n\nthree"),
            Ok(vec![
                vec!["one".to_owned(), "two".to_owned()],
                vec!["three".to_owned()]
            ])
        );
        assert_eq!(lists(b""), Ok(Vec::new()));
        assert_eq!(lists(b"\n\n"), Ok(Vec::new()));
    }

    #[test]
    fn lists_are_bounded() {
        let input = "x\n".repeat(bounds::POST_LIST_ITEMS_MAX + 1);
        let sizes: Vec<usize> = lists(input.as_bytes())
            .expect("read")
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes, [bounds::POST_LIST_ITEMS_MAX, 1]);
        let long = vec![b'a'; bounds::POST_LIST_BYTES_MAX];
        assert_eq!(lists(&long).expect_err("refused").exit, Exit::Data);
        let third = [b"one\n\n".as_slice(), &long].concat();
        let refused = lists(&third).expect_err("refused");
        assert!(refused.what.starts_with("line 3 is longer"), "{refused:?}");
    }
}
