//! One folder per protocol.

mod build_cache;
mod chainloop;
pub(crate) mod onetime;
mod turborepo;
