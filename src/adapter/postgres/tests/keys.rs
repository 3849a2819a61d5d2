//! Keys as they are copied, against keys as everything else reads them.

use super::{target, world};
use crate::adapter::postgres::session::Session;
use crate::adapter::postgres::{arrays, keys, schema, value};
use crate::model::key::{Key, KeyList};
use crate::model::target::Target;

/// The keys of all records, sorted: as they are copied, and as every other statement gives them.
fn both(session: &Session, target: &Target) -> [Vec<Vec<u8>>; 2] {
    let bound = schema::bind(session, target).unwrap();
    let mut copied = Vec::new();
    keys::each(session, &bound, &mut |list| {
        copied.extend(list.encoded().map(<[u8]>::to_vec));
        true
    })
    .unwrap();
    let sql = format!("SELECT {} FROM {}", bound.key_list(), bound.from());
    let rows = session.rows(&sql, &[]).unwrap();
    let key = |row| value::key(row, 0, &bound.key).unwrap().unwrap().as_bytes().to_vec();
    let mut read: Vec<_> = rows.iter().map(key).collect();
    let row = session.one(&arrays::question(&bound, "true", usize::MAX >> 1), &[]).unwrap();
    let arrays = arrays::keys(&row, &bound.key).unwrap().unwrap();
    assert!(
        arrays.iter().map(Key::as_bytes).eq(read.iter().map(Vec::as_slice)),
        "in arrays they are the same"
    );
    copied.sort_unstable();
    read.sort_unstable();
    [copied, read]
}

/// Every moment and day that the server knows has the spelling that it has there.
#[test]
fn times_are_spelled_as_the_server_spells_them() {
    let world = world(
        "CREATE DOMAIN moment AS timestamptz; \
         CREATE TABLE records (at timestamptz, local timestamp(3), exact timestamp, day date, own moment, \
           PRIMARY KEY (at, local, exact, day, own)); \
         INSERT INTO records SELECT at, local, local, local::date, at FROM ( \
           SELECT to_timestamp(seconds) + micros * interval '1 microsecond', \
             (to_timestamp(seconds) AT TIME ZONE 'UTC') + micros * interval '1 microsecond' FROM ( \
             SELECT -210866803200 + (n * 15107 % 100003) * (9224318016000 + 210866803200 - 1) / 100003, \
               CASE n % 4 WHEN 0 THEN 0 WHEN 1 THEN n * 10 % 1000000 WHEN 2 THEN n * 1000 % 1000000 \
                 ELSE n * 7919 % 1000000 END \
             FROM generate_series(1::int8, 20000) n \
           ) AS spread(seconds, micros) \
         ) AS moments(at, local); \
         INSERT INTO records SELECT at, at AT TIME ZONE 'UTC', at AT TIME ZONE 'UTC', (at AT TIME ZONE 'UTC')::date, at \
           FROM generate_series('0002-12-25 BC'::timestamptz, '0005-03-05', '7 hours 3 minutes') at; \
         INSERT INTO records SELECT at, at AT TIME ZONE 'UTC', at AT TIME ZONE 'UTC', (at AT TIME ZONE 'UTC')::date, at \
           FROM generate_series('1895-02-25Z'::timestamptz, '2105-03-05Z', '23 hours 59 minutes') at; \
         INSERT INTO records VALUES \
           ('infinity', 'infinity', 'infinity', 'infinity', 'infinity'), \
           ('-infinity', '-infinity', '-infinity', '-infinity', '-infinity'), \
           ('4714-11-24 00:00:00+00 BC', '4714-11-24 BC', '4714-11-24 BC', '4714-11-24 BC', '0001-01-01 BC'), \
           ('294276-12-31 23:59:59.999999+00', '294276-12-31 23:59:59.999', '294276-12-31 23:59:59.999999', \
             '5874897-12-31', '9999-12-31 23:59:59.9Z')",
    );
    let [copied, read] = both(&world.other, &target());
    assert!(read.len() > 80_000, "{}", read.len());
    assert!(copied == read, "{:?}", copied.iter().zip(&read).find(|(copied, read)| copied != read));
}

