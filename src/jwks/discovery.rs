//! OpenID Connect Discovery 1.0 and RFC 8414: from an issuer's name to the URL of its keys.

use serde::Deserialize;
use url::Url;

use super::https::secure_url;

/// The members of the document that matter here. A repeated one is an error.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Where an issuer's document is: below its path, without the slash that the path may end with
/// (OpenID Connect Discovery 1.0 section 4).
///
/// # Errors
/// Says why nothing can be discovered by this name.
pub fn well_known(iss: &str) -> Result<Url, String> {
    let plain = || format!("`{iss}` must have neither query nor fragment");
    let url = secure_url(iss)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(plain());
    }
    let path = url.path().trim_end_matches('/');
    // Joined, a path that begins with two slashes would be a host.
    let mut document = url.clone();
    document.set_path(&format!("{path}/.well-known/openid-configuration"));
    Ok(document)
}

/// The URL of the keys of `iss`, by its document. The document's `issuer` must be the same to the
/// byte (RFC 8414 section 3.3), else anybody's document would do.
///
/// # Errors
/// Says what is wrong with the document.
pub(super) fn jwks_uri(document: &[u8], iss: &str) -> Result<Url, String> {
    let document: Document = serde_json::from_slice(document)
        .map_err(|error| format!("the discovery document cannot be read: {error}"))?;
    if document.issuer != iss {
        let named: String = document.issuer.chars().take(200).collect();
        return Err(format!("the discovery document is for the issuer {named:?}"));
    }
    secure_url(&document.jwks_uri).map_err(|message| format!("jwks_uri: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_below_the_issuers_path() {
        const SUFFIX: &str = ".well-known/openid-configuration";
        for (iss, folder) in [
            ("https://issuer.example", "https://issuer.example/"),
            ("https://tenant.eu.auth0.example/", "https://tenant.eu.auth0.example/"),
            ("https://sso.example/realms/acme", "https://sso.example/realms/acme/"),
            ("https://sso.example/realms/acme/", "https://sso.example/realms/acme/"),
            ("https://issuer.example:8443", "https://issuer.example:8443/"),
            ("https://issuer.example//other.example", "https://issuer.example//other.example/"),
        ] {
            assert_eq!(well_known(iss).unwrap().as_str(), format!("{folder}{SUFFIX}"));
        }
        for iss in [
            "",
            "issuer.example",
            "http://issuer.example",
            "https://issuer.example?a=b",
            "https://issuer.example#a",
            "https://user@issuer.example",
            "accounts",
        ] {
            assert!(well_known(iss).is_err(), "{iss}");
        }
    }

    #[test]
    fn the_document_must_be_the_issuers_own() {
        const ISS: &str = "https://issuer.example/";
        let good = r#"{"issuer":"https://issuer.example/","jwks_uri":"https://keys.example/a?b"}"#;
        assert_eq!(jwks_uri(good.as_bytes(), ISS).unwrap().as_str(), "https://keys.example/a?b");
        for bad in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"issuer":"https://issuer.example/"}"#,
            r#"{"issuer":"https://issuer.example/","jwks_uri":7}"#,
            r#"{"issuer":"https://issuer.example/","jwks_uri":"/keys"}"#,
            r#"{"issuer":"https://issuer.example/","jwks_uri":"http://keys.example/"}"#,
            r#"{"issuer":"https://issuer.example/","jwks_uri":"file:///etc/passwd"}"#,
            r#"{"issuer":"https://issuer.example","jwks_uri":"https://keys.example/"}"#,
            r#"{"issuer":"https://ISSUER.example/","jwks_uri":"https://keys.example/"}"#,
            r#"{"issuer":"a","issuer":"https://issuer.example/","jwks_uri":"https://keys.example/"}"#,
        ] {
            assert!(jwks_uri(bad.as_bytes(), ISS).is_err(), "{bad}");
        }
    }
}
