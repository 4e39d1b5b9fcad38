//! The commands of the binary.

#[cfg(feature = "dev")]
pub mod dev_s3;
