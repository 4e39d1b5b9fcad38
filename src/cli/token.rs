//! `casgate token`: single-use links without HTTP, for whoever has the configuration.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::background::Background;
use super::{EXIT_USAGE, check, fail, serve};
use crate::auth::{Grant, Tenant};
use crate::dialect::{Call, Order};
use crate::error::with_causes;
use crate::gateway;
use crate::plan::{Plan, Route, SingleUse};
use crate::state::Unfit;
use crate::telemetry::Metrics;
use crate::token::ledger::{Ledger, Standing};
use crate::token::{DownloadToken, Facts};
use crate::transfer::storage::StorageClient;

/// What is read of standard input, in bytes.
const TEXT_BYTES_MAX: u64 = 64 * 1024;

/// Arguments of `casgate token`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a link and print it as JSON, like the API
    Mint(Mint),
    /// Print what a link gives and how it stands, without using it
    Inspect(Known),
    /// Take a link back
    Revoke(Known),
}

#[derive(Debug, Args)]
struct Mint {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    name: Name,
    /// Whose content it is
    #[arg(long)]
    tenant: Option<String>,
    /// The name to save it under
    #[arg(long)]
    filename: Option<String>,
    /// Its type
    #[arg(long)]
    content_type: Option<String>,
    /// How long the link is good for, such as 15m
    #[arg(long)]
    ttl: Option<String>,
    /// How often it may be used
    #[arg(long)]
    uses: Option<u32>,
    /// A download that breaks off cannot go on
    #[arg(long)]
    not_resumable: bool,
    /// People have to press a button first
    #[arg(long)]
    confirm: bool,
    /// The object need not exist yet
    #[arg(long)]
    may_be_missing: bool,
}

/// The content, by one of its names.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Name {
    /// sha256: and 64 hexadecimal digits
    #[arg(long)]
    digest: Option<String>,
    /// A name the layout knows
    #[arg(long)]
    hash: Option<String>,
    /// A content identifier
    #[arg(long)]
    cid: Option<String>,
    /// A path the setting `keys` of the route knows
    #[arg(long)]
    key: Option<String>,
}

#[derive(Debug, Args)]
struct Known {
    #[command(flatten)]
    place: Place,
    /// The token, or the whole link; - reads it from standard input, where `ps` does not show it
    token: String,
}

#[derive(Debug, Args)]
struct Place {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// The path of the route; needed where there are several with single-use links
    #[arg(long)]
    route: Option<String>,
}

