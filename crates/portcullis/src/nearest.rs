//! The word that somebody meant.

/// The known word that a slip of the fingers or two turned into this one.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let distances = known.into_iter().map(|known| (distance(known, word), known));
    let near = distances.filter(|(distance, _)| (1..=2).contains(distance));
    near.min().map(|(_, known)| known)
}

/// How many letters must change, come or go to make one word of the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    // A word of any length may come from a script; a suggestion is for a slip in a short one.
    let to: Vec<char> = to.chars().take(32).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (b, above) in to.iter().zip(row.iter().skip(1)) {
            left = (left + 1).min(above + 1).min(diagonal + usize::from(a != *b));
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slip_gets_a_suggestion() {
        assert_eq!(
            (distance("demo", "demo"), distance("demo", "dmeo"), distance("demo", "")),
            (0, 2, 4)
        );
        let words = ["demo", "--json", "--help", "--version"];
        let nearest = |word: &str| nearest(word, words);
        assert_eq!(
            (nearest("dem"), nearest("demos"), nearest("--jso")),
            (Some("demo"), Some("demo"), Some("--json"))
        );
        assert_eq!(
            (nearest("gateway"), nearest(""), nearest(&"demo".repeat(9_000))),
            (None, None, None)
        );
    }
}
