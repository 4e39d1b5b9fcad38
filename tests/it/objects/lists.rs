//! Lists of objects.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::ByteStream;
use casgate::bucket::objects::Objects as _;
use casgate::content::layout::STAGING;
use futures_util::{StreamExt as _, stream};

use super::Subject;

/// More than storage lists at once.
const OBJECTS: u128 = 1100;

/// Names that other programs may choose, and that mean something to XML, URLs, or nobody.
const ODD: [&str; 14] = [
    " leading and trailing ",
    "a+b%20c%2525",
    "<&>\"';]]>&amp;",
    "control\u{1}\u{1f}\u{7f}",
    "tab\tand\nline\rends",
    "//double//slashes//",
    "./../dots/.",
    "question?and=equals&hash#",
    "naïve-日本-🦀",
    "\u{fffd}\u{202e}",
    "~!@$^*()_{}|[]\\:,`",
    "zero%00",
    "z\u{10ffff}",
    "zz",
];

/// All keys that begin like this, in order.
pub(super) async fn all(subject: &Subject, prefix: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = subject.objects.list(prefix, keys.last().map(String::as_str)).await.unwrap();
        for object in page.objects {
            assert!(keys.last().is_none_or(|last| *last < object.key), "{}", object.key);
            let age = SystemTime::now().duration_since(object.stored.unwrap());
            assert!(age.unwrap_or_default() < Duration::from_secs(3600));
            keys.push(object.key);
        }
        if !page.goes_on {
            return keys;
        }
    }
}

pub(super) async fn all_are_listed_once(subject: &Subject) {
    assert_eq!(all(subject, STAGING).await, [""; 0]);
    let puts = (0..OBJECTS).map(|number| subject.key(number));
    let keys: Vec<_> = puts.collect();
    let puts = stream::iter(&keys).for_each_concurrent(8, |key| async {
        subject.objects.put(key, b"x").await.unwrap();
    });
    puts.await;
    let expected: Vec<_> = keys.iter().map(|key| key.key().as_str().to_owned()).collect();
    assert!(all(subject, STAGING).await == expected);
    let page = subject.objects.list(STAGING, None).await.unwrap();
    assert!(page.goes_on);
    let after = &expected[expected.len() - 3];
    let page = subject.objects.list(STAGING, Some(after)).await.unwrap();
    let keys: Vec<_> = page.objects.iter().map(|object| &object.key).collect();
    assert_eq!((keys, page.goes_on), (expected[expected.len() - 2..].iter().collect(), false));
    assert_eq!(all(subject, &expected[0]).await, expected[..1]);
    assert_eq!(all(subject, "somewhere/else").await, [""; 0]);
}

pub(super) async fn odd_names_are_listed(subject: &Subject) {
    let mut expected: Vec<_> = ODD.iter().map(|name| format!("odd/{name}")).collect();
    for key in expected.iter().map(String::as_str).chain(["oddity", "od", "ode"]) {
        let put = subject.client.put_object().bucket(&subject.bucket.bucket).key(key);
        put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    }
    expected.sort();
    assert_eq!(all(subject, "odd/").await, expected);
    for (index, key) in expected.iter().enumerate() {
        let page = subject.objects.list("odd/", Some(key)).await.unwrap();
        let keys: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
        assert_eq!(keys, expected[index + 1..], "after {key:?}");
    }
}
