//! Exact decimal numbers, in which sums are kept.

use std::fmt;

use thiserror::Error;

/// Digits after the point that are kept; what a number has beyond them is left out.
pub const MOST_DECIMALS: usize = 30;
/// The same of numbers in floating point.
const FLOATING_DECIMALS: usize = 15;

/// A decimal number: `digits` of which the last `decimals` stand behind the point. The same number always has the same
/// digits. `Debug` shows no value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    digits: i128,
    decimals: u32,
}

/// A number or a sum has more digits than can be kept exactly.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a sum has more digits than can be kept exactly")]
pub struct TooLarge;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self { digits: 0, decimals: 0 };

    /// A number from its text, such as `-12.50` or `1e3`; `None` for a text that is no finite number.
    pub fn read(text: &str) -> Result<Option<Self>, TooLarge> {
        Self::read_with(text, MOST_DECIMALS)
    }

    fn read_with(text: &str, most_decimals: usize) -> Result<Option<Self>, TooLarge> {
        let text = text.trim();
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => match exponent.parse::<i32>() {
                Ok(exponent) => (number, exponent),
                Err(_) => return Ok(None),
            },
            None => (text, 0),
        };
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let mut decimals = i64::try_from(fraction.len()).map_err(|_| TooLarge)? - i64::from(exponent);
        if all.bytes().all(|byte| byte == b'0') {
            return Ok(Some(Self::ZERO));
        }
        while decimals > 0
            && (all.ends_with('0') || usize::try_from(decimals).is_ok_and(|many| many > most_decimals))
        {
            all.pop();
            decimals -= 1;
            if all.is_empty() {
                return Ok(Some(Self::ZERO));
            }
        }
        let digits: i128 = all.parse().map_err(|_| TooLarge)?;
        let digits = if negative { -digits } else { digits };
        let decimals = match u32::try_from(decimals) {
            Ok(decimals) => return Ok(Some(Self { digits, decimals }.shortest())),
            Err(_) => u32::try_from(-decimals).map_err(|_| TooLarge)?,
        };
        let scaled = 10_i128.checked_pow(decimals).and_then(|scale| digits.checked_mul(scale));
        Ok(Some(Self { digits: scaled.ok_or(TooLarge)?, decimals: 0 }))
    }

    /// A number in floating point from its text, which has but 15 or so exact digits anyway: the first
    /// 15 decimals count, so that numbers of every size can be added up.
    pub fn read_floating(text: &str) -> Result<Option<Self>, TooLarge> {
        Self::read_with(text, FLOATING_DECIMALS)
    }

    /// The sum of both.
    pub fn plus(self, other: Self) -> Result<Self, TooLarge> {
        let decimals = self.decimals.max(other.decimals);
        let sum = self.scaled(decimals)?.checked_add(other.scaled(decimals)?).ok_or(TooLarge)?;
        Ok(Self { digits: sum, decimals }.shortest())
    }

    /// The same with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { digits: self.digits.saturating_neg(), ..self }
    }

    /// The number if it is a whole one that fits.
    pub fn whole(self) -> Option<i64> {
        if self.decimals == 0 { i64::try_from(self.digits).ok() } else { None }
    }

    fn scaled(self, decimals: u32) -> Result<i128, TooLarge> {
        let scale = 10_i128.checked_pow(decimals - self.decimals).ok_or(TooLarge)?;
        self.digits.checked_mul(scale).ok_or(TooLarge)
    }

    fn shortest(mut self) -> Self {
        while self.decimals > 0 && self.digits % 10 == 0 {
            self.digits /= 10;
            self.decimals -= 1;
        }
        self
    }
}

impl From<i64> for Amount {
    fn from(number: i64) -> Self {
        Self { digits: number.into(), decimals: 0 }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::try_from(self.decimals).unwrap_or(MOST_DECIMALS);
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let sign = if self.digits < 0 { "-" } else { "" };
        if fraction.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<amount>")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::read(text).unwrap().unwrap()
    }

    #[test]
    fn a_number_is_spelled_in_one_way() {
        for (text, spelled) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("12.50", "12.5"),
            ("-.5", "-0.5"),
            ("+7.", "7"),
            ("1e3", "1000"),
            ("1.25E-2", "0.0125"),
            ("0.1", "0.1"),
            ("-3.14", "-3.14"),
            ("5e-324", "0"),
            ("0e999", "0"),
        ] {
            assert_eq!(amount(text).to_string(), spelled, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_told_from_one_that_is_too_large() {
        for text in ["", "soon", "NaN", "Infinity", "1,5", "1e", "--1", "0x10"] {
            assert_eq!(Amount::read(text), Ok(None), "{text}");
        }
        for text in ["1e40", "170141183460469231731687303715884105728", "1e999"] {
            assert_eq!(Amount::read(text), Err(TooLarge), "{text}");
        }
        assert_eq!(amount("170141183460469231731687303715884105727").plus(Amount::from(1)), Err(TooLarge));
    }

    #[test]
    fn tenths_add_up_to_wholes() {
        let mut sum = Amount::ZERO;
        for _ in 0..10 {
            sum = sum.plus(amount("0.1")).unwrap();
        }
        assert_eq!((sum, sum.whole()), (Amount::from(1), Some(1)));
        assert_eq!(amount("0.5").whole(), None);
    }

    #[test]
    fn numbers_in_floating_point_add_up_whatever_their_size() {
        let read = |text| Amount::read_floating(text).unwrap().unwrap();
        let small = ["1e-30", "2.5e-16", "5e-324"].map(read).into_iter();
        let sum = small.fold(read("12345678901.25"), |sum, one| sum.plus(one).unwrap());
        assert_eq!(sum.to_string(), "12345678901.25");
        assert_eq!(read("0.1").plus(read("2.0000000000000004e-1")).unwrap().to_string(), "0.3");
        assert_eq!(amount("1e-30").plus(amount("12345678901")), Err(TooLarge), "these are exact");
    }

    proptest! {
        #[test]
        fn sums_are_those_of_whole_numbers(one in any::<i64>(), other in any::<i64>(), decimals in 0_i32..6) {
            let read = |number: i64| Amount::read(&format!("{number}e-{decimals}")).unwrap().unwrap();
            let sum = i128::from(one) + i128::from(other);
            let expected = Amount::read(&format!("{sum}e-{decimals}")).unwrap().unwrap();
            prop_assert_eq!(read(one).plus(read(other)).unwrap(), expected);
            prop_assert_eq!(read(one).plus(read(one).negated()).unwrap(), Amount::ZERO);
        }
    }
}
