//! The bucket behind the gateway: who may call it, and how calls are signed.

pub mod credentials;
pub mod sigv4;
