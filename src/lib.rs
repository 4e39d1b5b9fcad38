//! casgate: a gateway in front of S3-compatible object storage.

pub mod auth;
pub mod bucket;
pub mod cli;
pub mod conditions;
pub mod config;
pub mod content;
pub mod dialect;
pub mod edge;
pub mod error;
pub mod gateway;
pub mod plan;
pub mod reply;
pub mod telemetry;
pub mod transfer;
