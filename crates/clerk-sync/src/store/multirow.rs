//! Statements over many rows for databases without array parameters.

/// A few fixed sizes, so that the statements stay prepared whatever the size of a batch, and every batch is few of them.
const SIZES: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// Splits `items` into runs of the fixed sizes, largest first.
pub(super) fn runs<T>(items: &[T]) -> Runs<'_, T> {
    Runs { rest: items }
}

pub(super) struct Runs<'a, T> {
    rest: &'a [T],
}

impl<'a, T> Iterator for Runs<'a, T> {
    type Item = &'a [T];

    fn next(&mut self) -> Option<&'a [T]> {
        let size = SIZES.into_iter().find(|size| *size <= self.rest.len())?;
        let (run, rest) = self.rest.split_at(size);
        self.rest = rest;
        Some(run)
    }
}

/// Sizes of lists that are asked for in one statement, the last for as many as a caller may ask for at once.
const LISTS: [usize; 5] = [1, 4, 16, 64, 500];

/// `items` up to the next fixed size: the last one several times, which asks for nothing more.
pub(super) fn padded<T>(items: &[T]) -> Vec<&T> {
    let size = LISTS.into_iter().find(|size| *size >= items.len()).unwrap_or(items.len());
    let missing = size - items.len();
    items.iter().chain(items.last().into_iter().cycle().take(missing)).collect()
}

/// `(?, ?), (?, ?)`: `rows` times `columns` placeholders.
pub(super) fn tuples(columns: usize, rows: usize) -> String {
    let tuple = format!("({})", vec!["?"; columns].join(", "));
    vec![tuple.as_str(); rows].join(", ")
}

/// `?, ?, ?`
pub(super) fn placeholders(count: usize) -> String {
    vec!["?"; count].join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_everything_in_order() {
        let items: Vec<usize> = (0..151).collect();
        let sizes: Vec<usize> = runs(&items).map(<[usize]>::len).collect();
        assert_eq!(sizes, [64, 64, 16, 4, 2, 1]);
        assert_eq!(runs(&items).flatten().copied().collect::<Vec<_>>(), items);
        assert_eq!(runs::<usize>(&[]).count(), 0);
    }

    #[test]
    fn lists_are_padded_with_their_last() {
        assert_eq!(padded(&[1, 2, 3, 4, 5])[3..], [&4; 1].into_iter().chain([&5; 12]).collect::<Vec<_>>());
        assert_eq!(padded(&(0..501).collect::<Vec<_>>()).len(), 501);
        assert_eq!(padded::<i32>(&[]), Vec::<&i32>::new());
    }

    #[test]
    fn placeholders_are_grouped_by_row() {
        assert_eq!(tuples(2, 3), "(?, ?), (?, ?), (?, ?)");
        assert_eq!(placeholders(3), "?, ?, ?");
    }
}
