//! `casgate health ADDRESS`, for containers whose image has no other HTTP client.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::fail;

/// How long each of connecting, asking and reading may take.
const TIME_MAX: Duration = Duration::from_secs(2);

/// The most that is read of an answer, in bytes. Its first line is all that counts.
const ANSWER_BYTES_MAX: u64 = 1024;

/// Arguments of `casgate health`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The admin listener's address, as in `admin:` of the configuration
    #[arg(default_value = "127.0.0.1:9090")]
    address: SocketAddr,
}

/// Succeeds if the admin listener there answers `/readyz` with 200.
pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    match ask(arguments.address) {
        Ok(line) if line.split(' ').nth(1) == Some("200") => ExitCode::SUCCESS,
        Ok(line) => fail(format_args!("not ready: {}", line.escape_debug())),
        Err(error) => fail(format_args!("cannot ask {}: {error}", arguments.address)),
    }
}

/// The status line of the answer.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIME_MAX)?;
    stream.set_read_timeout(Some(TIME_MAX))?;
    stream.set_write_timeout(Some(TIME_MAX))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
