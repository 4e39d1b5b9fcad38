//! The server seen by the AWS SDK over a loopback connection.

mod account;
mod conditions;
mod keys;
mod lists;
mod multipart;
mod objects;
mod transfers;

use super::{Options, serve};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const KEY_ID: &str = "test-key-id";
const SECRET: &str = "test-secret";
const BUCKET: &str = "test-bucket";

/// A server with one bucket, on a port of its own; it ends with this value.
struct Server {
    address: SocketAddr,
    client: Client,
    task: JoinHandle<std::io::Result<()>>,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start() -> Self {
        let server = Self::start_on(tempfile::tempdir().expect("a folder")).await;
        server.client.create_bucket().bucket(BUCKET).send().await.expect("a bucket");
        server
    }

    async fn start_on(folder: TempDir) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let options = Options {
            root: folder.path().join("data"),
            access_key_id: KEY_ID.to_owned(),
            secret_access_key: SECRET.to_owned(),
        };
        let task = tokio::spawn(serve(listener, options));
        Self { address, client: client(address, KEY_ID, SECRET), task, folder }
    }

    /// Ends the server and starts another one on the same folder.
    async fn restart(mut self) -> Self {
        self.task.abort();
        assert!((&mut self.task).await.expect_err("aborted").is_cancelled());
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        Self::start_on(folder).await
    }

    async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        let output = self
            .client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(ByteStream::from(body.into()))
            .send()
            .await
            .unwrap_or_else(|error| panic!("PUT {key:?}: {error:?}"));
        output.e_tag.expect("an entity tag")
    }

    async fn get(&self, key: &str) -> Vec<u8> {
        let output = self
            .client
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .unwrap_or_else(|error| panic!("GET {key:?}: {error:?}"));
        output.body.collect().await.expect("a body").to_vec()
    }

    async fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut pages = self.client.list_objects_v2().bucket(BUCKET).into_paginator().send();
        while let Some(page) = pages.next().await {
            let contents = page.expect("a page").contents.unwrap_or_default();
            keys.extend(contents.into_iter().filter_map(|object| object.key));
        }
        keys
    }

    /// Files below the server's folder that hold bytes of objects or parts.
    fn files(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = std::fs::read_dir(folder).expect("a folder");
            entries
                .map(|entry| entry.expect("an entry").path())
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        count(self.folder.path())
    }

    /// Sends a request by hand and returns the status, the head and the body.
    async fn raw(&self, request: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("answered");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let body = answer.split_off(end + 4);
        let head = String::from_utf8(answer).expect("text").to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), head, body)
    }

    /// Requests a presigned URL with a client that knows nothing of S3.
    async fn fetch(&self, method: &str, url: &str, headers: &str) -> (u16, String, Vec<u8>) {
        let target = url.strip_prefix(&format!("http://{}", self.address)).expect("this server");
        let host = self.address;
        self.raw(&format!(
            "{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n"
        ))
        .await
    }
}

fn client(address: SocketAddr, key_id: &str, secret: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new(key_id, secret, None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{address}"))
        .force_path_style(true)
        // The answers are asserted, so none may be hidden by a second attempt.
        .retry_config(RetryConfig::disabled())
        .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// Status and S3 error code of a refused request; a HEAD has no code.
fn refusal<E: ProvideErrorMetadata + std::fmt::Debug>(error: SdkError<E>) -> (u16, String) {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(|error| error.code()).unwrap_or_default();
    (status.unwrap_or_else(|| panic!("no answer: {error:?}")), code.to_owned())
}
