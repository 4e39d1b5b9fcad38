//! Metrics of what a reload replaces or removes.

use crate::support::content::Content;
use crate::support::gateway::{Gateway, REDIRECT};
use crate::support::storage::Storage;
use crate::support::token::bearer;

const OBJECTS: &str = "casgate_object_memory_total";
const VERDICTS: &str = "casgate_verdict_memory_total";

#[tokio::test]
async fn counters_go_on_where_what_they_count_is_replaced() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let secrets = tempfile::tempdir().unwrap();
    let yaml = REDIRECT.yaml(&format!("http://{}", storage.address), &secrets);
    let gateway = Gateway::of(&yaml);
    let lines = bearer(serde_json::json!({}));
    let counted = || {
        [OBJECTS, VERDICTS]
            .map(|name| (gateway.metric(name, &["\"miss\""]), gateway.metric(name, &["\"hit\""])))
    };
    for _ in 0..3 {
        assert_eq!(gateway.get(&content.path(), &lines).await.status, 302);
    }
    assert_eq!(counted(), [(1, 2), (1, 2)]);
    // Memories of another size are new ones.
    let limits = "limits: { remembered_objects: 7, remembered_verdicts: 7,";
    gateway.reload(&yaml.replace("limits: {", limits));
    assert_eq!(counted(), [(1, 2), (1, 2)]);
    for _ in 0..2 {
        assert_eq!(gateway.get(&content.path(), &lines).await.status, 302);
    }
    assert_eq!(counted(), [(2, 3), (2, 3)]);
}

/// A time that stands still would look like an outage to whoever is alerted by its age.
#[tokio::test]
async fn gauges_of_what_was_removed_are_gone() {
    let content = Content::sized(10);
    let storage = Storage::holding(&content).await;
    let secrets = tempfile::tempdir().unwrap();
    let yaml = REDIRECT.yaml(&format!("http://{}", storage.address), &secrets);
    let key = secrets.path().join("key");
    let more = format!(
        "buckets:\n  other:\n    bucket: other\n    region: us-east-1\n    \
         endpoint: 'http://127.0.0.1:1'\n    credentials: {{ static: {{ \
         access_key_id: {{ file: {key} }}, secret_access_key: {{ file: {key} }} }} }}\n",
        key = key.display()
    );
    let issuer = "issuers:\n  other:\n    iss: 'https://other.test'\n    audience: [a]\n    \
                  keys: { discovery: {} }\n";
    let with_more = yaml.replace("buckets:\n", &more).replace("issuers:\n", issuer);
    let gateway = Gateway::of(&with_more);
    let gauges = || {
        let text = gateway.edge.metrics.render(&gateway.edge.serving().plan);
        let is_gauge = |line: &&str| {
            line.starts_with("casgate_issuer_keys")
                || line.starts_with("casgate_credentials_expiry_")
                || line.starts_with("casgate_storage_clock_")
        };
        text.lines().filter(is_gauge).filter(|line| line.contains("other")).count()
    };
    assert_eq!(gauges(), 4);
    gateway.reload(&yaml);
    assert_eq!(gauges(), 0);
    // Nor does a configuration that is refused have any.
    let refused = with_more.replace("layout: '", "layout: '{nonsense}");
    let config = casgate::config::Config::parse(&refused).unwrap();
    assert!(casgate::plan::Plan::compile(config, &gateway.edge.metrics).is_err());
    assert_eq!(gauges(), 0);
}
