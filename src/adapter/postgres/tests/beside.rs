//! What is asked beside a walk, and taken back while the server answers it.

use super::{connect, deletion, number, target, world};
use crate::adapter::api::Inspect as _;
use crate::adapter::api::{Group, StoreErrorKind};
use crate::adapter::recall::Recall;
use crate::model::predicate::Predicate;

/// How many questions wait for the table. A server leaves the queue of a lock before it says that it gave up, while
/// what it tells of a session's activity may come after that.
const ASKED: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' \
                     AND relation = 'records'::regclass";

#[test]
fn a_question_that_is_taken_back_ends_at_once_on_the_server_too() {
    let world = world("CREATE TABLE records (id int PRIMARY KEY, at timestamptz)");
    let recall = Recall::default();
    let store = world.store.beside(&recall).expect("no replica lags behind");
    let job = deletion(target(), Predicate::Always(true));
    let survey = || store.survey(&job.scope, &job.predicate, &job.start, std::slice::from_ref(&job.due));
    let groups = [Group { predicate: job.predicate.clone(), start: None, samples: 0 }];
    assert_eq!(survey().unwrap().counts, [0]);
    // Whoever asks waits for as long as this is locked; nobody waits for a lock that long here.
    world.other.run("BEGIN; LOCK TABLE records").unwrap();
    // A transaction keeps seeing what it saw at first of what others ask.
    let third = connect("postgres", &world.database);
    let asked = || third.one(ASKED, &[]).unwrap().get::<_, i64>(0);
    let refused = std::thread::scope(|scope| {
        let asking = scope.spawn(survey);
        while asked() == 0 {
            assert!(!asking.is_finished(), "it does not wait for the lock");
        }
        recall.ask();
        asking.join().unwrap().unwrap_err()
    });
    assert_eq!(
        (refused.kind, refused.why.as_str()),
        (StoreErrorKind::Unavailable, "the question was taken back")
    );
    assert_eq!(asked(), 0, "the server still waits for it");
    world.other.run("COMMIT").unwrap();
    assert!(store.count(&job.scope, &groups).is_err(), "nothing more is asked");
    assert_eq!(number(&world, "SELECT count(*) FROM records"), 0);
    assert!(world.store.count(&job.scope, &groups).is_ok(), "the others go on asking");
}
