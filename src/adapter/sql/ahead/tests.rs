use super::*;

/// Stands in for a connection: everything in its places goes.
#[derive(Default)]
struct Toy {
    open: bool,
}

impl Hand for Toy {
    type Question = ();

    fn strike(&mut self, places: &Places, (): &(), _: bool, telling: &Telling) -> Result<Struck, StoreError> {
        assert!(!std::mem::replace(&mut self.open, true), "one transaction at a time");
        for part in keys(places).chunks(3) {
            let mut list = KeyList::default();
            for key in part {
                list.push(key);
            }
            telling.say(list);
        }
        Ok(Struck { records: keys(places), spool: Vec::new() })
    }

    fn commit(&mut self, _: &BatchId) -> Result<(), StoreError> {
        self.open = false;
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), StoreError> {
        self.open = false;
        Ok(())
    }
}

fn keys(places: &Places) -> Vec<Key> {
    places.clone().map(|place| Key::from_int(i64::try_from(place).unwrap())).collect()
}

fn ahead(workers: usize, sharing: Sharing, places: u64) -> Ahead<()> {
    let size = Size { places, fullest: 1.0, records: places as f64, due: places };
    Ahead::new((0..workers).map(|_| Toy::default()).collect(), sharing, &size)
}

fn batch() -> BatchId {
    BatchId::at(crate::adapter::contract::suite::now())
}

#[test]
fn every_place_is_given_out_once_and_again_after_it_was_taken_back() {
    for sharing in [Sharing::InTurn, Sharing::Apart] {
        for (workers, places, want) in
            [(1, 1, 10), (1, 1_000, 7), (2, 1_000, 30), (3, 999, 100), (2, 50, 40), (4, 10_000, 99)]
        {
            let mut ahead = ahead(workers, sharing, places);
            let (mut gone, mut batches) = (Vec::new(), 0);
            while ahead.look(want, (), &HashSet::new()).unwrap() {
                batches += 1;
                let prepared = ahead.hand_over(batch());
                if batches % 5 == 0 {
                    prepared.abort().unwrap();
                } else {
                    gone.extend_from_slice(prepared.records());
                    prepared.commit().unwrap();
                }
            }
            gone.sort_unstable();
            let mut all = keys(&(0..places));
            all.sort_unstable();
            assert!(gone == all, "{sharing:?}, {workers} workers, {places} places, {want} wanted");
        }
    }
}

#[test]
fn those_who_work_apart_never_touch() {
    let mut ahead = ahead(3, Sharing::Apart, 5_000);
    while ahead.look(40, (), &HashSet::new()).unwrap() {
        let mut at_work: Vec<Places> = ahead.workers.iter().filter_map(|worker| worker.at.clone()).collect();
        at_work.extend(ahead.found.as_ref().map(|found| found.places.clone()));
        at_work.sort_unstable_by_key(|places| places.start);
        let touching = at_work.windows(2).find(|two| two[0].end >= two[1].start);
        assert_eq!(touching, None, "{at_work:?}");
        ahead.hand_over(batch()).commit().unwrap();
    }
}

/// Whoever listens is told of the batch that comes, or at least that nothing more is told, by the time it lies ready.
#[test]
fn the_next_batch_is_told_before_it_is_handed_over() {
    for (sharing, workers) in
        [(Sharing::InTurn, 1), (Sharing::InTurn, 3), (Sharing::Apart, 1), (Sharing::Apart, 2)]
    {
        let mut ahead = ahead(workers, sharing, 1_000);
        let (mut batches, mut as_told) = (0, 0);
        let mut listening: Option<Receiver<KeyList>> = None;
        loop {
            let heard = listening.take();
            let (to, from) = channel();
            ahead.foretell(Some(to));
            listening = Some(from);
            let more = ahead.look(30, (), &HashSet::new()).unwrap();
            let lists: Vec<KeyList> = heard.into_iter().flatten().collect();
            if !more {
                assert!(lists.is_empty() && listening.is_some_and(|after| after.recv().is_err()));
                break;
            }
            let prepared = ahead.hand_over(batch());
            let told = lists.iter().flat_map(KeyList::encoded);
            as_told += usize::from(told.eq(prepared.records().iter().map(Key::as_bytes)));
            batches += 1;
            prepared.commit().unwrap();
        }
        if sharing == Sharing::InTurn || workers == 1 {
            assert_eq!(as_told, batches - 1, "{sharing:?}, {workers} workers: all but the first");
        }
    }
}

#[test]
fn who_listens_does_not_wait_for_a_batch_that_nobody_begins() {
    for workers in [1, 2] {
        let mut ahead = ahead(workers, Sharing::Apart, 1_000);
        for keeps in [true, false] {
            let (to, from) = channel();
            ahead.foretell(Some(to));
            assert!(ahead.look(30, (), &HashSet::new()).unwrap());
            let prepared = ahead.hand_over(batch());
            if keeps {
                prepared.abort().unwrap();
            } else {
                drop(prepared);
            }
            assert!(from.into_iter().map(|list| list.len()).sum::<usize>() <= 60);
        }
        let (to, from) = channel();
        ahead.foretell(Some(to));
        assert!(ahead.look(30, (), &HashSet::new()).unwrap());
        drop(ahead.hand_over(batch()));
        ahead.rest().unwrap();
        assert!(from.into_iter().count() <= 30);
    }
}

/// A batch after which nobody wants to be told leaves nobody waiting who listened to it.
#[test]
fn who_listens_is_told_no_more_when_the_batch_lies_ready_though_nobody_listens_after() {
    let mut ahead = ahead(2, Sharing::InTurn, 1_000);
    let (to, from) = channel();
    ahead.foretell(Some(to));
    assert!(ahead.look(30, (), &HashSet::new()).unwrap());
    ahead.hand_over(batch()).commit().unwrap();
    assert!(ahead.heard[1].is_some(), "the second batch is told");
    ahead.foretell(None);
    assert!(ahead.look(30, (), &HashSet::new()).unwrap());
    assert!(ahead.heard.iter().all(Option::is_none), "and it lies ready");
    assert!(from.into_iter().map(|list| list.len()).sum::<usize>() <= 60);
}

/// What was begun while another batch was dealt with was begun at the size of then.
#[test]
fn a_batch_says_for_which_size_it_was_begun() {
    let mut ahead = ahead(1, Sharing::InTurn, 1_000);
    let mut begun = Vec::new();
    for want in [10, 40, 40] {
        assert!(ahead.look(want, (), &HashSet::new()).unwrap());
        let prepared = ahead.hand_over(batch());
        begun.push((prepared.head_start().unwrap().want, prepared.records().len()));
        prepared.commit().unwrap();
    }
    assert_eq!(begun, [(10, 10), (10, 10), (40, 40)]);
}
