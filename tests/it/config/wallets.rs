//! What `casgate check` says of sign-in by wallet, and of quotas.

use super::links::assert_said;
use crate::support::gateway::{STREAM, Settings};

const WALLETS: Settings<'static> = Settings {
    dialect: "kubo",
    chainloop: "quota: 1GiB, login: { issuer: tests, endpoint: 'https://px.test/api/v1', \
                chains: ['0x1'], ttl: 1h, wallets: [ \
                { wallet: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', \
                contract: '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359', token_id: '7' }, \
                { wallet: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', \
                contract: '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359', token_id: '8' } ] }",
    layout: "{tenant}/{cid}",
    auth: "{ jwt: { issuers: [tests], tenant: claims.tokenId, read: 'true', write: 'true' } }",
    state: true,
    ..STREAM
};

#[test]
fn what_wallets_and_quotas_need() {
    let at = |rest: &'static str| ["routes[0].dialect.kubo.", rest].concat();
    let login = at("login: ");
    let cases: [(&str, &str, Vec<String>); 14] = [
        ("state:", "#", vec![at("quota: needs `state`"), at("login: needs `state`")]),
        (
            "tenant: claims.tokenId, ",
            "",
            vec![at("quota: needs a rule"), "routes[0].layout: ".into()],
        ),
        ("issuer: tests", "issuer: nobody", vec![at("login.issuer: ")]),
        ("chains: ['0x1']", "chains: []", vec![login.clone()]),
        ("ttl: 1h", "ttl: 0s", vec![login.clone()]),
        ("ttl: 1h", "ttl: 8days", vec![login]),
        ("endpoint: 'https://px.test/api/v1',", "", vec![at("login.endpoint: is needed")]),
        ("https://px.test/api/v1", "ftp://px.test", vec![at("login.endpoint: ")]),
        ("https://px.test/api/v1", "https://px.test/", vec![at("login.endpoint: ")]),
        ("https://px.test/api/v1", "https://px.test/?a=b", vec![at("login.endpoint: ")]),
        ("wallet: '0x5a", "wallet: '0x5A", vec![at("login.wallets[0].wallet: ")]),
        ("contract: '0xf", "contract: 'f", vec![at("login.wallets[0].contract: ")]),
        ("token_id: '7'", "token_id: seven", vec![at("login.wallets[0].token_id: ")]),
        ("token_id: '8'", "token_id: '7'", vec![at("login.wallets[1]: ")]),
    ];
    for (old, new, expected) in &cases {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        assert_said(WALLETS, &[(old, new, &expected)]);
    }
}
