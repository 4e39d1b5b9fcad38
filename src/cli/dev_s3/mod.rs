//! The S3 server inside `casgate dev`: object storage in a folder, for one machine.
//!
//! It speaks path-style S3 over HTTP/1.1 and demands a signature on every
//! request. What is stored is found again by the next server on the same folder;
//! two servers must not share one at the same time.

mod backend;
mod conditions;
mod digest;
mod keys;
mod listing;
mod lists;
mod multipart;
mod multipart_lists;
mod reads;
mod record;
mod store;
mod transfer;
mod uploads;
mod writes;

#[cfg(test)]
mod tests;

use backend::Backend;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, S3Result, s3_error};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Pause after a failed accept, which usually means that descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where the server keeps its data, and the one account it knows.
#[derive(Clone)]
pub struct Options {
    /// Folder for buckets and objects; created where it does not exist.
    pub root: PathBuf,
    /// The account's access key id.
    pub access_key_id: String,
    /// The account's secret access key.
    pub secret_access_key: String,
}

/// Shows everything but the secret.
impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("root", &self.root)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Serves S3 on the listener until the future is dropped, which also closes every
/// connection.
///
/// Requests without a valid signature of the account, in their headers or
/// presigned, are answered with 403.
///
/// # Errors
/// Fails at the start if the folder cannot be prepared, and not afterwards.
pub async fn serve(listener: TcpListener, options: Options) -> io::Result<()> {
    let Options { root, access_key_id, secret_access_key } = options;
    let store = tokio::task::spawn_blocking(move || Store::open(&root)).await??;
    let mut builder = S3ServiceBuilder::new(Backend::new(store));
    builder.set_auth(Account { access_key_id, secret: secret_access_key.into() });
    serve_service(listener, builder.build()).await
}

/// Serves any S3 service of `s3s` on the listener until the future is dropped, with `TCP_NODELAY`,
/// which its own server lacks.
///
/// # Errors
/// Never: it runs until it is dropped.
pub async fn serve_service(listener: TcpListener, service: S3Service) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&listener) => match accepted {
                Ok(stream) => {
                    connections.spawn(serve_connection(stream, service.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the embedded S3 server cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            // Finished connections are collected as they end.
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The one account whose signatures are accepted.
struct Account {
    access_key_id: String,
    secret: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for Account {
    async fn get_secret_key(&self, access_key_id: &str) -> S3Result<SecretKey> {
        if access_key_id == self.access_key_id {
            Ok(self.secret.clone())
        } else {
            Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            ))
        }
    }
}

/// Accepts a connection that sends small segments at once. Otherwise the end of an
/// answer waits for the client's delayed acknowledgement of its beginning.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn serve_connection(stream: TcpStream, service: S3Service) {
    let answer = service_fn(|request| answer(request, &service));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the embedded S3 server ended early");
    }
}

async fn answer(
    request: http::Request<Incoming>,
    service: &S3Service,
) -> Result<http::Response<Body>, HttpError> {
    let is_head = request.method() == http::Method::HEAD;
    let mut response = service.call(request.map(Body::from)).await?;
    // s3s answers a HEAD of a range with 200; S3 with 206, as for a GET.
    if is_head && response.headers().contains_key(http::header::CONTENT_RANGE) {
        *response.status_mut() = http::StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}
