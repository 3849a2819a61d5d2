//! What every adapter has to prove: one suite, run by one line.
//!
//! An adapter brings a [`Fixture`]: real storage that it can fill, look at and change behind the adapter's back. Each
//! case fills it, asks or disposes through [`Dispose`], and compares with what
//! [`Predicate::answer`](crate::model::predicate::Predicate::answer) says of the same records. A case whose abilities
//! the store lacks prints that it was skipped.
//!
//! ```ignore
//! forfall::contract!(sqlite, || SqliteFixture::new());
//! ```

#![allow(clippy::unwrap_used, reason = "the suite is test code that integration tests need as well")]

pub mod changing;
pub mod counting;
pub mod disposing;
pub mod inside;
pub mod linking;
pub mod methods;
pub mod proxy;
pub mod random;
pub mod reading;
pub mod server;
pub mod suite;

use super::api::Dispose;
use crate::model::key::Key;
use crate::model::predicate::Reach;
use crate::model::start::Start;
use crate::model::target::{Link, Target, With};
use crate::model::value::Value;
use crate::time::Instant;

/// Storage of one kind, real and empty at first, that lives as long as this value.
pub trait Fixture {
    /// What the storage can hold and allow.
    fn can(&self) -> Can;

    /// Replaces everything by this. Collections that the content does not need exist all the same.
    fn fill(&mut self, content: &Content);

    /// Writes one record as somebody else would, in the place of the one with the same id.
    fn put(&self, record: &Record);

    /// Takes one record away as somebody else would.
    fn remove(&self, record: &Record);

    /// The records that are there now, read without the adapter, by id.
    fn left(&self) -> Vec<Record>;

    /// The ids of the children that are there now.
    fn children_left(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Says something in SQL behind the adapter's back, and gives the values of all rows as texts; `None` where the
    /// storage understands none.
    fn ask(&self, _sql: &str) -> Option<Vec<Vec<String>>> {
        None
    }

    /// The adapter, connected.
    fn store(&self) -> &dyn Dispose;

    /// The binding of the records, without links and companions.
    fn target(&self) -> Target;

    /// The same binding with a slip of the pen in the collection's name; `None` where every name is legal.
    fn misspelt(&self) -> Option<Target> {
        None
    }

    /// A store of the same kind that is not this one.
    fn another(&self) -> Box<dyn Fixture>;

    /// How [`Record::at`] is read, from one field. Nothing counts as waiting, and 1990-01-01 is the earliest.
    fn start(&self) -> Start;

    /// The columns of [`Record::word`] and [`Record::number`].
    fn names(&self) -> Names;

    /// The value that the store gives for a start.
    fn at(&self, at: At) -> Value;

    /// The key that the store gives for a record.
    fn key(&self, record: &Record) -> Key;

    /// How a record names its parent, whose columns have the records' names.
    fn link(&self) -> Option<Link> {
        None
    }

    /// How children are declared to go with their record.
    fn with(&self) -> Option<With> {
        None
    }

    /// How a child refers to its record.
    fn reach(&self) -> Option<Reach> {
        None
    }
}

/// What a fixture's storage can hold and allow.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an ability by itself, and all combinations occur")]
pub struct Can {
    /// A start that is NULL.
    pub empty_start: bool,
    /// A start without the declared format.
    pub garbage_start: bool,
    /// A word or number that is NULL.
    pub nulls: bool,
    /// Somebody else writing while a batch is prepared; a database would make them wait.
    pub put_while_prepared: bool,
}

/// The names of the two plain columns.
#[derive(Clone, Debug)]
pub struct Names {
    /// A text column; for files a named part of the path.
    pub word: String,
    /// A column of whole numbers; for files the size.
    pub number: String,
}

/// Everything that a case wants stored.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The records.
    pub records: Vec<Record>,
    /// What records link to.
    pub parents: Vec<Parent>,
    /// What refers to records.
    pub children: Vec<Child>,
}

