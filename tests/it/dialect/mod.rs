//! One folder per protocol.

mod build_cache;
mod chainloop;
mod turborepo;
