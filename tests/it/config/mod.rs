//! Whether every mistake of a configuration is reported, and every example works.
//!
//! | module | question |
//! | --- | --- |
//! | [`examples`] | Do the files in `conf/` work, and do they show everything? |
//! | [`problems`] | What does `casgate check` say of a mistake? |
//! | [`uploads`] | The same of routes that take uploads, and of tenants. |

mod examples;
mod problems;
mod uploads;
