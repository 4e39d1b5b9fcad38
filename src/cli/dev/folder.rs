//! The folder of a demo: keys, configuration and the objects of the embedded S3 server.
//!
//! ```text
//! .casgate-dev
//! ├── access_key_id  secret_access_key  jwt_secret  shakenfist_key  token_key
//! │                                                              made at the first start
//! ├── gateway.yaml                                               written at every start, for reading
//! ├── state.redb                                                 which links were used
//! └── s3/                                                        the objects
//! ```

use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::content::digest::Sha256Digest;

/// An existing folder with its keys read.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    access_key_id: String,
    secret_access_key: String,
    jwt_secret: String,
    shakenfist_key: String,
}

impl Folder {
    /// Opens a folder, or makes it with new keys.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path.join("s3"))?;
        for (name, prefix, length) in [
            ("access_key_id", "DEMO", 16),
            ("secret_access_key", "", 40),
            ("jwt_secret", "", 64),
            ("shakenfist_key", "", 64),
        ] {
            let file = path.join(name);
            if !file.exists() {
                let secret = random_digest().to_string();
                write_private(&file, &[prefix, &secret[..length]].concat())?;
            }
        }
        let file = path.join("token_key");
        if !file.exists() {
            write_private(&file, &STANDARD.encode(random_digest().as_bytes()))?;
        }
        Self::open(path)
    }

    /// Opens a folder that `casgate dev` has made.
    ///
    /// # Errors
    /// There is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let read = |name: &str| {
            let file = path.join(name);
            fs::read_to_string(&file).map_err(|error| {
                let message =
                    format!("cannot read {} (made by `casgate dev`): {error}", file.display());
                io::Error::new(error.kind(), message)
            })
        };
        Ok(Self {
            path: path.to_owned(),
            access_key_id: read("access_key_id")?,
            secret_access_key: read("secret_access_key")?,
            jwt_secret: read("jwt_secret")?,
            shakenfist_key: read("shakenfist_key")?,
        })
    }

    /// The path of something in the folder.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The embedded server's access key id.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The embedded server's secret access key.
    #[must_use]
    pub fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    /// The secret the demo's tokens are signed with.
    #[must_use]
    pub fn jwt_secret(&self) -> &str {
        &self.jwt_secret
    }

    /// The key of the demo's namespace, for which Shaken Fist's clients get tokens.
    #[must_use]
    pub fn shakenfist_key(&self) -> &str {
        &self.shakenfist_key
    }
}

/// 32 bytes nobody can guess: the standard library seeds its hashers from the system's
/// random source.
fn random_digest() -> Sha256Digest {
    let mut seed = Vec::new();
    for salt in 0_u8..8 {
        seed.extend(RandomState::new().hash_one(salt).to_ne_bytes());
    }
    Sha256Digest::of(&seed)
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}
