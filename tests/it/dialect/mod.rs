//! One folder per protocol.

mod chainloop;
mod turborepo;
