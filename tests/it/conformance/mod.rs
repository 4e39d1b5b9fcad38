//! Do all implementations of a seam keep the same promises?

mod bucket;
mod configured;
mod embedded;
mod memory;
mod redis;
mod state;
