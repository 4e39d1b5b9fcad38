use super::*;

const NONE: List<'static> = List { prefix: "", after: None };

fn page(list: &List<'_>, inner: &str) -> Result<Page, Error> {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let open = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    list.read([head, open, inner, "</ListBucketResult>"].concat().as_bytes())
}

fn contents(keys: &[&str]) -> String {
    let one = |key: &&str| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>");
    keys.iter().map(one).collect()
}

fn keys(page: Page) -> Vec<String> {
    page.objects.into_iter().map(|object| object.key).collect()
}

#[test]
fn a_page_as_storage_writes_it() {
    let inner = "<Name>b</Name><Prefix>a/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>
        <EncodingType>url</EncodingType>
        <IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcxLPRx1</NextContinuationToken>
        <Contents><Key>a/b%20c+d%2Be%01%E2%82%AC</Key>
          <LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>&quot;1&quot;</ETag>
          <Owner><ID>x</ID><Key>y</Key></Owner></Contents>
        <Contents><Key>a/c</Key><Size>7</Size><LastModified>lately</LastModified><Owner/></Contents>
        <CommonPrefixes><Prefix>a/z</Prefix></CommonPrefixes><!-- the end > -->";
    let page = page(&List { prefix: "a/", after: None }, inner).unwrap();
    let stored = humantime::parse_rfc3339("2009-10-12T17:50:30Z").ok();
    let key = "a/b c d+e\u{1}€".to_owned();
    let first = Listed { key, size: None, stored };
    let objects = vec![first, Listed { key: "a/c".into(), size: Some(7), stored: None }];
    assert_eq!(page, Page { objects, goes_on: true });
}

#[test]
fn keys_that_are_not_encoded_are_taken_as_they_are() {
    let inner = contents(&["&quot;b ", "%41+&amp;&lt;&#x20;&#1;", "<![CDATA[c&amp;<d>]]>e"]);
    assert_eq!(keys(page(&NONE, &inner).unwrap()), ["\"b ", "%41+&< \u{1}", "c&amp;<d>e"]);
}

#[test]
fn what_was_not_asked_for_does_not_count() {
    let list = List { prefix: "a/", after: Some("a/b") };
    let encoded = "<EncodingType>url</EncodingType>";
    let inner = contents(&["a/a", "a/b", "a/c", "a/%FF", "b"]);
    assert_eq!(keys(page(&list, &(encoded.to_owned() + &inner)).unwrap()), ["a/c"]);
    assert_eq!(keys(page(&list, "").unwrap()), [""; 0]);
    // The page that it was asked to go on after.
    let inner = "<IsTruncated>true</IsTruncated>".to_owned() + &contents(&["a/a", "a/b"]);
    assert_eq!(page(&list, &inner).unwrap_err().kind(), Kind::StorageFailed);
}

#[test]
fn what_is_no_list_is_an_error() {
    let nested = "<a>".repeat(DEPTH_MAX);
    for inner in [
        "<Contents><Key>a</Contents></Key>",
        "<Contents>",
        "&unknown;",
        "&#xD800;",
        "&amp",
        "<",
        "< a>",
        "<!DOCTYPE x>",
        "<!-- x",
        "<a b=\">\"",
        "</ListBucketResult",
        &nested,
        &contents(&["b", "a"]),
        &contents(&["a", "a"]),
    ] {
        let error = page(&NONE, inner).unwrap_err();
        assert_eq!(error.kind(), Kind::StorageFailed, "{inner}");
    }
    for document in [&b""[..], b"<ListBucketResult>", b"<Error><Code>A</Code></Error>", b"\xff"] {
        assert!(NONE.read(document).is_err(), "{document:?}");
    }
    // One that was cut anywhere is not taken for whole.
    let whole = format!("<ListBucketResult>{}</ListBucketResult>", contents(&["a", "b"]));
    assert!(NONE.read(whole.as_bytes()).is_ok());
    for end in 0..whole.len() {
        assert!(NONE.read(&whole.as_bytes()[..end]).is_err(), "{}", &whole[..end]);
    }
}

#[test]
fn the_longest_page_fits() {
    let key = "%E2".repeat(1024);
    let more = "<LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>5497558138880</Size>
        <ETag>&quot;fba9dede5f27731c9771645a39863328-10000&quot;</ETag>
        <StorageClass>INTELLIGENT_TIERING</StorageClass><ChecksumAlgorithm>SHA256</ChecksumAlgorithm>
        <ChecksumType>COMPOSITE</ChecksumType>";
    let owner = "<Owner><ID>".to_owned() + &"0".repeat(64) + "</ID><DisplayName/></Owner>";
    let one = format!("<Contents><Key>{key}</Key>{more}{owner}</Contents>");
    assert!(one.len() * 1000 + 8192 < PAGE_BYTES_MAX);
}
