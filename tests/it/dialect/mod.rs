//! One folder per protocol.

mod build_cache;
mod chainloop;
mod kubo;
pub(crate) mod onetime;
mod turborepo;
mod wallets;
