//! `routes[*].dialect.kubo`

use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, SizeText};

/// Settings of the Kubo dialect.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kubo {
    /// What `get` answers with.
    pub body: KuboBody,
    /// How a content that is not there is refused.
    pub errors: KuboErrors,
    /// The key of a content whose CID is the SHA-256 of its bytes, with `{hex}`, and optionally
    /// `{tenant}`: `layout` of a Chainloop route, for one. None: as `layout` says.
    pub digests: Option<String>,
    /// The key of a block that is no file, with `{cid}`, and optionally `{tenant}`. None: as `layout`
    /// says, with `.block` at the end.
    pub blocks: Option<String>,
    /// As what `add` stores a file.
    pub add: KuboAdd,
    /// The origins whose pages may ask, as `Origin` has them; `*` for all.
    #[schemars(with = "Option<Vec<String>>")]
    pub origins: Vec<String>,
    /// How many bytes each tenant may store. None: no bound.
    #[schemars(with = "Option<SizeText>")]
    pub quota: Option<ByteSize>,
    /// Sign-in by wallet. None: there is none.
    pub login: Option<KuboLogin>,
}

/// What `get` answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KuboBody {
    /// The file.
    #[default]
    Raw,
    /// A tar archive with the file, as Kubo and BTFS do.
    Tar,
}

/// How a content that is not there is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KuboErrors {
    /// With 404.
    #[default]
    Standard,
    /// With 500, as Kubo and BTFS do.
    Legacy,
}

/// As what a file is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KuboAdd {
    /// As blocks, an object each, which can be asked for by themselves.
    #[default]
    Blocks,
    /// As one object, which costs storage fewer requests. Its blocks cannot be asked for.
    File,
}

/// Sign-in by wallet (PollinationX, "Authenticate user").
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KuboLogin {
    /// The issuer in whose name tokens are made; one with `keys: { hs256: ... }`.
    pub issuer: String,
    /// What clients are told to send their requests to. None: `public_url` and the route's path, with
    /// `api/v1`.
    pub endpoint: Option<String>,
    /// The chains that clients may name.
    pub chains: Vec<String>,
    /// How long a token is good for.
    #[serde(default = "default_ttl", with = "DurationText")]
    pub ttl: Duration,
    /// Whether what wallets sign has to come from `auth/nonce`.
    #[serde(default)]
    pub issued_nonces: bool,
    /// Who has storage.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Wallet>>")]
    pub wallets: Vec<Wallet>,
}

fn default_ttl() -> Duration {
    Duration::from_secs(3600)
}

/// One storage of one wallet.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wallet {
    /// The address: `0x` and 40 hexadecimal digits.
    pub wallet: String,
    /// The address of the contract that the storage's token is of.
    pub contract: String,
    /// The number of that token.
    pub token_id: String,
}
