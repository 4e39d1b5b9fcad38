//! Whether every mistake of a configuration is reported, and every example works.
//!
//! | module | question |
//! | --- | --- |
//! | [`examples`] | Do the files in `conf/` work, and do they show everything? |
//! | [`links`] | The same of routes with single-use links or tickets. |
//! | [`problems`] | What does `casgate check` say of a mistake? |
//! | [`uploads`] | The same of routes that take uploads, and of tenants. |

mod examples;
mod links;
mod problems;
mod uploads;
