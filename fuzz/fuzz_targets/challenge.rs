//! `WWW-Authenticate`. Input: lines, read once as header values and once as what to write.
//!
//! * What was read, written and read again is the same.
//! * What is written is one line of printable ASCII that reads as one challenge with just the parameters
//!   given, also between two others of a list: nothing a value holds gets out of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_core::challenge::{Challenge, MAX_LENGTH, MAX_PARAMETERS, parse};

fuzz_target!(|input: &[u8]| {
    let lines: Vec<_> = input.split(|byte| *byte == b'\n').collect();
    if let Ok(challenges) = parse(lines.iter().copied()) {
        for challenge in challenges {
            let Some(again) = reread(&challenge) else { continue };
            assert_eq!(again.scheme(), challenge.scheme());
            assert_eq!(again.token68(), challenge.token68());
            assert!(again == challenge || !input.iter().all(|b| matches!(b, b' '..=b'~' | b'\n')));
            assert!(reread(&again).is_none_or(|third| third == again));
        }
    }
    let texts: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    let written = |value: fn(&str) -> String| {
        let pairs = texts[1..].chunks(2).take(MAX_PARAMETERS);
        pairs.fold(Challenge::new(&texts[0]), |challenge, pair| {
            challenge.with(&pair[0], &value(pair.last().map_or("", |value| value)))
        })
    };
    if let Some(read) = reread(&written(str::to_owned)) {
        assert!(read == written(printable), "{read:?}");
    }
});

/// Writes and reads; `None` where the line has become longer than is read.
fn reread(challenge: &Challenge) -> Option<Challenge> {
    let line = challenge.to_header_value();
    let line = line.as_bytes();
    assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~')));
    let list = [b"A, ", line, b", B c=d"].concat();
    if list.len() > MAX_LENGTH {
        return None;
    }
    let read = parse([line]).unwrap();
    let [read] = <[_; 1]>::try_from(read).unwrap();
    let list = parse([&list[..]]).unwrap();
    assert!(list == [Challenge::new("A"), read.clone(), Challenge::new("B").with("c", "d")]);
    Some(read)
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}
