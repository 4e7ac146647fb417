//! Made-up people, and what becomes of the name that a person types.

use clerk_emulator::UserChange;

const PEOPLE: [&str; 16] = [
    "Ada Lovelace",
    "Grace Hopper",
    "Alan Turing",
    "Katherine Johnson",
    "Edsger Dijkstra",
    "Barbara Liskov",
    "Dennis Ritchie",
    "Radia Perlman",
    "Donald Knuth",
    "Margaret Hamilton",
    "John McCarthy",
    "Frances Allen",
    "Niklaus Wirth",
    "Hedy Lamarr",
    "Tony Hoare",
    "Annie Easley",
];

/// The name of the made-up user number `number`.
pub(super) fn made_up(number: usize) -> &'static str {
    PEOPLE[number % PEOPLE.len()]
}

/// An address for a name: `ada.lovelace@example.com`, with a number from the second `attempt` on.
pub(super) fn email(name: &str, attempt: usize) -> String {
    let letters = |word: &str| word.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let words: Vec<_> = name.split_whitespace().map(letters).filter(|word| !word.is_empty()).collect();
    let mut local = words.join(".").to_ascii_lowercase();
    local.truncate(60);
    if local.is_empty() {
        local.push_str("user");
    }
    match attempt {
        0 | 1 => format!("{local}@example.com"),
        more => format!("{local}{more}@example.com"),
    }
}

/// First and last name: the last word is the last name, if there are two.
pub(super) fn split(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(char::is_whitespace) {
        Some((first, last)) => (first.trim_end(), Some(last)),
        None => (name, None),
    }
}

/// The change that gives a user this name.
pub(super) fn renaming(name: &str) -> UserChange {
    let (first, last) = split(name);
    let change = UserChange::new().first_name(first);
    match last {
        Some(last) => change.last_name(last),
        None => change.no_last_name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_the_name() {
        assert_eq!(email("Ada Lovelace", 1), "ada.lovelace@example.com");
        assert_eq!(email("Ada Lovelace", 2), "ada.lovelace2@example.com");
        assert_eq!(email("Zoë  Ångström", 1), "zo.ngstrm@example.com");
        assert_eq!(email("山田", 1), "user@example.com");
    }

    #[test]
    fn the_last_word_is_the_last_name() {
        assert_eq!(split("Ada"), ("Ada", None));
        assert_eq!(split("Ada King Lovelace"), ("Ada King", Some("Lovelace")));
    }
}
