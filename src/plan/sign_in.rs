//! `routes[*].dialect.kubo.login`

use std::sync::Arc;

use super::routes::{Context, find};
use super::{Problems, SignIn};
use crate::auth::wallet::WalletAddress;
use crate::auth::{Storage, Wallets};
use crate::config;

/// What clients send their requests to, below the route.
const API: &str = "api/v1";

/// What wallets need to sign in; none where they cannot. The outer None: something is wrong.
pub(super) fn compile(
    at: &str,
    route: &config::Route,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<Option<Box<SignIn>>> {
    let config::Dialect::Kubo(settings) = &route.dialect else { return Some(None) };
    let Some(login) = &settings.login else { return Some(None) };
    let at = format!("{at}.dialect.kubo.login");
    if context.state.is_none() {
        problems.add(&at, "needs `state`, where it is written down which nonces were used");
    }
    let issuer = find("issuer", &login.issuer, context.issuers, &format!("{at}.issuer"), problems);
    let is_trusted =
        matches!(&route.auth, config::Auth::Jwt(auth) if auth.issuers.contains(&login.issuer));
    if issuer.is_some() && !is_trusted {
        let message = "the route does not accept the tokens of this issuer";
        problems.warn(&format!("{at}.issuer"), message);
    }
    let endpoint = endpoint(&at, login, &route.path, context, problems);
    let wallets =
        Wallets::new(issuer?, endpoint?, login.chains.clone(), login.ttl, login.issued_nonces);
    let mut wallets = problems.check(&at, wallets)?;
    for (index, wallet) in login.wallets.iter().enumerate() {
        add(&format!("{at}.wallets[{index}]"), wallet, &mut wallets, problems);
    }
    Some(Some(Box::new(SignIn { wallets, store: Arc::clone(context.state??) })))
}

fn endpoint(
    at: &str,
    login: &config::KuboLogin,
    path: &str,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<String> {
    let at = format!("{at}.endpoint");
    match (&login.endpoint, context.public_origin) {
        (Some(text), _) => {
            let url = problems.check(&at, url::Url::parse(text))?;
            let is_plain = matches!(url.scheme(), "http" | "https")
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none();
            // Wallets show it, and clients put names of commands after it.
            if !is_plain || text.ends_with('/') || !text.bytes().all(|byte| byte.is_ascii_graphic())
            {
                let message = "a URL of http or https, without query and without / at the end";
                problems.add(&at, message);
                return None;
            }
            Some(text.clone())
        }
        (None, Some(origin)) => Some([origin, path, API].concat()),
        (None, None) => {
            problems.add(&at, "is needed where there is no `public_url`");
            None
        }
    }
}

fn add(at: &str, wallet: &config::Wallet, wallets: &mut Wallets, problems: &mut Problems) {
    let mut address = |name: &str, text: &str| {
        problems.check(&format!("{at}.{name}"), WalletAddress::parse(text))
    };
    let (owner, contract) =
        (address("wallet", &wallet.wallet), address("contract", &wallet.contract));
    let (Some(owner), Some(contract)) = (owner, contract) else { return };
    let storage = Storage::new(contract, wallet.token_id.clone());
    let Some(storage) = problems.check(&format!("{at}.token_id"), storage) else { return };
    problems.check(at, wallets.add(owner, storage));
}
