//! What identifiers and passwords must look like.

use crate::refusal::Refusal;

pub(crate) fn check_email(address: &str) -> Result<(), Refusal> {
    let valid = address.rsplit_once('@').is_some_and(|(local, domain)| {
        let clean = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
        clean(local)
            && clean(domain)
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    });
    if valid {
        return Ok(());
    }
    Err(Refusal::bad_format("email_address", "a valid email address"))
}

pub(crate) fn check_phone(number: &str) -> Result<(), Refusal> {
    let digits = number.strip_prefix('+').unwrap_or_default();
    if (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(());
    }
    Err(Refusal::bad_format("phone_number", "a valid phone number according to E.164 international standard"))
}

pub(crate) fn check_username(name: &str) -> Result<(), Refusal> {
    if !(4..=64).contains(&name.chars().count()) {
        let long = "Username must be between 4 and 64 characters long.";
        return Err(Refusal::new(422, "form_username_invalid_length", long, long).about("username"));
    }
    if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        let long = "Username can only contain letters, numbers and '_', '-' or '.'.";
        return Err(Refusal::new(422, "form_username_invalid_character", long, long).about("username"));
    }
    Ok(())
}

pub(crate) fn check_password(password: &str) -> Result<(), Refusal> {
    if password.chars().count() >= 8 {
        return Ok(());
    }
    let long = "Passwords must be 8 characters or more.";
    Err(Refusal::new(422, "form_password_length_too_short", long, long).about("password"))
}
