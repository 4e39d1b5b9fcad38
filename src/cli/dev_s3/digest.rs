//! Entity tags and the checksums of the `x-amz-checksum-*` headers.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{ChecksumAlgorithm, ChecksumType, ETag};
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};
use serde::{Deserialize, Serialize};

/// A checksum algorithm this server computes: all that S3 offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// Reads the value of `x-amz-checksum-algorithm`; 400 for any other word.
    pub(super) fn parse(name: &ChecksumAlgorithm) -> S3Result<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name.as_str()).ok_or_else(|| {
            s3_error!(InvalidRequest, "checksum algorithm {} is unknown", name.as_str())
        })
    }

    /// The word `x-amz-checksum-algorithm` uses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => ChecksumAlgorithm::CRC32,
            Self::Crc32c => ChecksumAlgorithm::CRC32C,
            Self::Crc64Nvme => ChecksumAlgorithm::CRC64NVME,
            Self::Sha1 => ChecksumAlgorithm::SHA1,
            Self::Sha256 => ChecksumAlgorithm::SHA256,
        }
    }

    /// As the S3 types have it.
    pub(super) fn to_dto(self) -> ChecksumAlgorithm {
        ChecksumAlgorithm::from_static(self.name())
    }

    /// The algorithm whose header a value of `x-amz-trailer` announces.
    pub(super) fn from_header_name(name: &http::HeaderValue) -> Option<Self> {
        let name = name.as_bytes().trim_ascii();
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.header().as_bytes().eq_ignore_ascii_case(name))
    }

    fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }
}

/// Checksums in base64, by algorithm. An upload's checksum of checksums has the
/// number of parts behind a hyphen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksums {
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
}

/// Collects the five checksum fields that many of the S3 types share.
macro_rules! checksums_of {
    ($source:expr) => {
        $crate::cli::dev_s3::digest::Checksums {
            crc32: $source.checksum_crc32.clone(),
            crc32c: $source.checksum_crc32c.clone(),
            crc64nvme: $source.checksum_crc64nvme.clone(),
            sha1: $source.checksum_sha1.clone(),
            sha256: $source.checksum_sha256.clone(),
        }
    };
}
pub(super) use checksums_of;

impl Checksums {
    pub(super) fn get(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Crc32 => self.crc32.as_deref(),
            Algorithm::Crc32c => self.crc32c.as_deref(),
            Algorithm::Crc64Nvme => self.crc64nvme.as_deref(),
            Algorithm::Sha1 => self.sha1.as_deref(),
            Algorithm::Sha256 => self.sha256.as_deref(),
        }
    }

    pub(super) fn set(&mut self, algorithm: Algorithm, value: String) {
        let slot = match algorithm {
            Algorithm::Crc32 => &mut self.crc32,
            Algorithm::Crc32c => &mut self.crc32c,
            Algorithm::Crc64Nvme => &mut self.crc64nvme,
            Algorithm::Sha1 => &mut self.sha1,
            Algorithm::Sha256 => &mut self.sha256,
        };
        *slot = Some(value);
    }

    /// The algorithms that have a value.
    pub(super) fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        Algorithm::ALL.into_iter().filter(|&algorithm| self.get(algorithm).is_some())
    }

    /// Whether these cover the whole object or its parts' checksums; `None`
    /// without any checksum.
    pub(super) fn checksum_type(&self) -> Option<ChecksumType> {
        let value = self.algorithms().find_map(|algorithm| self.get(algorithm))?;
        // No base64 digit is a hyphen.
        let word =
            if value.contains('-') { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
        Some(ChecksumType::from_static(word))
    }

    /// Adds what arrived in the trailer of a chunked body; nothing before the
    /// body has been read to its end.
    pub(super) fn add_trailers(&mut self, trailers: Option<&TrailingHeaders>) {
        let Some(trailers) = trailers else { return };
        trailers.read(|headers| {
            for algorithm in Algorithm::ALL {
                if let Some(Ok(value)) = headers.get(algorithm.header()).map(|value| value.to_str())
                {
                    self.set(algorithm, value.to_owned());
                }
            }
        });
    }

    /// Fails with 400 `BadDigest` where a value of `self`, the client's, differs
    /// from the one computed.
    pub(super) fn verify(&self, computed: &Self) -> S3Result<()> {
        for algorithm in self.algorithms() {
            if self.get(algorithm) != computed.get(algorithm) {
                let name = algorithm.name();
                return Err(s3_error!(
                    BadDigest,
                    "The {name} you specified did not match the calculated checksum."
                ));
            }
        }
        Ok(())
    }
}

/// Computes the MD5, for the entity tag, and the checksums asked for.
pub(super) struct Digester {
    md5: Md5,
    checksums: ChecksumHasher,
}

/// What a [`Digester`] found.
pub(super) struct Digests {
    pub(super) md5: [u8; 16],
    pub(super) checksums: Checksums,
}

impl Digester {
    pub(super) fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut checksums = ChecksumHasher::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Crc32 => checksums.crc32 = Some(Default::default()),
                Algorithm::Crc32c => checksums.crc32c = Some(Default::default()),
                Algorithm::Crc64Nvme => checksums.crc64nvme = Some(Default::default()),
                Algorithm::Sha1 => checksums.sha1 = Some(Default::default()),
                Algorithm::Sha256 => checksums.sha256 = Some(Default::default()),
            }
        }
        Self { md5: Md5::new(), checksums }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.checksums.update(bytes);
    }

    pub(super) fn finish(self) -> Digests {
        let computed = self.checksums.finalize();
        Digests { md5: self.md5.finalize(), checksums: checksums_of!(computed) }
    }
}

