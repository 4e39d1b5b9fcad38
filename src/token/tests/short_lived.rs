//! Confirmations and tickets.

use super::*;
use crate::token::{Confirmation, Ticket, TokenId};

const TOKEN: TokenId = TokenId::new([7; 16]);

#[test]
fn a_button_counts_for_a_minute_and_its_own_token() {
    let sealed = Confirmation::seal(&keys(), TOKEN, now()).unwrap();
    let opens = |token, at| Confirmation::open(&keys(), &sealed, token, at).is_some();
    assert!(opens(TOKEN, now()) && opens(TOKEN, after(60)));
    assert!(!opens(TOKEN, after(61)));
    assert!(!opens(TokenId::new([8; 16]), now()));
}

#[test]
fn what_is_no_confirmation_is_none() {
    let good = format!("{TOKEN} 1800000060");
    for purpose in PURPOSES {
        let sealed = keys().seal(purpose, good.as_bytes()).unwrap();
        let opened = Confirmation::open(&keys(), &sealed, TOKEN, now());
        assert_eq!(opened.is_some(), purpose == Purpose::Confirmation, "{purpose:?}");
    }
    for message in [" ", &TOKEN.to_string(), &format!("{TOKEN} "), &format!("{TOKEN} -1")] {
        let sealed = keys().seal(Purpose::Confirmation, message.as_bytes()).unwrap();
        assert_eq!(Confirmation::open(&keys(), &sealed, TOKEN, now()), None, "{message}");
    }
    assert_eq!(Confirmation::open(&keys(), "", TOKEN, now()), None);
}

#[test]
fn a_ticket_says_what_it_was_made_for() {
    let json = r#"{"path":"/download/sha256:aa","exp":1800000030,"tenant":"a","namespace":"n"}"#;
    let ticket: Ticket = serde_json::from_str(json).unwrap();
    let sealed = ticket.seal(&keys()).unwrap();
    let opened = Ticket::open(&keys(), &sealed).unwrap();
    assert_eq!(opened, ticket);
    assert_eq!(opened.expires(), after(30));
    assert_eq!((&*opened.path, opened.tenant.as_deref()), ("/download/sha256:aa", Some("a")));
    for purpose in [Purpose::Answer, Purpose::Confirmation, Purpose::Download] {
        let sealed = keys().seal(purpose, json.as_bytes()).unwrap();
        assert_eq!(Ticket::open(&keys(), &sealed), None, "{purpose:?}");
    }
    for message in ["{}", r#"{"path":"/","exp":1,"more":1}"#, r#"{"path":"/","exp":"1"}"#] {
        let sealed = keys().seal(Purpose::Ticket, message.as_bytes()).unwrap();
        assert_eq!(Ticket::open(&keys(), &sealed), None, "{message}");
    }
}
