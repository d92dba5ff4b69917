//! Why there is no connection, in words for people.
//!
//! What a library says of it speaks of its own parts, and goes to the log; here is what happened, and no more.

use std::io;

use foedus_federation::transport::{DialError, PairError};

use crate::runtime::Undelivered;

/// Why a partner could not be dialled.
pub(super) fn undialled(error: &DialError) -> String {
    match error {
        DialError::Connect(error) => unconnected(error),
        DialError::Handshake(_) => SPEAKS_OTHERWISE.to_owned(),
        DialError::Configuration(_)
        | DialError::OutOfReach(_)
        | DialError::WrongKey
        | DialError::Refused
        | DialError::Http(_)
        | DialError::Call(_)
        | DialError::Timeout
        | DialError::NoCall => error.to_string(),
    }
}

/// Why our reply is not with the inviter.
pub(crate) fn undelivered(error: &Undelivered) -> String {
    let Undelivered::Unreachable(why) = error else {
        return error.to_string();
    };
    let why = match why {
        PairError::Connect(error) => unconnected(error),
        PairError::Handshake(_) => SPEAKS_OTHERWISE.to_owned(),
        why => why.to_string(),
    };
    format!("{error}: {why}")
}

const SPEAKS_OTHERWISE: &str =
    "whoever answers there does not speak as a daemon does, or ended the connection";

fn unconnected(error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there",
        io::ErrorKind::TimedOut => "nobody answers there",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no way to it in the network"
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            "the connection was ended at once"
        }
        io::ErrorKind::PermissionDenied => "this machine does not permit the connection",
        // A name that is not found has no kind of its own.
        _ if error.to_string().contains("lookup address") => "its name is not found",
        _ => return "it can't be connected to".to_owned(),
    };
    why.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_what_happened_and_not_by_which_library() {
        let connect = |kind: io::ErrorKind| {
            undialled(&DialError::Connect(io::Error::new(kind, "os error 111")))
        };
        assert_eq!(
            connect(io::ErrorKind::ConnectionRefused),
            "nobody listens there"
        );
        assert_eq!(connect(io::ErrorKind::TimedOut), "nobody answers there");
        assert_eq!(connect(io::ErrorKind::Other), "it can't be connected to");
        let lookup = "failed to lookup address information: Name or service not known";
        let lookup = DialError::Connect(io::Error::other(lookup));
        assert_eq!(undialled(&lookup), "its name is not found");
        let status = tonic::Status::unknown("h2 protocol error: http2 error");
        let call = undialled(&DialError::Call(Box::new(status)));
        assert_eq!(call, "the other end did not open the link");
        let handshake = io::Error::other("InvalidContentType");
        let handshake = undialled(&DialError::Handshake(handshake));
        assert_eq!(handshake, SPEAKS_OTHERWISE);
        let reply = io::Error::new(io::ErrorKind::ConnectionRefused, "os error 111");
        let reply = Undelivered::Unreachable(PairError::Connect(reply));
        assert_eq!(
            undelivered(&reply),
            "the inviter could not be reached at any address of the invitation: nobody listens there"
        );
    }
}
