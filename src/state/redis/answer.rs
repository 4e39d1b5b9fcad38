//! What servers' errors mean for an operation.

use redis::{ServerError, Value};

use super::settings::Address;

/// Why a server did not carry out an operation.
pub(super) enum Refusal {
    /// It does not know the script by name.
    NoScript,
    /// The key is somewhere else for good.
    Moved(Address),
    /// The key is on its way to somewhere else, and may be there.
    Ask(Address),
    /// It is no primary, or not in a state to serve: another may be.
    Elsewhere(String),
    /// Something else, but surely it was not carried out.
    Other(String),
    /// Nobody knows what this error means.
    Unclear(String),
}

/// Errors that servers give instead of carrying out a command, by their code
/// (`server.c` and `cluster.c` of Redis and Valkey).
const NOT_DONE: [&str; 12] = [
    "BUSY",
    "CROSSSLOT",
    "DENIED",
    "LOADING",
    "MISCONF",
    "NOAUTH",
    "NOGOODSLAVE",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "WRONGPASS",
    "WRONGTYPE",
];

/// The same, where another server may be the right one now.
const ELSEWHERE: [&str; 4] = ["CLUSTERDOWN", "MASTERDOWN", "READONLY", "TRYAGAIN"];

/// Errors without a code of their own: the command never ran, or a script ended before its only
/// write, which is the last thing it does.
const NOT_DONE_TEXTS: [&str; 5] = [
    "Error running script",
    "max number of clients",
    "unknown command",
    "This Redis command is not allowed",
    "This instance has cluster support disabled",
];

impl Refusal {
    /// Reads an error. `from` is the server that it came from.
    pub(super) fn of(error: &ServerError, from: Option<&Address>) -> Self {
        let code = error.code();
        let details = error.details().unwrap_or_default();
        let text = format!("{code} {details}");
        let redirect = |of: fn(Address) -> Self| match target(details, from) {
            Some(address) => of(address),
            None => Self::Elsewhere(text.clone()),
        };
        match code {
            "NOSCRIPT" => Self::NoScript,
            "MOVED" => redirect(Self::Moved),
            "ASK" => redirect(Self::Ask),
            code if ELSEWHERE.contains(&code) => Self::Elsewhere(text),
            code if NOT_DONE.contains(&code) => Self::Other(text),
            // Before version 7 the code of an error in a script is within the text.
            _ if details.contains("-READONLY ") => Self::Elsewhere(text),
            _ if NOT_DONE_TEXTS.iter().any(|known| details.starts_with(known)) => Self::Other(text),
            _ => Self::Unclear(text),
        }
    }
}

/// The address in `SLOT HOST:PORT`. Without a host it is that of the server that says so.
fn target(details: &str, from: Option<&Address>) -> Option<Address> {
    let (host, port) = details.split_ascii_whitespace().nth(1)?.rsplit_once(':')?;
    let host = if host.is_empty() { from?.host.as_str() } else { host };
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

/// The answer to the operation itself among those to all commands, or the error it was.
pub(super) fn split(
    mut answers: Vec<Value>,
    asking: bool,
    from: Option<&Address>,
) -> Result<(Value, Option<Value>), Refusal> {
    answers.drain(..usize::from(asking).min(answers.len()));
    let mut answers = answers.into_iter();
    match answers.next() {
        Some(Value::ServerError(error)) => Err(Refusal::of(&error, from)),
        Some(answer) => Ok((answer, answers.next())),
        None => Err(Refusal::Unclear("there was no answer".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Refusal {
        let reply = format!("-{line}\r\n");
        let Ok(Value::ServerError(error)) = redis::parse_redis_value(reply.as_bytes()) else {
            panic!("{line} is an error");
        };
        Refusal::of(&error, Some(&Address { host: "10.0.0.1".to_owned(), port: 1 }))
    }

    #[test]
    fn only_errors_that_are_known_say_that_nothing_happened() {
        for line in [
            "OOM command not allowed when used memory > 'maxmemory'.",
            "NOREPLICAS Not enough good replicas to write.",
            "MISCONF Redis is configured to save RDB snapshots",
            "NOAUTH Authentication required.",
            "LOADING Redis is loading the dataset in memory",
            "ERR Error running script (call to f_0): @user_script:4: -OOM command not allowed",
            "ERR unknown command 'EVALSHA'",
        ] {
            assert!(matches!(of(line), Refusal::Other(_)), "{line}");
        }
        for line in [
            "READONLY You can't write against a read only replica. script: 0, on @user_script:4.",
            "ERR Error running script (call to f_0): @user_script: 4: -READONLY You can't write",
            "MASTERDOWN Link with MASTER is down",
            "CLUSTERDOWN The cluster is down",
        ] {
            assert!(matches!(of(line), Refusal::Elsewhere(_)), "{line}");
        }
        for line in ["ERR upstream failure", "UNBLOCKED force unblock", "ERR", "upstream failure"] {
            assert!(matches!(of(line), Refusal::Unclear(_)), "{line}");
        }
        assert!(matches!(of("NOSCRIPT No matching script."), Refusal::NoScript));
    }

    #[test]
    fn redirects_lead_to_an_address() {
        let moved = |line| match of(line) {
            Refusal::Moved(address) => address.to_string(),
            _ => "none".to_owned(),
        };
        assert_eq!(moved("MOVED 3999 10.0.0.2:6381"), "10.0.0.2:6381");
        assert_eq!(moved("MOVED 3999 ::1:6381"), "[::1]:6381");
        assert_eq!(moved("MOVED 3999 :6381"), "10.0.0.1:6381");
        assert_eq!(moved("MOVED 3999"), "none");
        assert!(matches!(of("ASK 1 a:2"), Refusal::Ask(address) if address.port == 2));
    }
}
