//! casgate: a gateway in front of S3-compatible object storage.