pub(super) fn execute(arguments: &Arguments) -> ExitCode {
    let place = match &arguments.action {
        Action::Mint(mint) => &mint.place,
        Action::Inspect(known) | Action::Revoke(known) => &known.place,
    };
    let plan = match check::load(&place.config, &Metrics::new(), None) {
        Ok(plan) => Arc::new(plan),
        Err(problems) => {
            check::report(&place.config, "", &problems);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let done = serve::block_on(async {
        let (route, single_use) = route(&plan, place.route.as_deref())?;
        match &arguments.action {
            Action::Mint(mint) => make(&plan, route, mint).await.map(Some),
            Action::Inspect(known) => inspect(route, single_use, &known.token).await.map(Some),
            Action::Revoke(known) => revoke(route, single_use, &known.token).await.map(|()| None),
        }
    });
    match done {
        Ok(Ok(answer)) => {
            answer.into_iter().for_each(|answer| println!("{answer}"));
            ExitCode::SUCCESS
        }
        Ok(Err(message)) => fail(message),
        Err(error) => fail(error),
    }
}

/// The route that is meant.
fn route<'p>(
    plan: &'p Plan,
    path: Option<&str>,
) -> Result<(&'p Arc<Route>, &'p SingleUse), String> {
    let routes = plan.routes.values().filter(|route| path.is_none_or(|path| path == route.path));
    let mut routes =
        routes.filter_map(|route| Some((route, route.single_use.as_deref()?))).collect::<Vec<_>>();
    match (routes.pop(), routes.pop()) {
        (Some(route), None) => Ok(route),
        (Some(_), Some(_)) => Err("there are several routes; say which with --route".to_owned()),
        _ => Err("there is no such route with single-use links".to_owned()),
    }
}

async fn make(plan: &Arc<Plan>, route: &Route, mint: &Mint) -> Result<Value, String> {
    let tenant = mint.tenant.as_deref().map(Tenant::parse).transpose();
    let tenant = tenant.map_err(|error| format!("--tenant: {error}"))?;
    let order = order(route, mint)?;
    let _background = Background::for_storage(plan).await;
    let storage = StorageClient::new(&plan.limits, &plan.timeouts);
    let grant = Grant::of_operator(tenant);
    let made = gateway::mint(route, &storage, &grant, &order, SystemTime::now()).await;
    let (token, expires) = made.map_err(|error| with_causes(&error))?;
    let url = route.dialect.link(&token).ok_or("the dialect has no links")?;
    Ok(json!({ "token": token, "url": url, "expires_at": time(expires) }))
}

/// The order, read as if it had come over HTTP.
fn order(route: &Route, mint: &Mint) -> Result<Box<Order>, String> {
    let Name { digest, hash, cid, key } = &mint.name;
    let texts = [
        ("digest", digest),
        ("hash", hash),
        ("cid", cid),
        ("key", key),
        ("filename", &mint.filename),
        ("content_type", &mint.content_type),
        ("ttl", &mint.ttl),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
    let mut body: Map<_, _> = texts.map(|(name, text)| (name.to_owned(), json!(text))).collect();
    body.extend(mint.uses.map(|uses| ("uses".to_owned(), json!(uses))));
    body.insert("resumable".to_owned(), json!(!mint.not_resumable));
    body.insert("confirm".to_owned(), json!(mint.confirm));
    body.insert("must_exist".to_owned(), json!(!mint.may_be_missing));
    let body = Value::from(body).to_string();
    match route.dialect.complete(Call::Issue(None), body.as_bytes()) {
        Ok(Call::Issue(Some(order))) => Ok(order),
        Ok(_) => Err("the dialect takes no orders".to_owned()),
        Err(error) => Err(error.message().to_owned()),
    }
}

/// A token of the route, alone or at the end of a link.
fn open(route: &Route, single_use: &SingleUse, text: &str) -> Result<DownloadToken, String> {
    let text = match text {
        "-" => std::io::read_to_string(std::io::stdin().take(TEXT_BYTES_MAX)),
        text => Ok(text.to_owned()),
    };
    let text = text.map_err(|error| format!("standard input: {error}"))?;
    let text = text.trim().rsplit('/').next().unwrap_or_default();
    let text = text.split('?').next().unwrap_or_default();
    let token = DownloadToken::open(&single_use.keys, text)
        .ok_or("the token was not sealed with one of the keys of the configuration")?;
    match token.facts().route == route.path {
        true => Ok(token),
        false => Err(format!("the token is for the route {}", token.facts().route)),
    }
}

async fn inspect(route: &Route, single_use: &SingleUse, text: &str) -> Result<Value, String> {
    let token = open(route, single_use, text)?;
    let now = SystemTime::now();
    let state = match single_use.store.start(SystemTime::now).await {
        Err(unfit) => json!(format!("not known: {}", explain(&unfit))),
        Ok(()) => {
            let ledger = Ledger::new(&*single_use.store, single_use.resume_attempts);
            match ledger.look_up(&token, 0, now).await {
                Err(failure) => json!(format!("not known: {failure}")),
                Ok(Standing::Spent) => json!("spent"),
                Ok(Standing::Revoked) => json!("revoked"),
                Ok(Standing::Free(_)) if token.has_expired(now) => json!("expired"),
                Ok(Standing::Free(_)) => json!("active"),
            }
        }
    };
    let Facts { route, tenant, bucket, key, etag, digest, filename, .. } = token.facts();
    let Facts { content_type, issued, expires, uses, resume_window, confirm, .. } = token.facts();
    Ok(json!({
        "id": token.id().to_string(),
        "state": state,
        "route": route,
        "tenant": tenant.as_ref().map(Tenant::as_str),
        "bucket": bucket,
        "key": key.as_str(),
        "etag": etag,
        "sha256": digest.as_ref().map(ToString::to_string),
        "filename": filename.as_ref().map(|name| name.as_str()),
        "content_type": content_type,
        "issued_at": time(*issued),
        "expires_at": time(*expires),
        "uses": uses,
        "resume_seconds": resume_window.as_secs(),
        "confirm": confirm,
    }))
}

async fn revoke(route: &Route, single_use: &SingleUse, text: &str) -> Result<(), String> {
    let token = open(route, single_use, text)?;
    single_use.store.start(SystemTime::now).await.map_err(|unfit| explain(&unfit))?;
    let ledger = Ledger::new(&*single_use.store, single_use.resume_attempts);
    ledger.revoke(&token, SystemTime::now()).await.map_err(|error| with_causes(&error))
}

fn explain(unfit: &Unfit) -> String {
    match unfit {
        Unfit::Unsafe(reason) | Unfit::Unreachable(reason) => reason.clone(),
    }
}

/// RFC 3339 in UTC.
fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time.max(UNIX_EPOCH)).to_string()
}
