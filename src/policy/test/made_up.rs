//! A record out of a policy test's TOML.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Offset};

use crate::model::key::Key;
use crate::model::predicate::{EventBook, Operand, Predicate};
use crate::model::start::{Format, Start, StartSource};
use crate::model::value::{Field, Fields, Value};
use crate::policy::rule::{Data, Policy, Test};
use crate::time::{Instant, Zone, whole_micros};

/// The record with the rows that it links to, and the events that the test records. `Debug` shows no value.
#[derive(Debug)]
pub(super) struct MadeUp {
    fields: BTreeMap<String, Value>,
    links: BTreeMap<String, BTreeMap<String, Value>>,
    events: EventBook,
    event_key: String,
}

impl MadeUp {
    /// Reads the test's tables; the error is a phrase for the person who wrote it.
    pub(super) fn new(policy: &Policy, data: &Data, test: &Test) -> Result<Self, String> {
        let reading = Reading { zone: policy.zone, times: times(data) };
        let fields = reading.row(None, &test.record)?;
        let mut links = BTreeMap::new();
        for (link, row) in &test.links {
            let toml::Value::Table(row) = row else {
                return Err(format!("`links.{link}` is no table of fields"));
            };
            links.insert(link.clone(), reading.row(Some(link), row)?);
        }
        let mut key = data.target.key.iter().flatten().map(String::as_str).chain(["id", "path"]);
        let event_key = key.find_map(|name| fields.get(name)?.as_event_key());
        let mut record = Self {
            fields,
            links,
            events: EventBook::default(),
            event_key: event_key.unwrap_or_else(|| "the record".to_owned()),
        };
        record.events = record.book(data, test, &reading)?;
        Ok(record)
    }

    pub(super) fn events(&self) -> &EventBook {
        &self.events
    }

    /// An event without a key is recorded for whatever key the policy asks it for.
    fn book(&self, data: &Data, test: &Test, reading: &Reading) -> Result<EventBook, String> {
        let mut book = EventBook::default();
        for (name, value) in &test.events {
            if let toml::Value::Table(by_key) = value {
                for (key, at) in by_key {
                    book.record(name, key, reading.instant(name, at)?);
                }
                continue;
            }
            let at = reading.instant(name, value)?;
            book.record(name, self.event_key.clone(), at);
            for field in event_fields(data, name) {
                let key = self.get(&field).and_then(|value| value.as_event_key());
                if let Some(key) = key {
                    book.record(name, key, at);
                }
            }
        }
        Ok(book)
    }
}

impl Fields for MadeUp {
    /// A field that the test leaves out is empty; a link that it leaves out leads to no row.
    fn get(&self, field: &Field) -> Option<Value> {
        let row = match &field.link {
            None => &self.fields,
            Some(link) => self.links.get(link)?,
        };
        Some(row.get(&field.column).cloned().unwrap_or(Value::Null))
    }

    fn key(&self) -> Key {
        Key::from_path(self.event_key.as_bytes())
    }

    fn event_key(&self) -> String {
        self.event_key.clone()
    }
}

/// A field that holds a time, and how the store would spell it.
struct Time {
    field: Field,
    zone: Zone,
    whole_days: bool,
}

struct Reading {
    zone: Zone,
    times: Vec<Time>,
}

impl Reading {
    fn row(&self, link: Option<&str>, row: &toml::Table) -> Result<BTreeMap<String, Value>, String> {
        row.iter()
            .map(|(name, value)| {
                let field = Field { link: link.map(Into::into), column: name.clone() };
                Ok((name.clone(), self.value(&field, value)?))
            })
            .collect()
    }

    /// Where a time is read from the field, a test may write it as RFC 3339 or as a TOML date, however the store
    /// spells it. Anything else stands as it is written and is read by the declared format.
    fn value(&self, field: &Field, value: &toml::Value) -> Result<Value, String> {
        let time = self.times.iter().find(|time| time.field == *field);
        Ok(match value {
            toml::Value::String(text) => match (time, DateTime::parse_from_rfc3339(text)) {
                (Some(time), Ok(at)) => time.value(whole_micros(Instant::from(at))),
                _ => Value::Text(text.clone()),
            },
            toml::Value::Integer(number) => Value::Int(*number),
            toml::Value::Float(number) => Value::Real(*number),
            toml::Value::Boolean(truth) => Value::Bool(*truth),
            toml::Value::Datetime(written) => {
                let zone = time.map_or(self.zone, |time| time.zone);
                match (read(written, zone), time) {
                    (Some(Value::Instant(at)), Some(time)) => time.value(at),
                    (Some(value), _) => value,
                    (None, _) => return Err(format!("`{field}` is no day and no instant")),
                }
            }
            toml::Value::Array(_) | toml::Value::Table(_) => {
                return Err(format!("`{field}` is a list or a table, which no field of a record is"));
            }
        })
    }

