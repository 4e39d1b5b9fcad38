//! Who is at the other end, and what a request is called.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName};

use crate::plan::Plan;
use crate::transfer::client::REQUEST_ID;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The longest id taken from a proxy.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The client's address: the peer's own, or behind trusted proxies the last one in
/// `X-Forwarded-For` that no trusted proxy has. Everything left of it is hearsay.
#[must_use]
pub fn client_address(plan: &Plan, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
    let mut address = peer?.to_canonical();
    if !plan.trusts(address) {
        return Some(address);
    }
    let hops = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    for hop in hops.flat_map(|value| value.split(',')).rev() {
        match hop.trim().parse::<IpAddr>() {
            Ok(hop) => address = hop.to_canonical(),
            Err(_) => break,
        }
        if !plan.trusts(address) {
            break;
        }
    }
    Some(address)
}

/// The request's id: a trusted proxy's, or a new one.
#[must_use]
pub fn request_id(plan: &Plan, headers: &HeaderMap, peer: Option<IpAddr>) -> String {
    let given = headers
        .get(REQUEST_ID)
        .filter(|_| peer.is_some_and(|peer| plan.trusts(peer)))
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX);
    given.map_or_else(new_id, str::to_owned)
}

/// 16 hexadecimal digits that name the process, 8 that count its requests.
fn new_id() -> String {
    static PROCESS: LazyLock<String> =
        LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one("process")));
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // The digits of the process's name never change.
    let mut id = String::with_capacity(24);
    id.push_str(&PROCESS);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    for place in (0..8).rev() {
        let digit = (number >> (4 * place)) & 0xf;
        // Below 16 every number is a digit.
        id.extend(char::from_digit(digit as u32, 16));
    }
    id
}
