//! "Did you mean": the nearest of some names.

/// The candidate with the fewest typing mistakes, if they are few for its length.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let (distance, best) = candidates.into_iter().map(|c| (mistakes(word, c), c)).min_by_key(|(d, _)| *d)?;
    (distance <= best.chars().count().max(3) / 3).then_some(best)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn mistakes(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_word_and_another_word_does_not() {
        let names = ["limit", "format", "timeout_ms"];
        for (word, found) in [
            ("limt", Some("limit")),
            ("fromat", Some("format")),
            ("timeout", Some("timeout_ms")),
            ("limit", Some("limit")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), found, "{word}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
