//! A configuration that changes while it is in use.

mod knowledge;
mod load;
mod metrics;
mod process;
mod requests;
mod start;
