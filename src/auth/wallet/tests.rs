//! Vectors: those of EIP-55, of the documentation of web3.js, and some made with eth-account 0.13.

use k256::ecdsa::SigningKey;

use super::*;

/// Address, message, signature.
const SIGNED: [(&str, &str, &str); 5] = [
    // web3.js, `web3.eth.accounts.sign`
    (
        "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23",
        "Some data",
        "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd\
         6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
    ),
    (
        "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1",
        "hello",
        "0xf186a035b50de31ac4d913b550ae6fe2fe9e7225c635f108c71e9135de228a2a\
         567dd55d0a4d2115d30c9226903b0feef967ae4d2daf2c07c7fb70676600c15d1b",
    ),
    // The length is that of the bytes: 16, where there are 11 characters.
    (
        "0x1563915e194D8CfBA1943570603F7606A3115508",
        "nonce äöü €",
        "0xc4aee63f1d04333d6da7bc650bbc121ab7e308a153e3c6970a99adab9381142d\
         2d209305833a8eeed012739ed47a04189dd276fb5d064484c418c78c01c7de4a1b",
    ),
    (
        "0x5CbDd86a2FA8Dc4bDdd8a8f69dBa48572EeC07FB",
        "",
        "0x9e46f7d229c7a7aab3045f69ac2790465d2e91941e23362c52f001d557659f7c\
         62a2dd48caf2d0c3cd393d85bfdd6e60c7c7537e7d279e0f59afd143fa8418a21c",
    ),
    (
        "0x7564105E977516C53bE337314c7E53838967bDaC",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
         aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "0xe891d42c967f628d4457fdf85db2af6ce059997da1ccbab87f143a674e6049c3\
         5ed683eaa3ac66c9cd993ac8ecf428303e2b6bdfa31d976fc5b1fa7894e5fd7a1c",
    ),
];

#[test]
fn the_signer_is_found() {
    for (address, message, signature) in SIGNED {
        let address = WalletAddress::parse(address).unwrap();
        let signature = Signature::parse(signature).unwrap();
        assert_eq!(recover(message.as_bytes(), &signature), Ok(address), "{message}");
        assert_ne!(recover(b"another", &signature), Ok(address), "{message}");
    }
}

#[test]
fn v_has_two_forms() {
    let (address, message, text) = SIGNED[0];
    let address = WalletAddress::parse(address).unwrap();
    let with = |v: &str| Signature::parse(&[&text[..130], v].concat());
    assert_eq!(recover(message.as_bytes(), &with("01").unwrap()), Ok(address));
    assert_eq!(with("01"), with("1c"));
    assert_ne!(recover(message.as_bytes(), &with("1b").unwrap()), Ok(address));
    assert_eq!(with("00"), with("1B"));
    for v in ["02", "03", "1a", "1d", "25", "ff"] {
        assert_eq!(with(v), Err(InvalidSignature::Recovery), "{v}");
    }
}

#[test]
fn each_signature_has_one_text() {
    let ordinary = SIGNED[0].2;
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    // The order minus s, with the other v: as good for the mathematics.
    let high = "9ff818b327d1fc847ffe79bdd03d25e83e3a5df66962ceb160751b8bd754a118";
    let half = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";
    let above = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1";
    let (r, s, zero) = (&ordinary[2..66], &ordinary[66..130], "0".repeat(64));
    let parse = |r: &str, s: &str| Signature::parse(&format!("0x{r}{s}1b")).map(|_| ());
    assert_eq!(parse(r, s), Ok(()));
    assert_eq!(parse(r, half), Ok(()));
    for (r, s, expected) in [
        (r, high, InvalidSignature::HighS),
        (r, above, InvalidSignature::HighS),
        (&zero, s, InvalidSignature::Scalars),
        (r, &zero, InvalidSignature::Scalars),
        (order, s, InvalidSignature::Scalars),
        (r, order, InvalidSignature::Scalars),
    ] {
        assert_eq!(parse(r, s), Err(expected), "{r} {s}");
    }
}

#[test]
fn what_is_no_signature_is_refused() {
    let good = SIGNED[0].2;
    let longer = format!("{good}00");
    let multibyte = format!("{}é", &good[..130]);
    for text in ["", "0x", &good[2..], &good[..130], &longer, &multibyte, &good.replace('e', "g")] {
        assert_eq!(Signature::parse(text), Err(InvalidSignature::Form), "{text}");
    }
}

/// No key signed with an r that is the coordinate of no point.
#[test]
fn a_signature_may_be_nobodys() {
    let nobodys = (1..=64_u8).filter(|r| {
        let text = format!("0x{r:064x}{:064x}1b", 1);
        recover(b"", &Signature::parse(&text).unwrap()).is_err()
    });
    assert!((16..48).contains(&nobodys.count()));
}

#[test]
fn whoever_signs_is_found() {
    for number in 1..=32_u8 {
        let key = SigningKey::from_slice(&[number; 32]).unwrap();
        let address = WalletAddress::of_key(key.verifying_key()).unwrap();
        let message = "m".repeat(usize::from(number) * 7);
        let hash = Keccak256::digest(format!("{PREFIX}{}{message}", message.len()));
        let (scalars, recovery) = key.sign_prehash_recoverable(&hash);
        let v = 27 + recovery.to_byte();
        let text = format!("0x{}{}", hex_digits(&scalars.to_bytes()), hex_digits(&[v]));
        let signature = Signature::parse(&text).unwrap();
        assert_eq!(recover(message.as_bytes(), &signature), Ok(address), "{number}");
    }
}

/// The examples of EIP-55.
const ADDRESSES: [&str; 8] = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
];

#[test]
fn an_address_has_one_text_here() {
    for text in ADDRESSES {
        let address = WalletAddress::parse(text).unwrap();
        let lower = text.to_lowercase();
        let upper = format!("0x{}", text[2..].to_uppercase());
        assert_eq!(address.to_string(), lower);
        assert_eq!(WalletAddress::parse(&lower), Ok(address));
        assert_eq!(WalletAddress::parse(&upper), Ok(address));
    }
}

#[test]
fn a_wrong_address_is_refused() {
    let good = ADDRESSES[4];
    for text in
        ["", "0x", &good[2..], &good[..41], &format!("{good}0"), &good.replacen("0x", "0X", 1)]
    {
        assert_eq!(WalletAddress::parse(text), Err(InvalidAddress::Form), "{text}");
    }
    let multibyte = format!("{}é", &good[..40]);
    assert_eq!(WalletAddress::parse(&multibyte), Err(InvalidAddress::Form));
    for text in [good.replacen("aA", "Aa", 1), good.replacen('6', "7", 1)] {
        assert_eq!(WalletAddress::parse(&text), Err(InvalidAddress::Checksum), "{text}");
    }
}

#[test]
fn a_signature_is_not_printed() {
    let printed = format!("{:?}", Signature::parse(SIGNED[0].2).unwrap());
    assert_eq!(printed, "Signature(***)");
}