/// Texts that the index compresses may be long ones: the lists of them stay short.
#[test]
fn no_list_has_many_bytes_more_than_one_key() {
    let world = world(
        "CREATE TABLE records (word text PRIMARY KEY);
         INSERT INTO records SELECT n || repeat('x', 100000) FROM generate_series(1, 100) n",
    );
    let bound = schema::bind(&world.other, &target()).unwrap();
    let mut sizes = Vec::new();
    keys::each(&world.other, &bound, &mut |list| {
        sizes.push((list.len(), list.bytes()));
        true
    })
    .unwrap();
    assert_eq!(sizes.iter().map(|(keys, _)| keys).sum::<usize>(), 100);
    assert!(sizes.iter().all(|(_, bytes)| *bytes < (1 << 20) + 110_000), "{sizes:?}");
}

#[test]
fn keys_of_every_type_are_copied_as_they_are_read() {
    let world = world(
        "CREATE TABLE records (id int, small smallint, large bigint, word text, short varchar(9), raw bytea, one uuid, \
           price numeric, yes bool, at timestamptz, PRIMARY KEY (id, small, large, word, short, raw, one, price, yes)); \
         INSERT INTO records SELECT n - 10000, n % 7 - 3, n::int8 * 1000000007, 'ærlig ' || n, 'x' || n, \
           decode(md5(n::text), 'hex'), md5(n::text)::uuid, n / 8.0, n % 2 = 0, now() FROM generate_series(1, 20000) n; \
         INSERT INTO records VALUES (-2147483648, -32768, -9223372036854775808, '', '', '', \
           '00000000-0000-0000-0000-000000000000', 'NaN', true, now())",
    );
    let [copied, read] = both(&world.other, &target());
    assert!(copied == read && read.len() == 20_001);
}

#[test]
fn keys_of_domains_are_those_of_what_they_are_made_of() {
    let world = world(
        "CREATE DOMAIN number AS int; CREATE DOMAIN name AS text; CREATE DOMAIN hash AS bytea; CREATE DOMAIN ref AS uuid; \
         CREATE TABLE records (id number, word name, raw hash, one ref, at timestamptz, PRIMARY KEY (id, word, raw, one)); \
         INSERT INTO records SELECT n, 'x' || n, decode(md5(n::text), 'hex'), md5(n::text)::uuid, now() \
           FROM generate_series(1, 1000) n",
    );
    let [copied, read] = both(&world.other, &target());
    assert!(copied == read && read.len() == 1_000);
}

#[test]
fn a_table_without_rows_has_no_keys_and_a_row_without_a_key_is_no_record() {
    let world = world("CREATE TABLE records (id int UNIQUE NOT NULL, at timestamptz)");
    let keyed = Target { key: Some(vec!["id".to_owned()]), ..target() };
    let bound = schema::bind(&world.other, &keyed).unwrap();
    let copy = |take: &mut dyn FnMut(KeyList) -> bool| keys::each(&world.other, &bound, take);
    let mut many = 0;
    let mut count = |list: KeyList| {
        many += list.len();
        true
    };
    copy(&mut count).unwrap();
    world.other.run("INSERT INTO records SELECT n FROM generate_series(1, 20000) n").unwrap();
    copy(&mut count).unwrap();
    assert_eq!(many, 20_000);
    // Whoever has enough is given no more.
    let mut lists = 0;
    let enough = copy(&mut |_| {
        lists += 1;
        false
    });
    assert!(enough.is_err() && lists == 1);
    world.other.run("ALTER TABLE records ALTER id DROP NOT NULL; INSERT INTO records VALUES (NULL)").unwrap();
    let error = copy(&mut |_| true).unwrap_err();
    assert!(error.why.contains("no key by which it could be named"), "{error}");
}
