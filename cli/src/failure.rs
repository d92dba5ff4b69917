//! Why a command failed: what happened, which rule, what to do, and the exit code.

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Exit codes, after sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// `doctor` found something that is wrong.
    Found = 1,
    /// The command line makes no sense.
    Usage = 64,
    /// Data that was given is not acceptable.
    Data = 65,
    /// Something that was named does not exist.
    NotFound = 66,
    /// The daemon cannot be reached.
    Unavailable = 69,
    /// A defect, here or in the daemon.
    Software = 70,
    /// It exists already, or cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed here.
    InputOutput = 74,
    /// Try again later.
    Temporary = 75,
    /// The daemon does not understand this version.
    Protocol = 76,
    /// Refused by a rule.
    Refused = 77,
    /// A configuration file is not acceptable.
    Configuration = 78,
}

/// The codes for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
   0  done; of `doctor`: nothing is wrong
   1  of `doctor`: something is wrong
  64  the command line makes no sense
  65  data that was given is not acceptable
  66  something that was named does not exist
  69  the daemon cannot be reached
  70  a defect, here or in the daemon
  73  it exists already, or cannot be created
  74  reading or writing failed here
  75  not now: try again later
  76  the daemon does not know this call
  77  refused by a rule; the message names it
  78  the file of contexts is not acceptable";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What to exit with.
    pub exit: Exit,
    /// What happened.
    pub what: String,
    /// Stable identifier of the reason. Empty: none.
    pub reason: String,
    /// The rule that refused. Empty: none.
    pub rule: String,
    /// What to do. Empty: nothing is known.
    pub fix: String,
    /// Whether it may have been done all the same.
    pub outcome_unknown: bool,
    /// Whether whoever read our output has gone.
    pub broken_pipe: bool,
    /// Whether all of it was told already.
    pub told: bool,
}

impl Failure {
    /// A failure of this program's own finding.
    pub fn new(exit: Exit, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            reason: String::new(),
            rule: String::new(),
            fix: fix.into(),
            outcome_unknown: false,
            broken_pipe: false,
            told: false,
        }
    }

    /// The command line makes no sense.
    pub fn usage(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, fix)
    }

    /// Reading or writing failed here.
    pub fn io(what: impl std::fmt::Display, source: &io::Error) -> Self {
        Self {
            broken_pipe: source.kind() == io::ErrorKind::BrokenPipe,
            ..Self::new(Exit::InputOutput, format!("{what}: {source}"), "")
        }
    }

    /// Nobody answered within the time allowed.
    pub fn timeout(seconds: f64) -> Self {
        Self {
            outcome_unknown: true,
            ..Self::new(
                Exit::Temporary,
                format!("the daemon did not answer within {seconds} s"),
                "try again, or allow more time with --timeout",
            )
        }
    }

    /// The daemon at `server` cannot be reached.
    pub fn unreachable(server: &str, error: &tonic::transport::Error) -> Self {
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let denied = cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        let plain =
            server.starts_with("https://") && cause.to_string().contains("InvalidContentType");
        let fix = if plain {
            "nobody speaks TLS there: use http:// if it is on this machine, or the right port"
        } else if denied {
            "run this as the user of the daemon, or use a token: --server https://HOST:PORT --token TOKEN"
        } else {
            "start the daemon with `foedusd`, or name another one with --server or `foedus context use`"
        };
        Self::new(
            Exit::Unavailable,
            format!("cannot reach the daemon at {server}: {cause}"),
            fix,
        )
    }
}

/// A command line that makes no sense: what clap says of it before it shows how the command is used.
impl From<&clap::Error> for Failure {
    fn from(error: &clap::Error) -> Self {
        let text = error.to_string();
        let missing = matches!(
            error.kind(),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
        );
        let what = match text.split_once("\n\n") {
            _ if missing => "a command is missing",
            Some((what, _)) => what,
            None => &text,
        };
        let what: Vec<&str> = what.split_whitespace().collect();
        let what = what.join(" ");
        let what = what.strip_prefix("error: ").unwrap_or(&what);
        Self::usage(what, "--help after the command shows how it is used")
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let (reason, rule, fix) = match status.get_details_error_info() {
            Some(mut info) => {
                let rule = info.metadata.remove("rule").unwrap_or_default();
                let fix = info.metadata.remove("fix").unwrap_or_default();
                (info.reason, rule, fix)
            }
            None => Default::default(),
        };
        // The daemon speaks of what is sent; whoever types has another place for it.
        let fix = match reason.as_str() {
            "TOKEN_NEEDED" => TOKEN_FIX.to_owned(),
            _ => fix,
        };
        let what = match (status.message(), status.source()) {
            ("", None) => own_words(status.code()).to_owned(),
            ("", Some(source)) => format!("{}: {source}", own_words(status.code())),
            // What came of no answer of the daemon's.
            (_, Some(source)) => {
                format!("the connection to the daemon broke: {}", deepest(source))
            }
            (message, _) => message.to_owned(),
        };
        // A status with a source was made on this side, when the connection broke.
        let code = match status.source() {
            Some(_) => Code::Unavailable,
            None => status.code(),
        };
        Self {
            exit: exit_of(code),
            fix: if fix.is_empty() {
                own_fix(code).to_owned()
            } else {
                fix
            },
            outcome_unknown: matches!(
                status.code(),
                Code::Unavailable
                    | Code::DeadlineExceeded
                    | Code::Cancelled
                    | Code::Unknown
                    | Code::Internal
            ),
            what,
            reason,
            rule,
            broken_pipe: false,
            told: false,
        }
    }
}

