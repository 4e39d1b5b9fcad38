//! Opens connections: TCP, TLS, the login, the database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use rustls::pki_types::{ServerName, TrustAnchor};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::counted::{Counted, Written};
use super::link::Link;
use super::settings::{Address, Login};

/// How all connections of a store are made.
#[derive(Clone)]
pub(super) struct Dialer {
    tls: Option<TlsConnector>,
    patience: Duration,
}

impl Dialer {
    pub(super) fn new(authorities: Option<&[TrustAnchor<'static>]>, patience: Duration) -> Self {
        let tls = authorities.map(|trusted| TlsConnector::from(Arc::new(tls_config(trusted))));
        Self { tls, patience }
    }

    /// The longest time of anything that is done on a connection.
    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// A connection that is logged in, opened within the longest time.
    ///
    /// # Errors
    /// Says what failed, with the address.
    pub(super) async fn open(
        &self,
        address: &Address,
        login: &RedisConnectionInfo,
    ) -> Result<Link, String> {
        match timeout(self.patience, self.connect(address, login)).await {
            Ok(result) => result,
            Err(_) => Err(format!("{address} does not answer")),
        }
    }

    async fn connect(
        &self,
        address: &Address,
        login: &RedisConnectionInfo,
    ) -> Result<Link, String> {
        let at = |error: &dyn fmt::Display| format!("{address}: {error}");
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
        let stream = stream.map_err(|error| at(&error))?;
        stream.set_nodelay(true).map_err(|error| at(&error))?;
        match &self.tls {
            None => self.log_in(stream, login).await,
            Some(tls) => {
                let name =
                    ServerName::try_from(address.host.clone()).map_err(|error| at(&error))?;
                let stream = tls.connect(name, stream).await.map_err(|error| at(&error))?;
                self.log_in(stream, login).await
            }
        }
        .map_err(|error| at(&error))
    }

    async fn log_in(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        login: &RedisConnectionInfo,
    ) -> Result<Link, redis::RedisError> {
        // Who waits for an answer has a deadline, and not all commands have the same.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let written = Written::default();
        let stream = Counted::new(stream, written.clone());
        let made = MultiplexedConnection::new_with_config(login, stream, config).await;
        let (connection, driver) = made?;
        Ok(Link::new(connection, driver, written, self.patience))
    }
}

/// What is said to a server first.
pub(super) fn introduction(login: Option<&Login>, database: u8) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default()
        .set_db(database.into())
        .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if let Some(login) = login {
        info = info.set_password(&login.password);
        if let Some(username) = &login.username {
            info = info.set_username(username);
        }
    }
    info
}

/// The provider is named, since the default depends on the features that other packages switch on.
fn tls_config(authorities: &[TrustAnchor<'static>]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    if authorities.is_empty() {
        let system = rustls_native_certs::load_native_certs();
        for error in system.errors {
            tracing::warn!(%error, "cannot read the system's certificate authorities");
        }
        roots.add_parsable_certificates(system.certs);
    }
    roots.extend(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]);
    // The provider above has suites for both versions.
    #[expect(clippy::expect_used, reason = "constants; see above")]
    let builder = builder.expect("the provider knows TLS 1.2 and 1.3");
    builder.with_root_certificates(roots).with_no_client_auth()
}
