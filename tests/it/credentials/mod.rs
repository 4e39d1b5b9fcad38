//! Whether the gateway always has the right credentials, or says that it has none. The built
//! program runs with an environment of its own, in front of stand-ins for AWS's services that
//! misbehave.
//!
//! | module | question |
//! | --- | --- |
//! | [`misbehaviour`] | Is anything but credentials ever taken for them? |
//! | [`places`] | Are they found wherever AWS's SDKs find them? |
//! | [`refusals`] | What happens when storage no longer takes them, or our clock? |
//! | [`stand_ins`] | The services, and the gateway in front of them. |
//! | [`urls`] | Does a presigned URL ever outlive them? |

mod misbehaviour;
mod places;
mod refusals;
pub(crate) mod stand_ins;
mod urls;
