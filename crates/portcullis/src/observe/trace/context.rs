//! Where a request belongs: `traceparent` and `tracestate` (W3C Trace Context).

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Random;

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// The flags that have a meaning: sampled, and that the id of the trace is random.
const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

/// What a collector is told beside the flags: that it is known whether the parent is elsewhere, and that it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Whose a span is, and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: [u8; 16],
    pub(super) span: Id,
    flags: u8,
}

/// What a span is called.
pub(super) type Id = [u8; 8];

impl Context {
    /// What the client says; nothing where it says nothing, or what is no context.
    pub(super) fn of_parent(headers: &HeaderMap) -> Option<Context> {
        let mut values = headers.get_all(PARENT).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        Context::parse(value.as_bytes())
    }

    /// `00-TRACE-SPAN-FLAGS`. Later versions may say more behind another dash.
    fn parse(text: &[u8]) -> Option<Context> {
        let (head, more) = text.split_at_checked(55)?;
        let [version] = hex(head.get(..2)?)?;
        let is_whole = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.first().is_none_or(|byte| *byte == b'-'),
        };
        let dashes = [2, 35, 52].iter().all(|at| head.get(*at) == Some(&b'-'));
        let trace = hex(head.get(3..35)?)?;
        let span = hex(head.get(36..52)?)?;
        let [flags] = hex(head.get(53..)?)?;
        let is_one = is_whole && dashes && trace != [0; 16] && span != [0; 8];
        is_one.then_some(Context { trace, span, flags: flags & (SAMPLED | RANDOM) })
    }

    /// A span without a parent. It is sampled.
    pub(super) fn root(random: Random) -> Context {
        let mut trace = [0; 16];
        random(&mut trace);
        // One id of 2^128 means that there is none.
        if let (true, [.., last]) = (trace == [0; 16], &mut trace) {
            *last = 1;
        }
        Context { trace, span: id(random), flags: SAMPLED | RANDOM }
    }

    /// A span in the same trace.
    pub(super) fn child(&self, random: Random) -> Context {
        Context { span: id(random), ..*self }
    }

    pub(super) fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The flags of a span, as a collector wants them.
    pub(super) fn flags(&self, has_parent: bool) -> u32 {
        u32::from(self.flags) | HAS_IS_REMOTE | if has_parent { IS_REMOTE } else { 0 }
    }

    /// Makes it what the headers say. What they say beside is about another trace, unless its parent is there.
    pub(super) fn put(&self, headers: &mut HeaderMap, has_parent: bool) {
        let mut text = String::with_capacity(55);
        text.push_str("00-");
        write_hex(&self.trace, &mut text);
        text.push('-');
        write_hex(&self.span, &mut text);
        text.push('-');
        write_hex(&[self.flags], &mut text);
        headers.remove(PARENT);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(PARENT, value);
        }
        if !has_parent {
            headers.remove(STATE);
        }
    }
}

fn id(random: Random) -> Id {
    let mut id = [0; 8];
    random(&mut id);
    if let (true, [.., last]) = (id == [0; 8], &mut id) {
        *last = 1;
    }
    id
}

/// Digits in lower case, of which there are exactly as many as it takes.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn write_hex(bytes: &[u8], text: &mut String) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_what_is_a_context_is_one() {
        let context = Context::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((context.trace[0], context.span[7], context.flags), (0x4b, 0xb7, 1));
        let later = GOOD.replacen("00", "cc", 1);
        for same in [later.clone(), format!("{later}-what-comes"), GOOD.replace("-01", "-fd")] {
            assert_eq!(Context::parse(same.as_bytes()), Some(context), "{same}");
        }
        for bad in [
            String::new(),
            GOOD.replacen("00", "ff", 1),
            GOOD.to_uppercase(),
            format!("{GOOD}-"),
            format!("{later}x"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replacen('-', "_", 1),
            GOOD.replace("-01", "-0g"),
            GOOD.replace("-01", "-1"),
            GOOD.replace("a6a3", "+6a3"),
        ] {
            assert_eq!(Context::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn no_id_means_none() {
        let zeros: Random = |bytes| bytes.fill(0);
        let root = Context::root(zeros);
        assert!(root.trace != [0; 16] && root.span != [0; 8] && root.is_sampled());
        let ones: Random = |bytes| bytes.fill(0x11);
        assert_eq!(Context::root(ones).trace, [0x11; 16]);
    }
}
