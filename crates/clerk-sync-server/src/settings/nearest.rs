//! Which known name was probably meant.

/// The known name closest to `word`, if any is close enough to be worth suggesting.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_uppercase().replace('-', "_");
    if word.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| {
            let name = candidate.to_ascii_uppercase();
            // `listen` for `CLERK_SYNC_LISTEN` is a fair guess too.
            let short = name.strip_prefix("CLERK_SYNC_").unwrap_or(&name);
            let distance =
                strsim::damerau_levenshtein(&word, &name).min(strsim::damerau_levenshtein(&word, short));
            (distance, candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| distance * 3 <= word.len().max(3))
        .map(|(_, candidate)| candidate)
}

/// `: did you mean X?`, or what else to do.
#[must_use]
pub(super) fn suggestion<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    match nearest(word, known) {
        Some(name) => format!(": did you mean {name}?"),
        None => format!(": {otherwise}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = || ["CLERK_SYNC_LISTEN", "CLERK_SYNC_LOG", "CLERK_API_URL", "on_delete"];
        for (word, expected) in [
            ("CLERK_SYNC_LISTN", Some("CLERK_SYNC_LISTEN")),
            ("clerk_sync_listen", Some("CLERK_SYNC_LISTEN")),
            ("listen", Some("CLERK_SYNC_LISTEN")),
            ("clerk-api-url", Some("CLERK_API_URL")),
            ("CLERK_SYNC_LGO", Some("CLERK_SYNC_LOG")),
            ("ondelete", Some("on_delete")),
            ("frobnicate", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known()), expected, "{word}");
        }
    }
}
