use super::*;
use crate::transfer::import::part::PartKind;

/// Parts as they were put together: names and bytes.
type Parts = Vec<(Option<String>, Vec<u8>)>;

/// Feeds a body in these pieces, and puts the parts together again.
fn read_pieces<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Result<Parts, InvalidForm> {
    let mut parser = Parser::new("b-1")?;
    let mut parts = Parts::new();
    let mut take = |parser: &mut Parser| {
        while let Some(event) = parser.next()? {
            match event {
                Event::Part(part) => {
                    parts.push((part.path.map(|path| path.to_string()), Vec::new()));
                }
                Event::Data(data) => parts.last_mut().unwrap().1.extend_from_slice(&data),
                Event::End => unreachable!("only the end of the body ends a form"),
            }
        }
        Ok::<_, InvalidForm>(())
    };
    for piece in pieces {
        parser.feed(Bytes::copy_from_slice(piece));
        take(&mut parser)?;
    }
    assert_eq!(parser.end()?, Event::End);
    Ok(parts)
}

/// Feeds a body whole, and in two pieces, and in pieces of one size, of which all have to come to
/// the same.
#[track_caller]
fn read(body: &[u8]) -> Result<Parts, InvalidForm> {
    let whole = read_pieces([body].into_iter());
    for at in 0..=body.len() {
        let (first, second) = body.split_at(at);
        assert!(read_pieces([first, second].into_iter()) == whole, "in two pieces, at {at}");
    }
    for size in 1..9 {
        assert!(read_pieces(body.chunks(size)) == whole, "in pieces of {size}");
    }
    whole
}

/// A form of these parts.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, data) in parts {
        let head = format!(
            "--b-1\r\nContent-Disposition: form-data; name=file; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b-1--\r\n");
    body
}

#[test]
fn parts_are_the_bytes_between_boundaries_however_they_come() {
    let contents: [&[u8]; 12] = [
        b"",
        b"hello",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r\n--",
        b"\r\n--b-",
        b"\r\r\r\n--b-\r\n-",
        b"--b-2--",
        b"\r\n\r\n--b-2",
        b"-\r\n--b\r\n--b-0\r\n--\r\n",
    ];
    for first in contents {
        for second in contents {
            let parts = read(&form(&[("a", first), ("b/c", second)]));
            let expected =
                vec![(Some("a".into()), first.to_vec()), (Some("b/c".into()), second.to_vec())];
            assert!(parts == Ok(expected), "{first:?}, {second:?}");
        }
    }
}

#[test]
fn what_stands_around_the_parts_is_none() {
    let expected = vec![(None, b"x".to_vec())];
    for body in [
        "--b-1\r\n\r\nx\r\n--b-1--",
        "--b-1 \t\r\n\r\nx\r\n--b-1-- \r\n",
        "\r\n--b-1\r\n\r\nx\r\n--b-1--\r\nbye\r\n--b-1\r\n\r\ny",
        "hello\r\n--b-1\r\na: b\r\n\r\nx\r\n--b-1--\r\n",
        "--b-2\r\n--b-1\r\n\r\nx\r\n--b-1--\r\n",
    ] {
        assert_eq!(read(body.as_bytes()), Ok(expected.clone()), "{body:?}");
    }
    assert_eq!(read(b"--b-1--"), Ok(Vec::new()));
    // The line break that ends a head is also that of the boundary.
    let empty = read(b"--b-1\r\na: b\r\n\r\n--b-1\r\n\r\n--b-1--");
    assert_eq!(empty, Ok(vec![(None, Vec::new()), (None, Vec::new())]));
}

#[test]
fn a_form_without_its_end_is_not_whole() {
    let whole = form(&[("a", b"hello"), ("b", b"\r\n")]);
    let end = whole.len() - 2;
    for length in 0..end {
        let cut = read_pieces([&whole[..length]].into_iter());
        assert_eq!(cut, Err(InvalidForm::Incomplete), "{length}");
    }
    assert!(read_pieces([&whole[..end]].into_iter()).is_ok());
    assert_eq!(read(b"hello"), Err(InvalidForm::Incomplete));
}

