//! What is sealed opens, for what it was sealed for, and nothing else does.

mod downloads;
mod keys;
mod sealing;
mod short_lived;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Key, Keys, Purpose};

const PURPOSES: [Purpose; 4] =
    [Purpose::Answer, Purpose::Confirmation, Purpose::Download, Purpose::Ticket];

/// The bytes from 1 to 32.
const KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// A key of bytes that begin with `first` and go on with the next.
fn other_key(first: u8) -> Key {
    use base64::Engine as _;
    let bytes: Vec<u8> = (first..first + 32).collect();
    key(&base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn keys() -> Keys {
    Keys::new(key(KEY), Vec::new())
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn after(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}
