//! Whether a text matches, in one pass over it.
//!
//! Nobody may make a gateway think long, so there is no backtracking: all ways in which a pattern could
//! match go through the text side by side, as the bits of a few words. A pattern with one star needs not
//! even that, and what does not end as the pattern ends is turned away before.

use super::{Atom, Pattern, Text};

impl Pattern {
    /// Whether all that follows the first `from` bytes of the text matches.
    pub(in crate::policy) fn matches(&self, text: &Text<'_>, from: usize) -> bool {
        if !text.is_plain() || self.slip.spoils(text) {
            return false;
        }
        let bytes = text.as_str().as_bytes();
        let (stars, suffix) = without_suffix(&self.atoms);
        let Some(end) = bytes.len().checked_sub(suffix.len()) else { return false };
        let ending = bytes.get(end..).unwrap_or_default();
        if end < from || !suffix.iter().zip(ending).all(|(atom, byte)| *atom == Atom::Byte(*byte)) {
            return false;
        }
        match (stars, &self.ways) {
            ([], _) => end == from,
            ([Atom::Star(reach)], _) if reach.is_all() => true,
            ([Atom::Star(reach)], _) => text
                .parts(&(from..end))
                .iter()
                .all(|(part, authority)| part.iter().all(|byte| reach.admits(*byte, *authority))),
            (_, Some(Ways::Short(ways))) => ways.end_after(text.parts(&(from..end))),
            (_, Some(Ways::Long(ways))) => ways.end_after(text.parts(&(from..end))),
            (_, None) => false,
        }
    }

    /// Whether any name that begins so matches: from wherever a pattern is, some rest leads to its end.
    pub(in crate::policy) fn can_begin(&self, text: &str) -> bool {
        let parts = [(text.as_bytes(), false)];
        Masks::<LONG>::of(&self.atoms).run(parts) != [0; LONG]
    }
}

/// The atoms up to the last star, and the literal rest.
fn without_suffix(atoms: &[Atom]) -> (&[Atom], &[Atom]) {
    let literal = atoms.iter().rev().take_while(|atom| matches!(atom, Atom::Byte(_))).count();
    atoms.split_at(atoms.len().saturating_sub(literal))
}

/// The automaton of a pattern that needs one, in as many words as it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ways {
    Short(Box<Masks<1>>),
    Long(Box<Masks<LONG>>),
}

/// Words for the longest pattern.
const LONG: usize = 4;
const _: () = assert!(super::MAX_PATTERN < 64 * LONG, "a bit for each byte, and one for the start");

impl Ways {
    /// `None` where looking at the ends and at one star says all.
    pub(super) fn of(atoms: &[Atom]) -> Option<Ways> {
        let (stars, _) = without_suffix(atoms);
        match stars.len() {
            0 | 1 => None,
            2..64 => Some(Ways::Short(Box::new(Masks::of(stars)))),
            _ => Some(Ways::Long(Box::new(Masks::of(stars)))),
        }
    }
}

/// Where each byte leads. State `i` means that `i` literal bytes of the pattern are behind us; a star is
/// no state of its own, it lets the state it follows stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Masks<const WORDS: usize> {
    /// The row of each byte.
    rows: Box<[u8]>,
    distinct: Vec<Row<WORDS>>,
    end: usize,
}

/// What bytes that the pattern treats alike do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row<const WORDS: usize> {
    /// The states it leads to from the one before.
    enter: [u64; WORDS],
    /// The states it stays in, by a star.
    stay: [u64; WORDS],
    /// The same within the authority of a URI.
    stay_in_authority: [u64; WORDS],
}

impl<const WORDS: usize> Masks<WORDS> {
    fn of(atoms: &[Atom]) -> Masks<WORDS> {
        let (mut rows, mut distinct) = (Vec::with_capacity(256), Vec::new());
        for byte in 0..=u8::MAX {
            let row = Row::of(atoms, byte);
            let known = distinct.iter().position(|known| *known == row).unwrap_or_else(|| {
                distinct.push(row);
                distinct.len().saturating_sub(1)
            });
            // There are no more rows than bytes.
            rows.push(u8::try_from(known).unwrap_or(u8::MAX));
        }
        let end = atoms.iter().filter(|atom| matches!(atom, Atom::Byte(_))).count();
        Masks { rows: rows.into(), distinct, end }
    }

    fn end_after(&self, parts: [(&[u8], bool); 3]) -> bool {
        let states = self.run(parts);
        states.get(self.end / 64).is_some_and(|word| word >> (self.end % 64) & 1 == 1)
    }

    /// The states that are alive after the text.
    fn run<const PARTS: usize>(&self, parts: [(&[u8], bool); PARTS]) -> [u64; WORDS] {
        let mut states = [0; WORDS];
        set(&mut states, 0);
        for (part, in_authority) in parts {
            for byte in part {
                let row = self.rows.get(usize::from(*byte));
                let Some(row) = row.and_then(|row| self.distinct.get(usize::from(*row))) else {
                    return [0; WORDS];
                };
                let stay = if in_authority { &row.stay_in_authority } else { &row.stay };
                let mut carried = 0;
                for ((word, enter), stay) in states.iter_mut().zip(&row.enter).zip(stay) {
                    let next = (*word << 1 | carried) & enter | *word & stay;
                    carried = *word >> 63;
                    *word = next;
                }
                if states == [0; WORDS] {
                    return states;
                }
            }
        }
        states
    }
}

impl<const WORDS: usize> Row<WORDS> {
    fn of(atoms: &[Atom], byte: u8) -> Row<WORDS> {
        let none = [0; WORDS];
        let mut row = Row { enter: none, stay: none, stay_in_authority: none };
        let mut state = 0_usize;
        for atom in atoms {
            match atom {
                Atom::Byte(own) => {
                    state = state.saturating_add(1);
                    if *own == byte {
                        set(&mut row.enter, state);
                    }
                }
                Atom::Star(reach) => {
                    if reach.admits(byte, false) {
                        set(&mut row.stay, state);
                    }
                    if reach.admits(byte, true) {
                        set(&mut row.stay_in_authority, state);
                    }
                }
            }
        }
        row
    }
}

fn set(words: &mut [u64], state: usize) {
    if let Some(word) = words.get_mut(state / 64) {
        *word |= 1 << (state % 64);
    }
}
