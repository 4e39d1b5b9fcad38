//! The tags of answers, as text.

use super::*;

const TAG: &str = "\"12.AAECAwQFBgcICQoLDA0ODw\"";

#[test]
fn a_tag_is_read_as_it_was_written() {
    let secret = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let tag = ResumeTag { slot: 12, secret };
    assert_eq!(tag.to_string(), TAG);
    assert_eq!(ResumeTag::parse(TAG), Some(tag));
    for slot in [0, 9, u32::MAX] {
        let tag = ResumeTag { slot, secret: [0xff; 16] };
        assert_eq!(ResumeTag::parse(&tag.to_string()), Some(tag));
    }
}

#[test]
fn a_tag_is_not_read_if_it_is_written_differently() {
    let wrong = [
        "",
        "\"",
        "\"\"",
        "\".\"",
        "*",
        "W/\"12.AAECAwQFBgcICQoLDA0ODw\"",
        "12.AAECAwQFBgcICQoLDA0ODw",
        "\"12.AAECAwQFBgcICQoLDA0ODw",
        "\"12\"",
        "\"12.\"",
        "\"012.AAECAwQFBgcICQoLDA0ODw\"",
        "\"+12.AAECAwQFBgcICQoLDA0ODw\"",
        "\"-12.AAECAwQFBgcICQoLDA0ODw\"",
        "\" 12.AAECAwQFBgcICQoLDA0ODw\"",
        "\".AAECAwQFBgcICQoLDA0ODw\"",
        "\"4294967296.AAECAwQFBgcICQoLDA0ODw\"",
        "\"12.AAECAwQFBgcICQoLDA0ODw==\"",
        "\"12.AAECAwQFBgcICQoLDA0ODx\"",
        "\"12.AAECAwQFBgcICQoLDA0OD\"",
        "\"12.AAECAwQFBgcICQoLDA0ODwA\"",
        "\"12.AAECAwQFBgcICQoLDA0O+w\"",
        "\"12.AAECAwQFBgcICQoLDA0ODw.\"",
        "\"12.AAECAwQFBgcICQoLDA0ODw\", \"1\"",
        "\"12.AAECAwQFBgcICQoLDA0ODw\" ",
        "\"१२.AAECAwQFBgcICQoLDA0ODw\"",
    ];
    for text in wrong {
        assert_eq!(ResumeTag::parse(text), None, "{text}");
    }
}

#[test]
fn whatever_is_read_is_written_the_same() {
    // Each byte of a tag replaced by each other.
    for index in 0..TAG.len() {
        for byte in 0..128 {
            let mut text = TAG.as_bytes().to_vec();
            text[index] = byte;
            let text = String::from_utf8(text).unwrap();
            if let Some(tag) = ResumeTag::parse(&text) {
                assert_eq!(tag.to_string(), text);
            }
        }
    }
}

#[test]
fn nothing_that_is_printed_for_the_log_has_the_secret() {
    let claim_tag = ResumeTag::parse(TAG).unwrap();
    assert_eq!(format!("{claim_tag:?}"), "\"12.***\"");
    assert!(!format!("{:?}", attempt(77)).contains("77, 77"), "an attempt shows its secret");
}
