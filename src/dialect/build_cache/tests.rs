//! Which requests are calls, and what tools are told.

use http::Request;

use super::*;

fn head(method: &str, path: &str) -> Parts {
    Request::builder().method(method).uri(path).body(()).unwrap().into_parts().0
}

/// Kind of call and name, or the kind of error.
fn read(preset: Preset, method: &str, rest: &str) -> Result<String, Kind> {
    let head = head(method, &format!("/cache/{rest}"));
    let call = BuildCache::new(preset).parse(&head, rest).map_err(|error| error.kind())?;
    Ok(match &call {
        Call::Download(content) => format!("get {content}"),
        Call::Describe(content) => format!("head {content}"),
        Call::Store(content, _) => format!("put {content}"),
        Call::About(_)
        | Call::Challenge(_)
        | Call::Find(_)
        | Call::Graph(_)
        | Call::Import(_)
        | Call::Issue(_)
        | Call::Upload(_)
        | Call::Catalog(_)
        | Call::Login(_)
        | Call::Greeting
        | Call::Preflight
        | Call::SignIn(_)
        | Call::Token(_) => {
            format!("{call:?}")
        }
    })
}

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn names_of_entries() {
    let (ac, cas) = (format!("ac/{HEX}"), format!("cas/{HEX}"));
    for (preset, rest, name) in [
        (Preset::Bazel, ac.as_str(), ac.as_str()),
        (Preset::Bazel, &cas, &cas),
        (Preset::Gradle, "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        (Preset::Nx, "v1/cache/12345678901234567890", "12345678901234567890"),
        (Preset::Nx, "v1/cache/a_B-9", "a_B-9"),
        (Preset::Sccache, ".sccache_check", ".sccache_check"),
        (Preset::Sccache, "a/b/c/abc", "a/b/c/abc"),
        (Preset::Sccache, "prefix/a/b/c/abc", "prefix/a/b/c/abc"),
    ] {
        for (method, expected) in [("GET", "get"), ("HEAD", "head"), ("PUT", "put")] {
            assert_eq!(read(preset, method, rest), Ok(format!("{expected} {name}")), "{rest}");
        }
    }
}

#[test]
fn only_cas_is_content_of_a_digest() {
    for (store, expected) in [("ac", false), ("cas", true)] {
        let entry = Preset::Bazel.entry(&format!("{store}/{HEX}")).unwrap();
        assert_eq!(entry.digest().is_some(), expected, "{store}");
    }
}

#[test]
fn other_names_are_refused() {
    let long = "a".repeat(129);
    let upper = format!("cas/{}", HEX.to_uppercase());
    let (short, other) = (format!("cas/{}", &HEX[1..]), format!("blob/{HEX}"));
    let (bare, deep) = (format!("/{HEX}"), format!("x/cas/{HEX}"));
    let nx_long = format!("v1/cache/{long}");
    let sccache_long = "a".repeat(513);
    for (preset, rests) in [
        (Preset::Bazel, vec!["", "cas/", HEX, &upper, &short, &other, &bare, &deep, "ac/../x"]),
        (Preset::Gradle, vec!["", "a/b", "a.b", "..", "a-b", "%61", "a/", &long]),
        (Preset::Nx, vec!["", "v1/cache/", "v1/cache", "v1/cache/a.b", "v1/cache/..", &nx_long]),
        (Preset::Nx, vec!["v2/cache/1", "1", "v1/cache/1/", "v1/cache/1/2", "v1/cache/%31"]),
        (Preset::Sccache, vec!["", "a/", "/a", "a//b", "../a", "a/./b", "a%2fb", &sccache_long]),
    ] {
        for rest in rests {
            for method in ["GET", "HEAD", "PUT"] {
                assert_eq!(read(preset, method, rest), Err(Kind::InvalidRequest), "{rest}");
            }
        }
    }
}

#[test]
fn folders_are_for_sccache() {
    for (method, expected) in [("PROPFIND", "About(Folder)"), ("MKCOL", "About(NewFolder)")] {
        for rest in ["", "a/", "a/b/c/", "a"] {
            assert_eq!(read(Preset::Sccache, method, rest), Ok(expected.to_owned()), "{rest}");
        }
        for rest in ["/", "a//", "../", "a/../b/", "%2e/"] {
            assert_eq!(read(Preset::Sccache, method, rest), Err(Kind::InvalidRequest), "{rest}");
        }
        for preset in [Preset::Bazel, Preset::Gradle, Preset::Nx] {
            assert_eq!(read(preset, method, "a"), Err(Kind::MethodNotAllowed), "{preset:?}");
        }
    }
}

#[test]
fn nothing_else_can_be_done() {
    for preset in Preset::ALL {
        for method in ["POST", "DELETE", "PATCH", "OPTIONS", "COPY", "get"] {
            let refused = read(preset, method, "a");
            assert_eq!(refused, Err(Kind::MethodNotAllowed), "{preset:?} {method}");
        }
    }
}

#[test]
fn a_cache_knows_what_its_entries_can_be_called() {
    let hex = "0a".repeat(32);
    for (preset, name, expected) in [
        (Preset::Bazel, format!("cas/{hex}"), true),
        (Preset::Bazel, format!("ac/{hex}"), true),
        (Preset::Bazel, hex.clone(), false),
        (Preset::Gradle, hex.clone(), true),
        (Preset::Gradle, "2026.tar".to_owned(), false),
        (Preset::Nx, "12345678901234567890".to_owned(), true),
        (Preset::Nx, "v1/cache/1".to_owned(), false),
        (Preset::Sccache, "a/b/c/abc".to_owned(), true),
        (Preset::Sccache, "a//b".to_owned(), false),
    ] {
        assert_eq!(BuildCache::new(preset).stores(&name), expected, "{preset:?} {name}");
    }
}

/// The kinds that are refused with a status, by name.
fn with_status(preset: Preset, method: &str, path: &str, status: u16) -> Vec<&'static str> {
    let head = head(method, path);
    let refuse = |kind: &Kind| BuildCache::new(preset).refuse(&head, *kind, "").status().as_u16();
    let kinds = Kind::ALL.iter().filter(|kind| refuse(kind) == status);
    kinds.map(|kind| kind.name()).collect()
}

