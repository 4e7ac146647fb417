//! Which known word was probably meant.

/// The known word closest to `word`, if any is close enough to be worth suggesting.
pub(super) fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    if word.len() > 40 {
        return None;
    }
    let (distance, found) = known
        .map(|candidate| (distance(&word, &candidate.replace('-', "_")), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong: more would suggest something unrelated.
    (distance * 3 <= word.len().max(3)).then_some(found)
}

/// How many characters must be changed, added or removed to make one word of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&right) {
            let changed = diagonal + usize::from(from != *to);
            diagonal = *cell;
            last = changed.min(diagonal + 1).min(last + 1);
            *cell = last;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (left, right, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("sslmode", "sslmod", 1)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn suggests_only_what_is_close() {
        let known = || ["sslmode", "schema", "connection_limit"].into_iter();
        assert_eq!(nearest("ssl_mode", known()), Some("sslmode"));
        assert_eq!(nearest("connection-limits", known()), Some("connection_limit"));
        assert_eq!(nearest("SCHEMAS", known()), Some("schema"));
        assert_eq!(nearest("zzz", known()), None);
        assert_eq!(nearest(&"a".repeat(1000), known()), None);
    }
}
