use crate::error::Error;

/// Sixteen bytes nobody can guess.
///
/// # Errors
/// The system has none.
pub(crate) fn sixteen_bytes() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::Internal("the system has no random bytes".into()))?;
    Ok(bytes)
}