/// A record as the suite thinks of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its key, from 1.
    pub id: u32,
    /// When it starts.
    pub at: At,
    /// A short text that may stand in a path; `None` is NULL.
    pub word: Option<String>,
    /// From 0 to 1000; `None` is NULL.
    pub number: Option<i64>,
    /// The id of its parent, which need not exist; `None` is NULL. Stored only where there are links.
    pub parent: Option<u32>,
}

/// A row that records link to.
#[derive(Clone, Debug)]
pub struct Parent {
    /// Its key.
    pub id: u32,
    /// A start, read as a record's is.
    pub at: At,
    /// A text or NULL.
    pub word: Option<String>,
}

/// A thing that refers to a record.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its key.
    pub id: u32,
    /// The id of its record.
    pub of: u32,
}

/// A start as the suite thinks of it; the fixture spells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// A whole second.
    Instant(Instant),
    /// NULL.
    Empty,
    /// Something that no format allows.
    Garbage,
}

/// Runs the whole suite: `contract!(name, make)` makes a module of tests; `make()` gives a new [`Fixture`].
#[macro_export]
macro_rules! contract {
    ($name:ident, $make:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "`make` may name something outside or not")]
            use super::*;

            $crate::contract_cases!($make, reading:
                the_total_counts_every_record
                probing_describes_the_fields_and_repeats_itself
                an_unknown_collection_is_refused_with_the_nearest_name
                identity_is_stable_and_tells_stores_apart
                counts_come_with_oldest_and_newest
                many_groups_are_counted_as_one_by_one
                true_false_and_unknown_make_up_the_whole
                the_states_of_the_start_make_up_the_whole
                waiting_is_what_the_policy_says
                an_empty_collection_is_no_error
                a_survey_is_cumulative_and_agrees_with_counts
                pages_follow_the_key_and_miss_nothing
                a_page_begins_after_a_key_that_is_gone
                rows_carry_the_fields_as_stored
                one_record_is_read_by_its_key
                events_are_looked_up_by_key_and_field
                keys_can_be_asked_for
                texts_are_tested_to_the_letter
                reading_changes_nothing);
            $crate::contract_cases!($make, disposing:
                adopting_twice_is_harmless
                exactly_the_due_are_deleted
                small_batches_add_up
                a_predicate_that_holds_for_none_ends_at_once
                only_the_exact_intervals_are_due
                an_aborted_batch_leaves_everything_and_comes_again
                a_dropped_batch_is_an_aborted_one
                what_is_left_out_stays
                a_batch_is_prepared_again_without_what_is_held
                a_record_changed_before_its_batch_stays
                a_record_changed_after_its_preparation_stays
                a_record_gone_before_its_batch_is_not_in_it
                the_fate_of_a_batch_is_known_afterwards
                settling_is_harmless);
            $crate::contract_cases!($make, changing:
                fields_change_once_and_nothing_else_does
                a_change_that_moves_the_start_is_taken_back
                a_change_that_the_column_cannot_hold_is_refused
                a_value_that_the_method_cannot_read_stays
                an_aborted_change_changes_nothing);
            $crate::contract_cases!($make, counting:
                what_goes_is_counted_once
                small_cells_are_seen_together
                counts_with_a_limit_and_without_are_not_mixed
                an_aborted_batch_counts_nothing
                what_is_held_is_not_counted
                an_earlier_history_stays
                a_sum_that_is_too_large_takes_the_batch_back
                companions_are_not_counted
                a_table_that_cannot_receive_is_refused);
            $crate::contract_cases!($make, linking:
                a_linked_field_is_read_and_missing_rows_are_unknown
                the_start_may_stand_in_the_linked_row
                linked_fields_decide_what_is_deleted
                what_is_reached_can_be_kept
                companions_go_with_their_record
                companions_of_an_aborted_batch_stay
                rows_without_their_record_are_counted);
            $crate::contract_cases!($make, random:
                every_answer_is_the_one_in_memory
                every_deletion_is_the_one_in_memory);
        }
    };
}

/// The tests of one part of the suite; used by [`contract!`](crate::contract!) only.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($make:expr, $part:ident: $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                let make = $make;
                $crate::adapter::contract::$part::$case(&|| ::std::boxed::Box::new(make()));
            }
        )+
    };
}
