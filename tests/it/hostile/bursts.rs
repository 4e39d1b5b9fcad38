//! Clients that send much at once and then nothing, while what they sent is kept for them.

use bytes::Bytes;
use http::Request;

use super::{CACHE, writer};
use crate::support::gateway::Settings;
use crate::support::storage::Storage;
use crate::support::within;

/// Over HTTP/2, where nothing else has a limit for it: at the least rate these bytes are a minute's.
#[tokio::test]
async fn a_burst_buys_no_time() {
    let storage = Storage::scripted(|_| unreachable!()).await;
    let settings = Settings { timeouts: "header: 300ms", ..CACHE };
    let gateway = settings.before(&storage);
    let transport = gateway.connect_http2(64 * 1024);
    let (requests, connection) = within(h2::client::handshake(transport)).await.unwrap();
    tokio::spawn(connection);
    let mut requests = within(requests.ready()).await.unwrap();

    let writer = writer();
    let token = writer.trim_end().strip_prefix("Authorization: ").unwrap();
    let request = Request::put("https://gateway.test/turbo/v8/artifacts/0a1b");
    let request = request.header("authorization", token).body(()).unwrap();
    let (response, mut body) = requests.send_request(request, false).unwrap();
    body.send_data(Bytes::from(vec![b'x'; 60_000]), false).unwrap();
    let error = within(response).await.unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    gateway.until_metric("casgate_requests_total", &["kind=\"client_gone\""], 1).await;
}
