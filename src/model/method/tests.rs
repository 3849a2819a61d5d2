use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[track_caller]
fn becomes(method: &Method, cases: &[(&str, &str)]) {
    for (before, after) in cases {
        let Ok(Value::Text(got)) = method.apply(&text(before)) else { panic!("{before}") };
        assert_eq!(got, *after, "{before}");
        assert!(method.is_done(&text(after)), "{after}");
    }
}

#[test]
fn the_last_digits_are_hidden_wherever_blanks_stand() {
    becomes(
        &Method::DropLastDigits { digits: 4 },
        &[
            ("+4791234567", "+479123xxxx"),
            ("22 00 12 34", "22 00 xx xx"),
            ("(22) 00-12-34 hjemme", "(22) 00-xx-xx hjemme"),
            ("1881", "xxxx"),
            ("113", "xxx"),
            ("anonym", "xxxxxx"),
            ("22001234x12", "220012xxxxx"),
            ("", ""),
        ],
    );
    let method = Method::DropLastDigits { digits: 4 };
    assert_eq!(method.apply(&Value::Int(22_001_234)).unwrap(), text("2200xxxx"));
    assert!(!method.is_done(&Value::Int(22_001_234)));
}

#[test]
fn a_mask_keeps_the_ends_unless_nothing_would_be_hidden() {
    becomes(
        &Method::Mask { keep_first: 1, keep_last: 2 },
        &[("Kari Nordmann", "Kxxx xxxxxxnn"), ("Åse-1", "Åxe-1"), ("Ola", "xxx"), ("O", "x")],
    );
    becomes(&Method::Mask { keep_first: 0, keep_last: 0 }, &[("Kari N.", "xxxx x.")]);
    becomes(&Method::Hide, &[("Kari Nordmann", "xxx"), ("", "xxx")]);
}