impl From<foedus_proto::api::v1::Refusal> for Failure {
    fn from(refusal: foedus_proto::api::v1::Refusal) -> Self {
        let foedus_proto::api::v1::Refusal {
            reason,
            text,
            rule,
            fix,
            code,
        } = refusal;
        Self {
            reason,
            rule,
            ..Self::new(exit_of(Code::from_i32(code)), text, fix)
        }
    }
}

fn deepest<'a>(
    mut error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

fn exit_of(code: Code) -> Exit {
    match code {
        Code::Ok => Exit::Done,
        Code::InvalidArgument | Code::OutOfRange => Exit::Data,
        Code::NotFound => Exit::NotFound,
        Code::AlreadyExists => Exit::CannotCreate,
        Code::PermissionDenied | Code::Unauthenticated | Code::FailedPrecondition => Exit::Refused,
        Code::Unavailable => Exit::Unavailable,
        Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted | Code::Cancelled => {
            Exit::Temporary
        }
        Code::Unimplemented => Exit::Protocol,
        Code::Unknown | Code::Internal | Code::DataLoss => Exit::Software,
    }
}

fn own_words(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => "the daemon does not know who is asking",
        Code::PermissionDenied => "the daemon does not permit this",
        Code::NotFound => "there is nothing of that name",
        Code::Unavailable => "the connection to the daemon broke",
        Code::Unimplemented => "the daemon does not know this call",
        Code::DeadlineExceeded => "the daemon did not answer in time",
        _ => "the daemon failed without saying why",
    }
}

const TOKEN_FIX: &str = "put a token into FOEDUS_TOKEN, or keep it with `foedus context set`; an administrator can make one";

fn own_fix(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated => TOKEN_FIX,
        Code::Unavailable => {
            "see whether the daemon runs, and whether it is its API that listens there (`[api]` in its configuration; \
             partners' links and metrics have addresses of their own), then try again"
        }
        Code::Unimplemented => "use versions of foedus and foedusd that belong together",
        Code::DeadlineExceeded | Code::Aborted | Code::ResourceExhausted => "try again later",
        Code::Internal | Code::Unknown | Code::DataLoss => "look into the daemon's log",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_refusal_names_its_rule_and_what_to_do() {
        let details = ErrorDetails::with_error_info(
            "WORDS_DIFFER",
            "foedus",
            [
                ("rule".to_owned(), "peer.words".to_owned()),
                ("fix".to_owned(), "compare them again".to_owned()),
            ],
        );
        let status =
            Status::with_error_details(Code::PermissionDenied, "the six words differ", details);
        let failure = Failure::from(status);
        assert_eq!(failure.exit, Exit::Refused);
        assert_eq!(failure.what, "the six words differ");
        assert_eq!(failure.reason, "WORDS_DIFFER");
        assert_eq!(failure.rule, "peer.words");
        assert_eq!(failure.fix, "compare them again");
        assert!(!failure.outcome_unknown);
    }

    #[test]
    fn each_code_has_words_and_an_exit_code_of_its_own_kind() {
        let check = |code, exit: Exit, unknown| {
            let failure = Failure::from(Status::new(code, ""));
            assert_eq!(failure.exit, exit, "{code:?}");
            assert_eq!(failure.outcome_unknown, unknown, "{code:?}");
            assert!(!failure.what.is_empty(), "{code:?}");
        };
        check(Code::InvalidArgument, Exit::Data, false);
        check(Code::NotFound, Exit::NotFound, false);
        check(Code::AlreadyExists, Exit::CannotCreate, false);
        check(Code::FailedPrecondition, Exit::Refused, false);
        check(Code::Unauthenticated, Exit::Refused, false);
        check(Code::Unavailable, Exit::Unavailable, true);
        check(Code::DeadlineExceeded, Exit::Temporary, true);
        check(Code::ResourceExhausted, Exit::Temporary, false);
        check(Code::Unimplemented, Exit::Protocol, false);
        check(Code::Internal, Exit::Software, true);
    }

    #[test]
    fn every_exit_code_is_documented() {
        let all = [
            Exit::Done,
            Exit::Usage,
            Exit::Data,
            Exit::NotFound,
            Exit::Unavailable,
            Exit::Software,
            Exit::CannotCreate,
            Exit::InputOutput,
            Exit::Temporary,
            Exit::Protocol,
            Exit::Refused,
            Exit::Configuration,
        ];
        for exit in all {
            let line = format!("\n{:>4}  ", exit as u8);
            assert!(EXIT_CODES.contains(&line), "{exit:?}");
        }
    }
}
