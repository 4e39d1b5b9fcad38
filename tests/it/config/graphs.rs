//! What `casgate check` says of routes with graphs of blocks.

use super::links::assert_said;
use crate::support::gateway::{STREAM, Settings};

const GRAPHS: Settings<'static> = Settings {
    dialect: "kubo",
    chainloop: "digests: '{tenant}/sha256:{hex}', blocks: '{tenant}/blocks/{cid}', \
                origins: ['https://app.example.test'], quota: 10GiB",
    layout: "{tenant}/{cid}",
    auth: "{ jwt: { issuers: [tests], tenant: claims.org, read: 'true', write: 'true' } }",
    state: true,
    ..STREAM
};

#[test]
fn where_files_and_blocks_are() {
    assert_said(
        GRAPHS,
        &[
            ("{tenant}/sha256:{hex}", "sha256:{hex}", &["routes[0].dialect.kubo.digests: has no"]),
            ("{tenant}/blocks/{cid}", "{cid}", &["routes[0].dialect.kubo.blocks: has no"]),
            ("{tenant}/blocks/{cid}", "{tenant}/{cid}", &["routes[0].dialect.kubo.blocks: has to"]),
            (
                "{tenant}/blocks/{cid}",
                "{tenant}{cid}",
                &["routes[0].dialect.kubo.blocks: {tenant}"],
            ),
            ("{tenant}/blocks/{cid}", "{tenant}/a", &["routes[0].dialect.kubo.blocks: a layout"]),
            ("delivery: stream", "delivery: redirect", &["routes[0].delivery: "]),
        ],
    );
}

#[test]
fn who_asks_and_how_much_they_store() {
    assert_said(
        GRAPHS,
        &[
            (
                "https://app.example.test",
                "app.example.test",
                &["routes[0].dialect.kubo.origins[0]"],
            ),
            ("https://app.example.test", "https://a/b", &["routes[0].dialect.kubo.origins[0]"]),
            ("10GiB", "0", &["routes[0].dialect.kubo.quota: nobody"]),
        ],
    );
}
