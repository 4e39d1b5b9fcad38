//! AWS's SDK as a client: an open route looks like a bucket to whoever reads by GET.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use super::Served;
use crate::support::content::Content;
use crate::support::storage::Storage;

#[tokio::test]
async fn the_sdk_downloads_over_tls() {
    let content = Content::sized(3_000_000);
    let storage = Storage::holding(&content).await;
    let served = Served::before(&storage, "");
    let address = served.gateway.listen().await;
    let trust = TrustStore::empty().with_pem_certificate(served.authority.pem().as_bytes());
    let context = TlsContext::builder().with_trust_store(trust).build().unwrap();
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("https://localhost:{}", address.port()))
        .force_path_style(true)
        .allow_no_auth()
        .http_client(http.tls_context(context).build_https())
        .build();
    let path = content.path();
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap();
    let request = Client::from_conf(config).get_object().bucket(bucket).key(key);
    let answer = request.clone().send().await.unwrap();
    assert_eq!(answer.content_length(), Some(3_000_000));
    assert_eq!(answer.body.collect().await.unwrap().to_vec(), content.bytes);
    let part = request.range("bytes=100-199").send().await.unwrap();
    assert_eq!(part.body.collect().await.unwrap().to_vec(), content.bytes[100..200]);
    let served_over_http2 = served.gateway.metric("casgate_http_requests_total", &["\"2\""]);
    assert_eq!(served_over_http2, 2, "the SDK chose HTTP/2");
}
