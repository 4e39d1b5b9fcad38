//! Calls about graphs of blocks that were granted.

use std::sync::Arc;

use super::admitted::Admitted;
use super::{GraphRead, Import, Verdict};
use crate::auth::Writing;
use crate::conditions::{self, Precondition};
use crate::dialect::{Call, GraphCall, ImportOrder, Outcome};
use crate::error::Error;

/// Says which part of a graph to send.
pub(super) fn read(admitted: Admitted<'_>, graph: &GraphCall) -> Result<Verdict, Error> {
    let visibility = admitted.visibility();
    if let Some(etag) = &graph.etag {
        match conditions::precondition(&admitted.head.headers, etag) {
            Precondition::Failed => return Err(Error::PreconditionFailed),
            // A path names what it leads to for ever: there is nothing to ask storage.
            Precondition::ClientHasIt if !admitted.route.revalidate => {
                return Ok(admitted.reply(&Outcome::NotModified(visibility)));
            }
            Precondition::ClientHasIt | Precondition::NoneMayExist | Precondition::Proceed => {}
        }
    }
    let Admitted { route, call, grant, .. } = admitted;
    let route = Arc::clone(route);
    Ok(Verdict::Graph(Box::new(GraphRead { route, grant, call, visibility })))
}

/// Says where the files of a form go.
pub(super) fn import(admitted: Admitted<'_>, order: &ImportOrder) -> Result<Verdict, Error> {
    let Admitted { route, call, grant, .. } = admitted;
    if !order.only_hash {
        if *grant.writing() == Writing::Refused {
            return Err(Error::Forbidden("the write rule does not permit it".into()));
        }
        route.check_uploads()?;
    }
    debug_assert!(matches!(call, Call::Import(_)));
    let route = Arc::clone(route);
    Ok(Verdict::Import(Box::new(Import { route, grant, call })))
}
