/// Why an operation of a store has no answer. The texts are for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It had no effect and will have none: it was never sent, or the store refused it.
    #[error("the state store refused or was not reached: {0}")]
    NotDone(String),
    /// It may have had its effect, or may have it yet: the answer was lost or did not come in time.
    #[error("whether the state store did it is not known: {0}")]
    Unknown(String),
}
