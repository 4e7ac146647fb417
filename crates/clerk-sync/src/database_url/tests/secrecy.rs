//! Nothing panics, and the password shows up nowhere.

use proptest::prelude::*;

use super::*;

/// Letters that no message of ours contains in this order.
const MARKER: &str = "qXzJqW";

fn everything_printed(text: &str) -> String {
    match DatabaseUrl::parse(text) {
        Ok(url) => format!("{url} {url:?} {url:#?} {:?}", url.notes()),
        Err(error) => format!("{error} {error:?} {error:#?}"),
    }
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>()) {
        everything_printed(&text);
    }

    #[test]
    fn never_panics_on_what_looks_right(
        scheme in "(postgres|mysql|sqlite|file|mariadb):(//)?",
        rest in "[a-z0-9@:/?#&=%\\[\\]., -]{0,40}",
    ) {
        everything_printed(&format!("{scheme}{rest}"));
    }

    #[test]
    fn never_panics_on_parameters(
        name in "(sslmode|ssl|tls|options|schema|host|port|socket|sslcert|sslkey|sslrootcert|collation|x)",
        value in "[ -~]{0,30}",
        more in "(&sslmode=require|&sslaccept=strict|&host=/x)?",
    ) {
        everything_printed(&format!("postgres://u:p@h/d?{name}={value}{more}"));
        everything_printed(&format!("mysql://u:p@h/d?{name}={value}{more}"));
    }

    /// Whatever surrounds the marker in the password, escaped or not, and whatever else is wrong with the URL.
    #[test]
    fn never_prints_the_password(
        scheme in "(postgres|postgresql|mysql|mariadb|mysql2|mongodb|postgresql\\+x)",
        before in "[ -~]{0,12}",
        after in "[ -~]{0,12}",
        tail in "(:5432|:x|)(/app|/a/b|)(\\?sslmod=x|\\?sslmode=require|\\?schema=a&b=c|)",
    ) {
        let printed = everything_printed(&format!("{scheme}://user:{before}{MARKER}{after}@db.example{tail}"));
        prop_assert!(!printed.contains(MARKER), "{printed}");
    }

    #[test]
    fn keeps_an_encoded_password_as_it_was(password_text in "[^\\x00]{1,20}") {
        let encoded = utf8_percent_encode(&password_text, NON_ALPHANUMERIC);
        let target = server(&format!("postgres://user:{encoded}@db.example/app"));
        prop_assert_eq!(password(&target), Some(password_text.as_str()));
    }
}
