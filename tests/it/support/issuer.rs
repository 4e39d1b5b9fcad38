//! An issuer that publishes its keys over TLS, well or badly.

use super::answer::Answer;
use super::certificates::Authority;
use super::server::{Opening, Seen, Server};
use super::tls;

/// The server, and who vouches for it. It ends when dropped.
pub(crate) struct Issuer {
    pub(crate) authority: Authority,
    pub(crate) port: u16,
    server: Server,
}

impl Issuer {
    /// Answers on `localhost` as the script says.
    pub(crate) async fn scripted(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_certificate("localhost", 4000, script).await
    }

    /// With a certificate for this name, valid until the year.
    pub(crate) async fn with_certificate(
        name: &str,
        until: i32,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let acceptor = tls::acceptor(&authority.issue_until(until, &[name]));
        Self::opening_with(Opening::Tls(acceptor), authority, script).await
    }

    /// Speaks no TLS, and answers whatever comes: it would wait for a request in vain.
    pub(crate) async fn in_clear(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::opening_with(Opening::Unasked, Authority::new(), script).await
    }

    async fn opening_with(
        opening: Opening,
        authority: Authority,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let server = Server::opening_with(opening, script).await;
        Self { authority, port: server.address.port(), server }
    }

    /// Answers otherwise from now on.
    pub(crate) fn change(&self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        self.server.change(script);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// TCP connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.server.counts().opened
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.server.counts().requests
    }

    /// Waits until there were that many more requests.
    pub(crate) async fn answers(&self, more: usize) {
        let expected = self.requests() + more;
        self.server.until(move |counts| counts.requests >= expected).await;
    }
}
