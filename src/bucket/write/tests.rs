use super::*;
use crate::bucket::objects::Tag;

#[test]
fn an_upload_has_the_name_that_storage_gave_it() {
    let document = |id: &str| format!("<R><Bucket>b</Bucket><UploadId>{id}</UploadId></R>");
    for id in ["2~a-b_c.d", "abc+/=", "VXBsb2Fk.x--"] {
        assert_eq!(UploadId::read(document(id).as_bytes()).unwrap().0.as_ref(), id);
    }
    for id in ["", "a b", "a&amp;b", "a\"b"] {
        assert!(UploadId::read(document(id).as_bytes()).is_err(), "{id}");
    }
    assert!(UploadId::read(b"<R></R>").is_err());
}

#[test]
fn parts_are_listed_with_the_tags_that_storage_gave() {
    let part = |number, etag| {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, HeaderValue::from_static(etag));
        Part::read(number, &headers).unwrap()
    };
    let list = part_list(&[part(1, "\"a\""), part(2, "<&>")]);
    assert!(list.contains("<Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part>"), "{list}");
    assert!(list.contains("<PartNumber>2</PartNumber><ETag>&lt;&amp;&gt;</ETag>"), "{list}");
    assert!(Part::read(1, &HeaderMap::new()).is_err());
}

const NOTHING: &Annotations = &Annotations {
    tag: None,
    duration: None,
    sha: None,
    dirty_hash: None,
    unixfs: None,
    filename: None,
};

#[test]
fn answers_to_writes() {
    let upload = &UploadId("u".into());
    let put = |once| Step::Put { length: 1, annotations: NOTHING, digest: None, once };
    let source = &Key::of_sealed("staged".into()).unwrap();
    let copy = Step::Copy { source, annotations: &Annotations::default() };
    let copy_part = Step::CopyPart { upload, number: 1, source, range: (0, 1) };
    let tag = &Tag(HeaderValue::from_static("\"1\""));
    let put_if = |expected| Step::PutIf { length: 1, expected, tags: TagForm::Quoted };
    let complete = |once| Step::Complete { upload, length: 1, once };
    for (step, status, code, expected) in [
        (put(false), 200, "", Ok(Written::Stored)),
        (put(true), 200, "", Ok(Written::Stored)),
        (put(true), 412, "PreconditionFailed", Ok(Written::AlreadyThere)),
        (put(true), 412, "", Ok(Written::AlreadyThere)),
        (put(false), 412, "PreconditionFailed", Err(Kind::StorageFailed)),
        (put(true), 409, "ConditionalRequestConflict", Err(Kind::StorageBusy)),
        (put(false), 403, "AccessDenied", Err(Kind::StorageFailed)),
        (put(false), 404, "NoSuchBucket", Err(Kind::StorageFailed)),
        (put(false), 503, "SlowDown", Err(Kind::StorageBusy)),
        (put(false), 408, "RequestTimeout", Err(Kind::StorageTimeout)),
        (put_if(Expected::Absent), 200, "", Ok(Written::Stored)),
        (put_if(Expected::Absent), 412, "PreconditionFailed", Ok(Written::AlreadyThere)),
        (put_if(Expected::As(tag)), 412, "", Ok(Written::AlreadyThere)),
        (put_if(Expected::As(tag)), 404, "NoSuchKey", Ok(Written::AlreadyThere)),
        (put_if(Expected::As(tag)), 404, "NoSuchBucket", Err(Kind::StorageFailed)),
        (put_if(Expected::Absent), 404, "NoSuchKey", Err(Kind::StorageFailed)),
        (put_if(Expected::As(tag)), 409, "ConditionalRequestConflict", Err(Kind::StorageBusy)),
        (complete(false), 200, "InternalError", Err(Kind::StorageFailed)),
        (complete(false), 200, "SlowDown", Err(Kind::StorageBusy)),
        (complete(true), 200, "PreconditionFailed", Ok(Written::AlreadyThere)),
        (complete(false), 404, "NoSuchUpload", Err(Kind::StorageFailed)),
        (complete(false), 200, "", Err(Kind::StorageFailed)),
        (Step::Abort { upload }, 204, "", Ok(Written::Stored)),
        (Step::Delete, 204, "", Ok(Written::Stored)),
        (copy, 200, "InternalError", Err(Kind::StorageFailed)),
        (copy, 200, "SlowDown", Err(Kind::StorageBusy)),
        (copy, 200, "", Err(Kind::StorageFailed)),
        (copy, 404, "NoSuchKey", Err(Kind::StorageFailed)),
        (copy_part, 200, "", Err(Kind::StorageFailed)),
        (copy_part, 200, "InternalError", Err(Kind::StorageFailed)),
        (copy_part, 416, "InvalidRange", Err(Kind::StorageFailed)),
    ] {
        let document = match code {
            "" => "<Result/>".to_owned(),
            code => format!("<Error><Code>{code}</Code></Error>"),
        };
        let status = StatusCode::from_u16(status).unwrap();
        let judged = judge(&step, status, document.as_bytes()).map_err(|error| error.kind());
        assert_eq!(judged, expected, "{status} {code}");
    }
    let document = b"<CompleteMultipartUploadResult xmlns=\"x\"><Key/>";
    let judged = judge(&complete(false), StatusCode::OK, document);
    assert_eq!(judged.ok(), Some(Written::Stored));
    let judged = |step, document: &[u8]| judge(&step, StatusCode::OK, document).ok();
    assert_eq!(judged(copy, b"<CopyObjectResult><ETag/>"), Some(Written::Stored));
    assert_eq!(judged(copy_part, b"<CopyPartResult><ETag/>"), Some(Written::Stored));
    assert_eq!(judged(copy, b"<CopyPartResult>"), None);
}

#[test]
fn copied_parts_have_the_tags_that_storage_gave() {
    let tag = |document: &str| {
        let part = Part::read_copy(1, document.as_bytes());
        part.map(|part| part.etag.to_str().unwrap().to_owned())
    };
    for tagged in ["\"a-1\"", "&quot;a-1&quot;", "&#34;a-1&#34;"] {
        let document = format!("<CopyPartResult><ETag>{tagged}</ETag></CopyPartResult>");
        assert_eq!(tag(&document).unwrap(), "\"a-1\"");
    }
    for document in ["<CopyPartResult/>", "<ETag>a b</ETag>", "<ETag>a\r\nb</ETag>"] {
        assert!(tag(document).is_err(), "{document}");
    }
}
