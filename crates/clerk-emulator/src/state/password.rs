//! A password as the instance keeps it: nothing one could read back.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};

/// A salted digest. Quick to compute: this Clerk keeps nobody's real password.
#[derive(Clone)]
pub(crate) struct Password {
    salt: [u8; 16],
    /// `None` for a digest another system made, which nothing typed here can match.
    digest: Option<Vec<u8>>,
}

impl Password {
    pub(crate) fn new(password: &str, salt: [u8; 16]) -> Self {
        Self { salt, digest: Some(digest(&salt, password)) }
    }

    pub(crate) fn of_other_system() -> Self {
        Self { salt: [0; 16], digest: None }
    }

    pub(crate) fn matches(&self, password: &str) -> bool {
        let typed = digest(&self.salt, password);
        self.digest.as_ref().is_some_and(|kept| verify_slices_are_equal(kept, &typed).is_ok())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

fn digest(salt: &[u8], password: &str) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(salt);
    context.update(password.as_bytes());
    context.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_matches() {
        let password = Password::new("correct horse", [7; 16]);
        assert!(password.matches("correct horse"));
        assert!(!password.matches("correct house"));
        assert!(!Password::of_other_system().matches(""));
        assert!(!format!("{password:?}").contains("horse"));
    }
}