    fn instant(&self, event: &str, value: &toml::Value) -> Result<Instant, String> {
        let read = match value {
            toml::Value::String(text) => DateTime::parse_from_rfc3339(text).ok().map(Instant::from),
            toml::Value::Datetime(written) => match read(written, self.zone) {
                Some(Value::Instant(at)) => Some(at),
                _ => None,
            },
            _ => None,
        };
        read.map(whole_micros).ok_or_else(|| format!("the event `{event}` has no instant with its offset"))
    }
}

impl Time {
    fn value(&self, at: Instant) -> Value {
        if self.whole_days { Value::Date(self.zone.local(at).date()) } else { Value::Instant(at) }
    }
}

/// A TOML date or time; local times are those of `zone`.
fn read(written: &toml::value::Datetime, zone: Zone) -> Option<Value> {
    let date = written.date?;
    let date = NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day))?;
    let Some(time) = written.time else { return Some(Value::Date(date)) };
    let seconds = u32::from(time.second.unwrap_or(0));
    let nanos = time.nanosecond.unwrap_or(0);
    let time = NaiveTime::from_hms_nano_opt(u32::from(time.hour), u32::from(time.minute), seconds, nanos)?;
    let local = date.and_time(time);
    let at = match written.offset {
        None => zone.to_instant(local),
        Some(toml::value::Offset::Z) => local.and_utc(),
        Some(toml::value::Offset::Custom { minutes }) => {
            let offset = chrono::FixedOffset::east_opt(i32::from(minutes) * 60)?;
            local.checked_sub_offset(offset.fix())?.and_utc()
        }
    };
    Some(Value::Instant(whole_micros(at)))
}

/// The fields from which the policy reads times: starts, and what conditions compare with `timestamp()`.
fn times(data: &Data) -> Vec<Time> {
    let mut times = Vec::new();
    for start in starts(data) {
        let whole_days = match &start.format {
            Some(Format::Date) => true,
            Some(Format::Pattern(pattern)) => !has_hour(pattern),
            _ => false,
        };
        if matches!(start.source, StartSource::Event { .. }) {
            continue;
        }
        times.extend(start.fields().into_iter().map(|field| Time {
            field: field.clone(),
            zone: start.zone,
            whole_days,
        }));
    }
    visit(data, &mut |part| {
        if let Predicate::Compare {
            field,
            with: Operand::Value(value @ (Value::Instant(_) | Value::Date(_))),
            ..
        } = part
        {
            let whole_days = matches!(value, Value::Date(_));
            times.push(Time { field: field.clone(), zone: Zone::UTC, whole_days });
        }
    });
    times
}

/// Whether a strftime pattern says the time of day.
fn has_hour(pattern: &str) -> bool {
    ["%H", "%I", "%k", "%l", "%T", "%R", "%X", "%r", "%s", "%c", "%+"]
        .iter()
        .any(|hour| pattern.contains(hour))
}

/// The fields whose values the policy takes as keys of that event.
fn event_fields(data: &Data, event: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    for start in starts(data) {
        if let StartSource::Event { name, by: Some(by) } = &start.source
            && name == event
        {
            fields.push(by.clone());
        }
    }
    visit(data, &mut |part| {
        if let Predicate::Event { name, of: Some(of) } = part
            && name == event
        {
            fields.push(of.clone());
        }
    });
    fields
}

fn starts(data: &Data) -> impl Iterator<Item = &Start> {
    data.branches.iter().flat_map(|branch| &branch.stages).filter_map(|stage| stage.start.as_deref())
}

fn visit<'a>(data: &'a Data, see: &mut impl FnMut(&'a Predicate)) {
    data.scope.visit(see);
    data.branches.iter().for_each(|branch| branch.when.visit(see));
}