#[test]
fn reads_of_nx_fail_for_what_users_can_mend_only() {
    let misses = with_status(Preset::Nx, "GET", "/v1/cache/1", 404);
    assert_eq!(
        misses,
        [
            "content_corrupt",
            "internal",
            "issuer_unavailable",
            "not_found",
            "outcome_unknown",
            "state_unavailable",
            "storage_busy",
            "storage_failed",
            "storage_timeout",
            "storage_unavailable",
            "tenant_disabled",
            "tenant_over_limit",
            "tenant_paused",
            "tenant_unpaid"
        ]
    );
    let unauthorized = with_status(Preset::Nx, "GET", "/v1/cache/1", 401);
    assert!(unauthorized.iter().all(|kind| kind.starts_with("credential_")));
    assert_eq!(unauthorized.len(), 4);
    assert_eq!(with_status(Preset::Nx, "GET", "/v1/cache/1", 403), ["forbidden"]);
}

#[test]
fn writes_of_nx_fail_for_tokens_that_are_none_only() {
    let path = "/v1/cache/1";
    let unauthorized = with_status(Preset::Nx, "PUT", path, 401);
    assert_eq!(unauthorized, ["credential_malformed", "credential_missing", "credential_refused"]);
    assert_eq!(with_status(Preset::Nx, "PUT", path, 400), ["invalid_request"]);
    assert_eq!(with_status(Preset::Nx, "PUT", path, 405), ["method_not_allowed"]);
    assert_eq!(with_status(Preset::Nx, "PUT", path, 403).len(), Kind::ALL.len() - 5);
}

#[test]
fn sccache_starts_without_storage() {
    let misses = |path| with_status(Preset::Sccache, "GET", path, 404);
    assert_eq!(misses("/cache/a/b/c/abc"), ["not_found"]);
    let start = misses("/cache/.sccache_check");
    assert!(start.contains(&"storage_failed") && start.contains(&"issuer_unavailable"));
    assert!(!start.contains(&"forbidden") && !start.contains(&"credential_refused"));
}

#[test]
fn refusals_are_a_line_of_plain_text() {
    for preset in Preset::ALL {
        for method in ["GET", "PUT", "PROPFIND"] {
            for kind in Kind::ALL {
                let reply = BuildCache::new(preset).refuse(&head(method, "/"), kind, "message");
                assert_eq!(reply.headers()[header::CONTENT_TYPE], "text/plain", "{kind:?}");
                assert_eq!(reply.headers()[header::CACHE_CONTROL], "no-store", "{kind:?}");
                let text = std::str::from_utf8(reply.body()).unwrap();
                assert!(text.ends_with('\n') && text.lines().count() == 1, "{text}");
            }
        }
    }
}

#[test]
fn paths_are_text_in_the_properties_of_a_folder() {
    let reply = webdav::properties(&head("PROPFIND", "/a&b/c/"));
    assert_eq!(reply.status(), 207);
    let text = std::str::from_utf8(reply.body()).unwrap();
    assert!(text.contains("<D:href>/a&amp;b/c/</D:href>"), "{text}");
}