impl Digests {
    /// The entity tag of an object written in one piece.
    pub(super) fn e_tag(&self) -> ETag {
        ETag::Strong(hex(&self.md5))
    }

    /// Compares with the value of `Content-MD5`: 400 `InvalidDigest` where that
    /// is no digest, 400 `BadDigest` where it is another one.
    pub(super) fn verify_md5(&self, content_md5: Option<&str>) -> S3Result<()> {
        let Some(content_md5) = content_md5 else {
            return Ok(());
        };
        let expected = BASE64.decode(content_md5).map_err(|_| s3_error!(InvalidDigest))?;
        match <[u8; 16]>::try_from(expected) {
            Ok(expected) if expected == self.md5 => Ok(()),
            Ok(_) => Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            )),
            Err(_) => Err(s3_error!(InvalidDigest)),
        }
    }
}

/// The entity tag of a multipart object: the MD5 of the parts' MD5s, and their number.
pub(super) fn multipart_e_tag(parts: &[ETag]) -> S3Result<ETag> {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(
            &unhex(part.value()).ok_or_else(|| s3_error!(InternalError, "a part has no MD5"))?,
        );
    }
    Ok(ETag::Strong(format!("{}-{}", hex(&md5.finalize()), parts.len())))
}

/// The checksum of the parts' checksums, and their number; `None` where a part
/// has no checksum of this algorithm.
pub(super) fn composite(
    algorithm: Algorithm,
    parts: &[Checksums],
) -> Result<Option<String>, S3Error> {
    let mut digester = Digester::new([algorithm]);
    for part in parts {
        let Some(value) = part.get(algorithm) else {
            return Ok(None);
        };
        digester.update(&BASE64.decode(value).map_err(S3Error::internal_error)?);
    }
    let digests = digester.finish();
    Ok(digests.checksums.get(algorithm).map(|value| format!("{value}-{}", parts.len())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(algorithms: &[Algorithm], bytes: &[u8]) -> Digests {
        let mut digester = Digester::new(algorithms.iter().copied());
        digester.update(bytes);
        digester.finish()
    }

    #[test]
    fn known_values() {
        // The check values of the CRC catalogue for "123456789", in base64.
        let digests = digest(&Algorithm::ALL, b"123456789");
        assert_eq!(digests.e_tag(), ETag::Strong("25f9e794323b453885f5181f1b624d0b".to_owned()));
        assert_eq!(digests.checksums.crc32.as_deref(), Some("y/Q5Jg=="));
        assert_eq!(digests.checksums.crc32c.as_deref(), Some("4waSgw=="));
        assert_eq!(digests.checksums.crc64nvme.as_deref(), Some("rosUhgp5mIg="));
        assert_eq!(digests.checksums.sha1.as_deref(), Some("98O8HYCOBHMq32eZZczDTKeuNEE="));
        assert_eq!(
            digests.checksums.sha256.as_deref(),
            Some("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")
        );
    }

    #[test]
    fn only_values_the_client_sent_are_compared() {
        let computed = digest(&[Algorithm::Crc32], b"123456789").checksums;
        assert!(Checksums::default().verify(&computed).is_ok());
        let wrong = Checksums { crc32: Some("AAAAAA==".to_owned()), ..Default::default() };
        assert!(wrong.verify(&computed).is_err());
        let uncomputed = Checksums { sha1: Some("x".to_owned()), ..Default::default() };
        assert!(uncomputed.verify(&computed).is_err());
    }

    #[test]
    fn content_md5_is_compared_and_nonsense_is_refused() {
        let digests = digest(&[], b"123456789");
        assert!(digests.verify_md5(None).is_ok());
        assert!(digests.verify_md5(Some("JfnnlDI7RTiF9RgfG2JNCw==")).is_ok());
        let code = |value| {
            digests.verify_md5(Some(value)).expect_err("refused").code().as_str().to_owned()
        };
        assert_eq!(code("AAAAAAAAAAAAAAAAAAAAAA=="), "BadDigest");
        assert_eq!(code("AAAA"), "InvalidDigest");
        assert_eq!(code("?"), "InvalidDigest");
    }

    #[test]
    fn parts_are_digested_again() {
        let parts = [digest(&[Algorithm::Sha256], b"a"), digest(&[Algorithm::Sha256], b"b")];
        let tags: Vec<ETag> = parts.iter().map(Digests::e_tag).collect();
        let e_tag = multipart_e_tag(&tags).expect("an entity tag");
        assert_eq!(e_tag.value(), "96e024ba2074fe77e8e965ba43a704be-2");
        let checksums: Vec<Checksums> = parts.iter().map(|part| part.checksums.clone()).collect();
        let value = composite(Algorithm::Sha256, &checksums).expect("computed").expect("a value");
        assert_eq!(value, "5aAf7hTg7VxIcU8iGA8lrYNltT+XefedxKPX6Tlj+Uo=-2");
        assert_eq!(composite(Algorithm::Crc32, &checksums).expect("computed"), None);
        let composite = Checksums { sha256: Some(value), ..Default::default() };
        assert_eq!(
            composite.checksum_type(),
            Some(ChecksumType::from_static(ChecksumType::COMPOSITE))
        );
    }
}