#[test]
fn addresses_lose_their_host() {
    becomes(
        &Method::TruncateIp,
        &[
            ("192.0.2.17", "192.0.2.0"),
            ("192.0.2.xx", "192.0.2.xx"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("::ffff:192.0.2.17", "192.0.2.0"),
            ("fe80::1%eth0", "fe80::"),
            ("192.0.2.17/32", "192.0.2.0"),
            ("192.0.2.17:443", "xxx"),
            ("kari.example.org", "xxx"),
            ("", ""),
        ],
    );
    let packed = |bytes: &[u8]| Method::TruncateIp.apply(&Value::Bytes(bytes.to_vec()));
    assert!(packed(&[192, 0, 2, 17]) == Ok(Value::Bytes(vec![192, 0, 2, 0])));
    assert!(packed(&[1, 2, 3]).is_err());
}

#[test]
fn a_date_becomes_coarser_in_its_own_spelling() {
    let to = |to, format| Method::GeneralizeDate { to, format: Some(format) };
    let pattern = |pattern: &str| Format::Pattern(pattern.to_owned());
    becomes(
        &to(Granularity::Month, Format::Rfc3339),
        &[
            ("2026-11-21T21:20:19.5+02:00", "2026-11-01T00:00:00.0+02:00"),
            ("2026-11-21 21:20:60Z", "2026-11-01 00:00:00Z"),
        ],
    );
    becomes(&to(Granularity::Year, Format::DateTime), &[("2026-11-21 21:20", "2026-01-01 00:00")]);
    becomes(&to(Granularity::Year, Format::Date), &[("2026-11-21", "2026-01-01")]);
    becomes(&to(Granularity::Month, pattern("%d.%m.%Y %H:%M")), &[("21.11.2026 21:20", "01.11.2026 00:00")]);
    becomes(
        &to(Granularity::Month, pattern("%Y-%m-%dT%H%z")),
        &[("2026-11-21T21+0200", "2026-11-01T00+0200")],
    );
    let unix = |value| to(Granularity::Month, Format::Unix).apply(&value);
    assert!(unix(Value::Int(1_795_614_356)) == Ok(Value::Int(1_793_491_200)));
    assert!(unix(Value::Real(1_795_614_356.5)) == Ok(Value::Real(1_793_491_200.0)));
    assert!(unix(Value::Int(i64::MAX)).is_err());
    assert!(unix(text("soon")).is_err());
    let typed = Method::GeneralizeDate { to: Granularity::Month, format: None };
    let day = |text: &str| Value::Date(text.parse().unwrap());
    assert!(typed.apply(&day("2026-11-21")) == Ok(day("2026-11-01")));
    assert!(
        typed.apply(&Value::Instant("2026-11-21T21:20:00Z".parse().unwrap()))
            == Ok(Value::Instant("2026-11-01T00:00:00Z".parse().unwrap()))
    );
}

#[test]
fn null_is_done_except_for_a_flag() {
    for method in methods() {
        let stays = method != Method::Flag;
        assert_eq!(method.is_done(&Value::Null), stays, "{method:?}");
        assert_eq!(method.apply(&Value::Null).unwrap().is_null(), stays, "{method:?}");
    }
    assert!(Method::Flag.is_done(&Value::Int(1)) && Method::Flag.is_done(&Value::Bool(true)));
    assert!(!Method::Flag.is_done(&Value::Int(0)) && !Method::Flag.is_done(&Value::Bool(false)));
}

#[test]
fn a_value_given_back_as_another_type_of_number_is_done() {
    assert!(Method::Fixed(Value::Int(0)).is_done(&Value::Real(0.0)));
    assert!(Method::Neutral(ColumnKind::Bool).is_done(&Value::Int(0)));
    assert!(!Method::Fixed(Value::Int(0)).is_done(&text("0")));
}

fn column(kind: ColumnKind) -> Column {
    let (name, declared) = ("phone".to_owned(), String::new());
    Column { name, kind, declared, nullable: true, indexed: false, unique: false, json: false }
}

#[test]
fn a_column_that_cannot_hold_the_output_is_refused_with_a_sentence() {
    let drop = Method::DropLastDigits { digits: 4 };
    assert_eq!(drop.fits(&column(ColumnKind::Text)), Ok(()));
    insta::assert_snapshot!(drop.fits(&column(ColumnKind::Int)).unwrap_err(),
        @"`phone` is integer and cannot hold what `drop-last-digits` leaves: use `null` or `fixed`");
    let required = Column { nullable: false, ..column(ColumnKind::Text) };
    insta::assert_snapshot!(Method::Null.fits(&required).unwrap_err(),
        @"`null` cannot be used for `phone`, which may not be NULL: use `fixed` with a value");
    let unique = Column { unique: true, ..column(ColumnKind::Text) };
    insta::assert_snapshot!(drop.fits(&unique).unwrap_err(),
        @"`drop-last-digits` would give several records the same `phone`, which must be unique: use `null`");
    let date = |format| Method::GeneralizeDate { to: Granularity::Year, format };
    insta::assert_snapshot!(date(None).fits(&column(ColumnKind::Text)).unwrap_err(),
        @"the type of `phone` (text) does not say how it spells a date: `generalize-date` needs `format`");
    insta::assert_snapshot!(date(Some(Format::Unix)).fits(&column(ColumnKind::Text)).unwrap_err(),
        @"`phone` is text and cannot have the format that `generalize-date` was given");
    assert_eq!(Method::emptying(&required), Method::Neutral(ColumnKind::Text));
    assert_eq!(Method::emptying(&column(ColumnKind::Text)), Method::Null);
}

#[test]
fn only_suppression_and_generalisation_may_stand_alone() {
    let alone: Vec<_> =
        methods().iter().filter(|method| method.claim().may_stand_alone()).map(Method::word).collect();
    assert_eq!(alone.iter().filter(|word| **word == "generalize-date").count(), 6);
    assert!(alone.contains(&"null") && alone.contains(&"fixed") && alone.contains(&"neutral"));
    assert!(!alone.contains(&"hide") && !alone.contains(&"truncate-ip") && !alone.contains(&"flag"));
}

#[test]
fn an_error_tells_the_type_and_not_the_value() {
    let error = Method::Hide.apply(&Value::Bytes(vec![1])).map(|_| ());
    assert_eq!(error, Ok(()));
    let error = Method::DropLastDigits { digits: 2 }.apply(&Value::Bytes(b"secret".to_vec())).unwrap_err();
    assert!(error.to_string().contains("of type bytes") && !error.to_string().contains("secret"));
}

fn methods() -> Vec<Method> {
    let date = |to, format| Method::GeneralizeDate { to, format };
    vec![
        Method::Null,
        Method::Fixed(text("gone")),
        Method::Fixed(Value::Int(0)),
        Method::Neutral(ColumnKind::Text),
        Method::Neutral(ColumnKind::Instant),
        Method::DropLastDigits { digits: 1 },
        Method::DropLastDigits { digits: 4 },
        Method::Mask { keep_first: 0, keep_last: 0 },
        Method::Mask { keep_first: 2, keep_last: 1 },
        Method::Hide,
        Method::TruncateIp,
        date(Granularity::Month, None),
        date(Granularity::Month, Some(Format::Rfc3339)),
        date(Granularity::Year, Some(Format::DateTime)),
        date(Granularity::Year, Some(Format::Pattern("%d.%m.%y".to_owned()))),
        date(Granularity::Month, Some(Format::UnixMs)),
        date(Granularity::Month, Some(Format::Pattern("%Y%m%d".to_owned()))),
        Method::Flag,
    ]
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (19_000_101..21_001_231_i64).prop_map(Value::Int),
        any::<f64>().prop_filter("SQL has no NaN", |real| !real.is_nan()).prop_map(Value::Real),
        "\\PC{0,12}".prop_map(Value::Text),
        "[+0-9 x]{0,14}".prop_map(Value::Text),
        any::<std::net::IpAddr>().prop_map(|address| Value::Text(address.to_string())),
        "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-[0-2][1-8][ T]([01][0-9]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-]0[0-9]:30)?"
            .prop_map(Value::Text),
        "[0-2][1-8]\\.(0[1-9]|1[0-2])\\.[0-9]{2}".prop_map(Value::Text),
        proptest::collection::vec(any::<u8>(), 0..18).prop_map(Value::Bytes),
        (-2_000_000_000_i64..4_000_000_000)
            .prop_map(|seconds| Value::Instant(DateTime::from_timestamp(seconds, 0).unwrap())),
        (-30_000..30_000_i32).prop_map(|day| Value::Date(NaiveDate::from_epoch_days(day).unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Twice is the same as once; the output is recognised; what is not recognised is changed or refused.
    #[test]
    fn every_method_is_idempotent_and_knows_its_own_output(value in values()) {
        for method in methods() {
            let Ok(once) = method.apply(&value) else {
                prop_assert!(!method.is_done(&value), "{:?}", method);
                continue;
            };
            prop_assert!(method.is_done(&once), "{:?} on {}", method, value.kind());
            prop_assert!(method.apply(&once) == Ok(once.clone()), "{:?} on {}", method, value.kind());
            prop_assert!(method.is_done(&value) || once != value, "{:?} on {}", method, value.kind());
        }
    }

    /// No digit of the hidden places is left, whatever stands between them.
    #[test]
    fn at_least_that_many_digits_are_hidden(number in "[0-9]{5,12}") {
        let Ok(Value::Text(hidden)) = Method::DropLastDigits { digits: 4 }.apply(&text(&number)) else { unreachable!() };
        prop_assert_eq!(hidden, format!("{}xxxx", &number[..number.len() - 4]));
    }
}

/// What a store may write without looking is what the method makes of anything that is there.
#[test]
fn what_a_method_leaves_is_what_it_makes_of_everything() {
    let methods = [Method::Null, Method::Fixed(text("a")), Method::Hide, Method::Neutral(ColumnKind::Text)];
    for method in methods {
        let left = method.leaves(ColumnKind::Text).expect("it does not depend on what is there");
        for value in ["", "a", "xxx", "Kari"] {
            assert!(method.apply(&text(value)) == Ok(left.clone()), "{method:?} of {value}");
        }
    }
    assert!(Method::Fixed(Value::Bool(true)).leaves(ColumnKind::Int) == Some(Value::Int(1)));
    for method in [Method::TruncateIp, Method::DropLastDigits { digits: 1 }] {
        assert!(method.leaves(ColumnKind::Text).is_none());
    }
}

/// No calendar has infinity's month.
#[test]
fn what_is_no_day_of_the_calendar_stays() {
    for to in [Granularity::Month, Granularity::Year] {
        let method = Method::GeneralizeDate { to, format: None };
        for value in [
            Value::Date(NaiveDate::MIN),
            Value::Date(NaiveDate::MAX),
            Value::Instant(DateTime::<chrono::Utc>::MIN_UTC),
            Value::Instant(DateTime::<chrono::Utc>::MAX_UTC),
        ] {
            assert!(method.is_done(&value));
        }
    }
}
