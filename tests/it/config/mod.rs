//! Whether every mistake of a configuration is reported, and every example works.
//!
//! | module | question |
//! | --- | --- |
//! | [`examples`] | Do the files in `conf/` work, and do they show everything? |
//! | [`problems`] | What does `casgate check` say of a mistake? |
//! | [`graphs`] | The same of routes with graphs of blocks. |
//! | [`links`] | The same of routes with single-use links or tickets. |
//! | [`pieces`] | The same of routes that take uploads in pieces, and of catalogs. |
//! | [`uploads`] | The same of routes that take uploads, and of tenants. |
//! | [`wallets`] | The same of sign-in by wallet, and of quotas. |

mod examples;
mod graphs;
mod links;
mod pieces;
mod problems;
mod uploads;
mod wallets;
