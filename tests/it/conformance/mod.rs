//! Do all implementations of a seam keep the same promises?

mod bucket;
mod embedded;
mod memory;
mod redis;
mod state;
