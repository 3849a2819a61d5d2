//! Hides letters and digits behind `x`.

/// What a value becomes of which nothing may be seen, not even its length.
pub(super) const HIDDEN: &str = "xxx";

const X: char = 'x';

/// The last `digits` digits become `x`. Once there, an `x` counts as a digit's place, which is how a text that is
/// done is recognised; until then only true digits are counted, so that an `x` of the text's own hides nothing.
pub(super) fn drop_last(text: &str, digits: usize) -> String {
    let places: Vec<char> = text.chars().rev().filter(|c| *c == X || c.is_numeric()).take(digits).collect();
    if places.len() == digits && places.iter().all(|c| *c == X) {
        return text.to_owned();
    }
    if text.chars().filter(|c| c.is_numeric()).count() < digits {
        return mask(text, 0, 0);
    }
    let mut left = digits;
    let hidden: Vec<char> = text
        .chars()
        .rev()
        .map(|c| {
            if left > 0 && c.is_numeric() {
                left -= 1;
                X
            } else {
                c
            }
        })
        .collect();
    hidden.into_iter().rev().collect()
}

/// Letters and digits become `x`, except `first` leading and `last` trailing ones.
pub(super) fn mask(text: &str, first: usize, last: usize) -> String {
    let signs = text.chars().filter(|c| c.is_alphanumeric()).count();
    let kept_to = if first.saturating_add(last) >= signs { 0 } else { first };
    let hidden_to = if first.saturating_add(last) >= signs { signs } else { signs - last };
    let mut place = 0;
    text.chars()
        .map(|c| {
            if !c.is_alphanumeric() {
                return c;
            }
            place += 1;
            if place > kept_to && place <= hidden_to { X } else { c }
        })
        .collect()
}
