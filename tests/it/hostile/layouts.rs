//! Layouts that are refused, since one tenant's names could lead to another's.

use casgate::plan::Problem;
use casgate::telemetry::Metrics;

use super::CACHE;
use crate::support::gateway::{JWT_TENANT, STREAM, Settings, compile};

fn problems(settings: Settings<'_>) -> Vec<Problem> {
    let secrets = tempfile::tempdir().unwrap();
    let yaml = settings.yaml("http://127.0.0.1:1", &secrets);
    compile(&yaml, &Metrics::new()).err().unwrap_or_default()
}

/// With `{tenant}{hash}`, `0a` of `acme` is `me0a` of `ac`.
#[test]
fn a_tenant_is_a_whole_segment_where_names_vary() {
    for (layout, expected) in [
        ("{tenant}/{hash}", true),
        ("turbo/{tenant}/x/{hash}", true),
        ("{tenant}{hash}", false),
        ("{tenant}-{hash}", false),
        ("turbo-{tenant}/{hash}", false),
        ("{hash}-{tenant}", false),
    ] {
        let file = CACHE.file.replace("{tenant}/{hash}", layout);
        let problems = problems(Settings { file: &file, ..CACHE });
        assert_eq!(problems.is_empty(), expected, "{layout}: {problems:?}");
        for problem in problems {
            assert_eq!(problem.path, "routes[1].layout");
            assert!(problem.message.contains("whole segment"), "{}", problem.message);
        }
    }
}

#[test]
fn digests_need_nothing_beside_them() {
    let settings = Settings { layout: "{tenant}-{hex}", auth: JWT_TENANT, ..STREAM };
    assert_eq!(problems(settings), []);
}
