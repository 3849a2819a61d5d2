//! Values inside JSON: what a field such as `data.closedAt` means.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Deserializer, Result, from_str};

use super::value::Value;

/// What stands at the path: a text, a number, a truth value; NULL where nothing or JSON's own null stands there;
/// [`Value::Other`] for a list, an object, a number that cannot be held exactly, and where the whole is no JSON.
pub fn at(json: &str, path: &[&str]) -> Value {
    step(json, path).unwrap_or(Value::Other)
}

/// The same inside what a store gave for a column: where that is no text, nothing stands inside; inside bytes nobody
/// knows what does.
pub fn inside(value: &Value, path: &[&str]) -> Value {
    match value {
        Value::Text(text) => at(text, path),
        Value::Bytes(_) => Value::Other,
        _ => Value::Null,
    }
}

/// What lies beside the path is passed over, whatever it is, as long as it is JSON.
fn step(json: &str, path: &[&str]) -> Result<Value> {
    let Some((name, rest)) = path.split_first() else { return leaf(json) };
    if first(json) != Some(b'{') {
        return from_str::<IgnoredAny>(json).map(|_| Value::Null);
    }
    let mut reader = Deserializer::from_str(json);
    let member = reader.deserialize_map(Last(name))?;
    reader.end()?;
    member.map_or(Ok(Value::Null), |found| step(found.get(), rest))
}

fn first(json: &str) -> Option<u8> {
    json.bytes().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// The end of the path.
fn leaf(json: &str) -> Result<Value> {
    Ok(match first(json) {
        Some(b'"') => Value::Text(from_str(json)?),
        Some(b'n') => from_str::<()>(json).map(|()| Value::Null)?,
        Some(b't' | b'f') => Value::Bool(from_str(json)?),
        Some(b'-' | b'0'..=b'9') => number(json).unwrap_or(Value::Other),
        _ => Value::Other,
    })
}

/// An object's member of that name; of several the last, as `jsonb` keeps it.
struct Last<'a>(&'a str);

impl<'de> Visitor<'de> for Last<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A number by its digits, however they are written: stores rewrite them (`jsonb` makes `1000` of `1e3`), and 1.0 is
/// the same number as 1. `None` where it would have to be rounded: a whole number beyond 64 bits, a fraction with more
/// digits than the floating-point number nearest to it is written with.
fn number(written: &str) -> Option<Value> {
    let exact = Decimal::read(written)?;
    if exact.power >= 0 {
        return exact.whole().map(Value::Int);
    }
    let real: f64 = written.parse().ok()?;
    let nearest = Decimal::read(&format!("{real:e}"))?;
    (nearest == exact).then_some(Value::Real(real))
}

/// Digits times a power of ten, without a zero at either end; no digits are zero.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    fn read(written: &str) -> Option<Self> {
        let (negative, unsigned) = written.strip_prefix('-').map_or((false, written), |rest| (true, rest));
        let (number, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let short = digits.trim_end_matches('0');
        let moved = digits.len() - short.len();
        let digits = short.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, power: 0 });
        }
        let power = power.parse::<i64>().ok()?.checked_add_unsigned(u64::try_from(moved).ok()?)?;
        let power = power.checked_sub_unsigned(u64::try_from(fraction.len()).ok()?)?;
        Some(Self { negative, digits, power })
    }

    /// `None` for a fraction and for what has no place in 64 bits.
    fn whole(&self) -> Option<i64> {
        let zeros = usize::try_from(self.power).ok()?;
        // 2^63 has 19 digits; so few make no overflow below.
        if self.digits.len().saturating_add(zeros) > 19 {
            return None;
        }
        let digits = format!("0{}{}", self.digits, "0".repeat(zeros));
        let whole: i128 = digits.parse().ok()?;
        i64::try_from(if self.negative { -whole } else { whole }).ok()
    }
}

#[cfg(test)]
mod tests;
