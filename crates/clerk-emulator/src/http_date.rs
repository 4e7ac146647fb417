//! Dates as HTTP writes them, in `Date` and in cookies.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// Empty for a year that no date can have.
pub(crate) fn http_date(at_ms: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1_000)).ok();
    time.and_then(|time| time.format(HTTP_DATE).ok()).unwrap_or_default()
}
