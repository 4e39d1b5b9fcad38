//! casgate: a gateway in front of S3-compatible object storage.

pub mod auth;
pub mod config;
pub mod error;
pub mod bucket;
pub mod cli;
