//! `casgate jwt`: tokens for the demo of `casgate dev`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value};

use super::dev::folder::Folder;
use super::fail;

/// `iss` of the demo's tokens.
pub const ISSUER: &str = "casgate-dev";
/// `aud` of the demo's tokens.
pub const AUDIENCE: &str = "casgate";

/// Arguments of `casgate jwt`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder of `casgate dev`
    #[arg(long, default_value = super::dev::FOLDER)]
    dir: PathBuf,
    /// A claim, as NAME=VALUE; VALUE is JSON, or else a string. Repeatable
    #[arg(long = "claim", value_parser = parse_claim)]
    claims: Vec<(String, Value)>,
    /// How long the token is good for
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
    ttl: Duration,
}

pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    let token =
        Folder::open(&arguments.dir).map_err(|error| error.to_string()).and_then(|folder| {
            let claims = arguments.claims.iter().cloned().collect();
            mint(folder.jwt_secret(), claims, arguments.ttl, SystemTime::now())
                .map_err(|error| error.to_string())
        });
    match token {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

/// A token of the demo's issuer, with `scope: artifacts:read` unless `claims` says otherwise.
///
/// # Errors
/// Only a defect of the JSON or MAC implementation could cause one.
pub fn mint(
    secret: &str,
    claims: Map<String, Value>,
    ttl: Duration,
    now: SystemTime,
) -> Result<String, jsonwebtoken::errors::Error> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut all = Map::new();
    all.insert("iss".to_owned(), ISSUER.into());
    all.insert("aud".to_owned(), AUDIENCE.into());
    all.insert("scope".to_owned(), "artifacts:read".into());
    all.insert("iat".to_owned(), now.as_secs().into());
    all.insert("exp".to_owned(), now.saturating_add(ttl).as_secs().into());
    all.extend(claims);
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &all, &key)
}

fn parse_claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a claim is NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}