#[test]
fn what_is_no_form_is_refused() {
    for (body, expected) in [
        ("--b-1x\r\n\r\n", InvalidForm::Delimiter),
        ("--b-1\n\n", InvalidForm::Delimiter),
        ("--b-1-\r\n\r\n", InvalidForm::Delimiter),
        ("--b-1--x", InvalidForm::Delimiter),
        ("--b-1\r\n\r\nx\r\n--b-12\r\n", InvalidForm::Delimiter),
        ("--b-1\r\nhello\r\n\r\n", InvalidForm::Part(InvalidPart::Malformed)),
    ] {
        assert_eq!(read(body.as_bytes()), Err(expected), "{body:?}");
    }
    let symlink = "--b-1\r\nContent-Type: application/symlink\r\n\r\nx\r\n--b-1--";
    assert_eq!(read(symlink.as_bytes()), Err(InvalidForm::Part(InvalidPart::Symlink)));
}

#[test]
fn nothing_in_a_form_is_without_limits() {
    let at = |length: usize, before: &str, after: &str| {
        let body = format!("{before}{}{after}", "x".repeat(length));
        let whole = read_pieces([body.as_bytes()].into_iter());
        assert_eq!(read_pieces(body.as_bytes().chunks(13)), whole);
        whole.map(drop)
    };
    let preamble = |length| at(length, "", "\r\n--b-1--");
    assert_eq!(preamble(MARGIN_BYTES_MAX - 2), Ok(()));
    assert_eq!(preamble(MARGIN_BYTES_MAX + 1), Err(InvalidForm::Margin));
    let epilogue = |length| at(length, "--b-1--\r\n", "");
    assert_eq!(epilogue(MARGIN_BYTES_MAX - 2), Ok(()));
    assert_eq!(epilogue(MARGIN_BYTES_MAX + 1), Err(InvalidForm::Margin));
    let head = |length| at(length, "--b-1\r\na:", "\r\n\r\n\r\n--b-1--");
    assert_eq!(head(HEAD_BYTES_MAX - 4), Ok(()));
    assert_eq!(head(HEAD_BYTES_MAX - 3), Err(InvalidForm::Part(InvalidPart::TooLong)));
    let endless = at(HEAD_BYTES_MAX * 2, "--b-1\r\na:", "");
    assert_eq!(endless, Err(InvalidForm::Part(InvalidPart::TooLong)));
    let padding = |length| format!("--b-1{}\r\n\r\n\r\n--b-1--", " ".repeat(length));
    assert!(read(padding(PADDING_BYTES_MAX).as_bytes()).is_ok());
    let too_long = read(padding(PADDING_BYTES_MAX + 1).as_bytes());
    assert_eq!(too_long, Err(InvalidForm::Delimiter));

    let part = "--b-1\r\n\r\n\r\n";
    let parts = |count| read_pieces([(part.repeat(count) + "--b-1--").as_bytes()].into_iter());
    assert_eq!(parts(PARTS_MAX).map(|parts| parts.len()), Ok(PARTS_MAX));
    assert_eq!(parts(PARTS_MAX + 1), Err(InvalidForm::TooManyParts));
}

#[test]
fn boundaries_have_limits() {
    let long = "x".repeat(BOUNDARY_BYTES_MAX);
    for boundary in ["x", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "a b", "'()+_,-./:=?", &long] {
        assert!(Parser::new(boundary).is_ok(), "{boundary}");
    }
    let longer = format!("{long}x");
    for boundary in ["", "a ", "a\r\nb", "\u{e4}", &longer] {
        assert!(matches!(Parser::new(boundary), Err(InvalidForm::Boundary)), "{boundary}");
    }
}

#[test]
fn data_is_not_copied() {
    let body = Bytes::from(form(&[("a", &[b'x'; 1000])]));
    let mut parser = Parser::new("b-1").unwrap();
    let (head, data) = (body.slice(..200), body.slice(200..));
    parser.feed(head);
    while parser.next().unwrap().is_some() {}
    parser.feed(data.clone());
    let Ok(Some(Event::Data(taken))) = parser.next() else { panic!("no data") };
    assert_eq!(taken.as_ptr(), data.as_ptr());
}

#[test]
fn a_folder_is_told_from_a_file() {
    let mut parser = Parser::new("b").unwrap();
    parser.feed(Bytes::from_static(
        b"--b\r\nContent-Disposition: form-data; filename=d\r\n\
          Content-Type: application/x-directory\r\n\r\n\r\n--b--",
    ));
    let Ok(Some(Event::Part(part))) = parser.next() else { panic!("no part") };
    assert_eq!(part.kind, PartKind::Folder);
    assert_eq!(parser.next(), Ok(None));
    assert_eq!(parser.end(), Ok(Event::End));
}
