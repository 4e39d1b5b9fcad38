//! casgate: a gateway in front of S3-compatible object storage.

pub mod config;
pub mod error;
pub mod bucket;
