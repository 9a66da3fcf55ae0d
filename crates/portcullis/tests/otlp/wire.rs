//! Protocol Buffers as they are on the wire, and the spans in them, by the numbers of the protocol: nothing here
//! is made of the messages of the gateway.

use std::collections::BTreeMap;

/// A field: its number, and what it holds.
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number without end")
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => Field::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut bytes);
                Field::Bytes(take(&mut bytes, usize::try_from(length).unwrap()))
            }
            5 => {
                let four = take(&mut bytes, 4).try_into().unwrap();
                Field::Number(u32::from_le_bytes(four).into())
            }
            other => panic!("a field of kind {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn all(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let found = fields(bytes).into_iter().filter_map(|(at, field)| match field {
        Field::Bytes(bytes) if at == number => Some(bytes),
        _ => None,
    });
    found.collect()
}

fn one(bytes: &[u8], number: u64) -> &[u8] {
    match *all(bytes, number) {
        [] => &[],
        [one] => one,
        _ => panic!("field {number} stands twice"),
    }
}

fn number(bytes: &[u8], number: u64) -> u64 {
    let found = fields(bytes).into_iter().find_map(|(at, field)| match field {
        Field::Number(value) if at == number => Some(value),
        _ => None,
    });
    found.unwrap_or(0)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A span as the collector reads it.
#[derive(Debug)]
pub struct Span {
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub name: String,
    pub kind: u64,
    pub start: u64,
    pub end: u64,
    pub attributes: BTreeMap<String, String>,
    pub status: u64,
    pub flags: u64,
    /// Of the resource that sends it.
    pub service: String,
}

/// The spans of an `ExportTraceServiceRequest`.
pub fn spans(body: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource_spans in all(body, 1) {
        let resource = attributes(one(resource_spans, 1), 1);
        for scope_spans in all(resource_spans, 2) {
            spans.extend(all(scope_spans, 2).into_iter().map(|span| Span {
                trace: hex(one(span, 1)),
                id: hex(one(span, 2)),
                parent: hex(one(span, 4)),
                name: text(one(span, 5)),
                kind: number(span, 6),
                start: number(span, 7),
                end: number(span, 8),
                attributes: attributes(span, 9),
                status: number(one(span, 15), 3),
                flags: number(span, 16),
                service: resource["service.name"].clone(),
            }));
        }
    }
    spans
}

/// Names and values; numbers as they are written.
fn attributes(bytes: &[u8], field: u64) -> BTreeMap<String, String> {
    let pairs = all(bytes, field).into_iter().map(|pair| {
        let value = one(pair, 2);
        let shown = match &*fields(value) {
            [(1, Field::Bytes(value))] => text(value),
            [(3, Field::Number(value))] => value.to_string(),
            _ => panic!("a value of another kind"),
        };
        (text(one(pair, 1)), shown)
    });
    pairs.collect()
}
